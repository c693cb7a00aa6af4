// Bugs that the simulator must see, at least one for each invariant of the design: a line of the product, what it becomes, and
// the words in which the history checker then complains. A bug whose line is gone fails its test.
interface Change { readonly file: string, readonly line: string, readonly instead: string }

export interface Bug {
  readonly name: string
  readonly invariant: number
  readonly changes: readonly Change[]
  readonly seen: RegExp
  /** Seed to begin with; where the search for a rare one has been short. */
  readonly from?: number
  /** Time zone of the host, for a bug that shows in some only. */
  readonly zone?: string
}

const change = (file: string, line: string, instead: string): Change => ({ file: `coordinator/src/${file}`, line, instead })

export const bugs: readonly Bug[] = [
  { name: 'a coordinator that lost its lease goes on', invariant: 1, from: 3000, seen: /though the lease was not its own/,
    changes: [change('engine/lease-keeper.ts', 'if (this.#held === null || this.#stopped || !leaseCovers(', 'if (this.#held === undefined && leaseCovers('),
      change('engine/engine.ts', "if (this.#stopped) throw new Fault('LEASE_LOST', 'the engine has stopped')", '')] },
  { name: 'orders carry the epoch of the first coordinator', invariant: 1, seen: /under epoch 1; its lease has/,
    changes: [change('engine/agent-effects.ts', 'order, epoch, fleet: plan.fleet', 'order, epoch: Math.min(epoch, 1), fleet: plan.fleet')] },
  { name: 'frozen stops nothing', invariant: 1, seen: /while frozen/,
    changes: [change('runbook/draft.ts', 'frozen === null || !mutating.has(kind)', 'frozen === null || mutating.size > 0 || kind === kind'), change('engine/engine.ts', 'this.#observed.frozen !== null && !frozenToo', 'this.#observed.frozen !== null && this.#observed.epoch < 0 && !frozenToo'),
      change('engine/agent-effects.ts', 'hands.observed().frozen === null && ', ''), change('engine/gitlab-effects.ts', 'hands.observed().frozen === null && ', ''),
      change('domain/gates.ts', 'if (observed.frozen !== null) ', 'if (observed.frozen !== null && now < 0) ')] },

  { name: 'one slot more', invariant: 2, seen: /took a slot while \d+ were taken/,
    changes: [change('domain/slots.ts', 'policy.groupSize - taken', 'policy.groupSize + 1 - taken')] },
  { name: 'time frees a slot', invariant: 2, seen: /nodes down at once|held no slot|without a slot/,
    changes: [change('domain/fold.ts', '({ overdue: true, reasons: event.reasons })', '({ overdue: true, holdsSlot: false, reasons: event.reasons })')] },
  { name: 'the budget is one more than the plan says', invariant: 2, seen: /with \d+ failed; the budget is/,
    changes: [change('domain/slots.ts', '>= state.window.failureBudget', '> state.window.failureBudget')] },
  { name: 'a halt is not sticky', invariant: 2, seen: /while the window was halted/,
    changes: [change('domain/gates.ts', 'if (window.halt !== null) reasons', 'if (window.halt !== null && now < 0) reasons')] },
  { name: 'an order is sent again behind closed gates', invariant: 2, seen: /was sent while the window was/,
    changes: [change('runbook/sent-again.ts', 'if (gatesOf(view).length > 0) return false', '')] },
  { name: 'a blind coordinator blames its nodes', invariant: 2, seen: /blamed while the coordinator was cut off/,
    changes: [change('runbook/overdue.ts', 'if (idle.length === 0) return null', 'if (idle.length >= 0) return null')] },
  { name: 'no canary', invariant: 2, seen: /before the canary/,
    changes: [change('runbook/node-turns.ts', 'const proven = !', 'const proven = true || !')] },
  { name: 'a store that was put back rolls on', invariant: 2, seen: /while the window was put back with its store and not resumed/,
    changes: [change('domain/restored.ts', 'reasons.length > 0 ? [{', 'reasons.length > 1e9 ? [{'), change('engine/take-over.ts', 'mark === null || lines.length === 0 ? []', 'mark === null || lines.length >= 0 ? []')] },
  { name: 'a void reboot order is taken for a host that never went down', invariant: 2, seen: /is free and its Gitaly is down by itself/,
    changes: [change('runbook/reboot.ts', 'if (host.bootId !== intended.facts.bootId) return', 'if (host.bootId !== host.bootId) return'), change('runbook/reboot.ts', 'const stopped = stoppedUnordered(self, host)', 'const stopped = null as ReturnType<typeof stoppedUnordered>')] },
  { name: 'strict batches slide', invariant: 2, seen: /strict batch/,
    changes: [change('domain/slots.ts', 'if (policy.strictBatches && ', 'if (policy.strictBatches && taken < 0 && ')] },

  { name: 'an order leaves without an intent', invariant: 3, seen: /not journaled before/,
    changes: [change('engine/agent-effects.ts', 'return holds ? intent : []', 'return []')] },
  { name: 'a doubtful order is repeated without asking', invariant: 3, seen: /sent again before anybody asked/,
    changes: [change('runbook/order.ts', "return act({ kind: 'settle-order', node: self.node, step, orderId: intended.facts.orderId ?? '' })", "return act({ kind: 'order', order: reattach(view, step, intended), intent: [] })")] },

  { name: 'no promise before a weight goes', invariant: 4, seen: /without an open promise/,
    changes: [change('domain/weights.ts', "if (theirs || promise?.status !== 'open') intent", "if (theirs) intent")] },
  { name: 'the promise is a guess', invariant: 4, seen: /promises 50; what was read is/,
    changes: [change('domain/weights.ts', "subject: storage, node, previous: value }", "subject: storage, node, previous: 50 }")] },
  { name: 'a failed node gets its weight back', invariant: 4, seen: /goes back though it is not healthy/,
    changes: [change('domain/obligations.ts', "new Set(['returning', 'done',", "new Set(['failed', 'returning', 'done',")] },
  { name: 'the break-glass file is forgotten', invariant: 4, seen: /break-glass file does not say/,
    changes: [change('engine/journal.ts', 'if (!this.#glassIsStale) return', 'if (this.epoch > 0) return')] },
  { name: 'what a lost journal promised is forgotten', invariant: 4, seen: /before the store was put back; at .* nobody was told/,
    changes: [change('domain/lost-promises.ts', 'const told = lines.filter((line) => ', 'const told = lines.filter((line) => line.id === line.kind && line.id === line.subject && ')] },
  { name: 'a store that was put back pays before a person has spoken', invariant: 4, seen: /though the store was put back and no person has said/,
    changes: [change('domain/state.ts', 'window.restoredSeq > Math.max(', 'window.restoredSeq > 1e9 + Math.max(')] },
  { name: 'a weight from before a store was put back goes back unseen', invariant: 4, from: 26_500, seen: /goes back on the word of a store that was put back/,
    changes: [change('runbook/seen-since-restore.ts', 'if (!isDoubted(state, self)) return null', 'if (now > 0) return null')] },
  { name: 'what was taken over beside a lost write is nobody\'s', invariant: 4, seen: /was \d+ and is left at 0/,
    changes: [change('domain/lost-writes.ts', "case 'zero-weight': return isOfThisWindow", "case 'zero-weight': return isOfThisWindow && seq < 0")] },
  { name: 'a lost write stays in doubt for ever', invariant: 4, seen: /nobody has looked what became of a write/,
    changes: [change('runbook/lost-writes.ts', 'if (lostWrites(draft.state).length === 0) return', 'if (lostWrites(draft.state).length >= 0) return'), change('runbook/window-phases.ts', 'else if (lostWrites(draft.state).length > 0) return', 'else if (lostWrites(draft.state).length < 0) return')] },
  { name: 'a window closes with debts', invariant: 4, seen: /is closed and .* is not settled/,
    changes: [change('runbook/window-phases.ts', 'else if (open.length > 0) draft', 'else if (open.length < 0) draft')] },
  { name: 'the assigner comes back before the weights', invariant: 4, seen: /before all weights are settled/,
    changes: [change('domain/obligations.ts', "state.window.phase === 'settling' && openObligations(state).every(({ kind }) => kind === 'assigner')", "state.window.phase === 'settling'")] },

  { name: 'only own keys are sent', invariant: 5, seen: /is missing in a weight write/,
    changes: [change('domain/weights.ts', 'send: differs ? hash : null', 'send: differs ? own : null')] },
  { name: 'the floor is forgotten', invariant: 5, seen: /the floor is|all weights are zero/,
    changes: [change('domain/weights.ts', 'if (lowers && active < floor)', 'if (lowers && active < 0)'), change('domain/preflight.ts', 'if (left < floor)', 'if (left < -99)')] },
  { name: 'a lost write is not waited out', invariant: 5, seen: /whose answer was lost and which could still land/,
    changes: [change('domain/weights.ts', 'Math.max(0, ...[...state.writesInDoubt.values()].map(({ landsBy }) => landsBy))', '0 * state.writesInDoubt.size'), change('engine/gitlab-effects.ts', 'if (after > 0) throw', 'if (after > 1e9) throw')] },
  { name: 'what somebody else set is overwritten', invariant: 5, from: 250, seen: /by somebody else and is overwritten/,
    changes: [change('domain/weights.ts', 'if (current === 0) return', 'if (current !== previous) return'), change('domain/weights.ts', "if (verdict.how === 'paid' && verdict.by === 'pitstop' && previous !== 0) weights", "if (verdict.by === 'pitstop') weights")] },
  { name: 'a host that refuses its upgrade is taken for one that runs', invariant: 5, seen: /goes back though Gitaly of .* was down/,
    changes: [change('runbook/upgrade.ts', 'const stopped = stoppedUnordered(self, host)', 'const stopped = null as ReturnType<typeof stoppedUnordered>')] },
  { name: 'what was drained and does not go down is not looked at', invariant: 5, from: 5700, seen: /goes back though Gitaly of .* was down/,
    changes: [change('runbook/step-back.ts', " && stepOf(self, 'zero-weight') === undefined", '')] },
  { name: 'two writes at once', invariant: 5, seen: /while write \d+ was under way/,
    changes: [change('domain/effect.ts', "case 'settle-writes': case 'set-schedule': case 'cancel-pipeline': case 'write-weights': return 'gitlab-write'", "case 'settle-writes': case 'set-schedule': case 'cancel-pipeline': return effect.kind\n    case 'write-weights': return `write ${effect.changes.map(({ node }) => node).join()}`"), change('domain/weights.ts', 'Math.max(0, ...[...state.writesInDoubt.values()].map(({ landsBy }) => landsBy))', '0 * state.writesInDoubt.size'), change('engine/gitlab-effects.ts', 'if (after > 0) throw', 'if (after > 1e9) throw')] },

  { name: 'no soak', invariant: 6, seen: /the soak is \d+ ms/,
    changes: [change('runbook/soak.ts', 'verdict.healthyForMs >= soakMs', 'verdict.healthyForMs >= 0')] },
  { name: 'unknown is healthy', invariant: 6, seen: /was called healthy; it is not/,
    changes: [change('runbook/soak.ts', "if (verdict.status === 'healthy' && outsideOk && verdict.healthyForMs >= soakMs)", "if (verdict.status !== 'unhealthy')"),
      change('runbook/check-service.ts', "if (status === 'healthy' && outside === null)", "if (outside === null)")] },
  { name: 'the old boot counts as the new one', invariant: 6, seen: /under its old boot id|it never had boot/,
    changes: [change('runbook/reboot.ts', "verdict.bootId !== '' && verdict.bootId !== intended.facts.bootId", "verdict.bootId !== ''")] },
  { name: 'no watch', invariant: 6, seen: /the watch is \d+ ms/,
    changes: [change('runbook/watch.ts', 'if (isFromAfterTheWatch(view, look) && ', 'if (look.at >= 0 && ')] },

  { name: 'a failed node is rebooted again by itself', invariant: 7, seen: /was rebooted \d+ times, people asked for/,
    changes: [change('runbook/node-turns.ts', "if (self.phase === 'failed') drainAgain", "if (self.phase === 'failed' && self.holdsSlot && self.attempt < 3 && draft.state.window.phase === 'rolling') draft.record({ type: 'node-retried', node: self.node, by: 'pitstop', reason: 'again', mode: 'reboot' })\n    if (self.phase === 'failed') drainAgain")] },

  { name: 'closing time is an hour later', invariant: 8, from: 100, seen: /after the last moment that fits before closing/,
    changes: [change('domain/admission.ts', 'state.window.closesAt - downEstimate(state)', 'state.window.closesAt + 3_600_000 - downEstimate(state)')] },

  { name: 'closing time is meant in the time of the host', invariant: 8, zone: 'Europe/Berlin', seen: /after the last moment that fits before closing/,
    changes: [change('domain/admission.ts', 'state.window.closesAt - downEstimate(state)', 'state.window.closesAt - new Date(state.window.closesAt).getTimezoneOffset() * 60_000 - downEstimate(state)')] },

  { name: 'the last look sees no assigner and no weight', invariant: 9, from: 320, seen: /was told to reboot and .* was read/,
    changes: [change('runbook/point-of-no-return.ts', 'if (raised.length > 0 || foreign.length > 0) return', 'if (raised.length < 0) return'), change('runbook/point-of-no-return.ts', "if (gates.length > 0) return conclude('wait', gates)", '')] },
  { name: 'a node installs what it likes', invariant: 10, seen: /installs manifest/,
    changes: [change('runbook/upgrade.ts', "state.manifests.get(node.platform)?.hash ?? ''", "''")] },

  { name: 'an overdue node has no reasons', invariant: 11, seen: /node-overdue of .* and nobody says why/,
    changes: [change('runbook/overdue.ts', "reasons: [late, ...verdict?.reasons ?? []]", 'reasons: []'), change('runbook/overdue.ts', 'reasons: [late, fault.reason]', 'reasons: []')] },
  { name: 'nobody says why a node waits', invariant: 11, seen: /is \S+ \(\d+\) and nobody says why/,
    changes: [change('runbook/draft.ts', 'else this.#why.set(self.node, reasons)', 'else this.#why.set(self.node, [])')] },
  { name: 'what cannot be read opens the gate', invariant: 12, seen: /on a reading of GitLab that is/,
    changes: [change('domain/gates.ts', 'if (observed.gitlabFault !== null) reasons', 'if (observed.gitlabFault !== null && now < 0) reasons'), change('domain/gates.ts', 'if (observed.gitlab === null || !stillCounts(observed.gitlab.at, gitlabFreshMs, now)) {', 'if (observed.gitlab === null) {')] },
  { name: 'a firing alert closes nothing', invariant: 12, seen: /while alert .* had been firing/,
    changes: [change('domain/alert-gate.ts', 'explainAlerts(firing.filter(', 'explainAlerts(firing.slice(0, 0).filter(')] },
  { name: 'every alert of the fleet is taken for our doing', invariant: 12, seen: /while alert GitalyPermissionDenied of .* had been firing/,
    changes: [change('domain/alert-gate.ts', 'named === undefined || !isOurDoing(named)', 'named === undefined')] },
  { name: 'alerts that cannot be read open the gate', invariant: 12, seen: /slot-taken of .* on a reading of alerts that is/,
    changes: [change('domain/alert-gate.ts', 'return [...fault === null ? [] : [fault.reason], ...', 'return [...'), change('domain/alert-gate.ts', ': unread]', ': unread.slice(0, 0)]')] },
  { name: 'the last look reads no alerts', invariant: 12, seen: /was told to reboot (?:while alert|on a reading of alerts)/,
    changes: [change('engine/agent-effects.ts', '    readAlerts(hands)\n', '    hands.observed().alerts?.reading ?? null\n')] }
]
