// The data disk of a stand-in host: it is mounted on the folders of all storages; set aside, the empty mount points
// show instead, as on a host whose disk did not come up.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { at, type MachineSettings } from './host-layout.ts'

function dataFolders(root: string, { gitaly }: MachineSettings): { mounted: string, aside: string }[] {
  const paths = [...new Set(gitaly.storages.map(({ path }) => path))]
  return paths.map((path, index) => ({ mounted: `${root}${path}`, aside: `${at(root, 'dataDisk')}/${index}` }))
}

export function mountDataDisk(root: string, settings: MachineSettings): void {
  for (const { mounted, aside } of dataFolders(root, settings)) {
    if (!existsSync(aside)) continue
    rmSync(mounted, { recursive: true, force: true })
    renameSync(aside, mounted)
  }
}

export function setDataDiskAside(root: string, settings: MachineSettings): void {
  mkdirSync(at(root, 'dataDisk'), { recursive: true })
  for (const { mounted, aside } of dataFolders(root, settings)) {
    if (!existsSync(mounted)) continue
    renameSync(mounted, aside)
    mkdirSync(mounted, { recursive: true })
  }
}
