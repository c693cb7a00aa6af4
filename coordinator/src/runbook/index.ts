// The runbook of one node, in order. Nothing else knows the order.
import { checkLog } from './check-log.ts'
import { checkService } from './check-service.ts'
import { pointOfNoReturn } from './point-of-no-return.ts'
import { reboot } from './reboot.ts'
import { restoreWeight } from './restore-weight.ts'
import { settle } from './settle.ts'
import { soak } from './soak.ts'
import { stage } from './stage.ts'
import type { NodeStep } from './step.ts'
import { upgrade } from './upgrade.ts'
import { watch } from './watch.ts'
import { zeroWeight } from './zero-weight.ts'

export const runbook: readonly NodeStep[] = [
  stage, zeroWeight, settle, upgrade, // ahead of the slot: Gitaly runs
  pointOfNoReturn, reboot, checkService, checkLog, soak, // inside the slot: the outage
  restoreWeight, watch // the slot is free again
]
