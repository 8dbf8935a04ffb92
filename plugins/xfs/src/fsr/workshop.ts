import { GroupDirectories } from '../filesystem/group-directories.js'
import type { XfsMount } from '../filesystem/mounts.js'
import { XfsFilesystem } from '../filesystem/xfs-filesystem.js'
import type { Workshop } from './defragment-file.js'
import { MappedFiles } from './mapped-files.js'

export interface WorkshopOptions {
  readonly dryRun: boolean
  readonly near?: number
  readonly onDetail?: (text: string) => void
}

/** Opens a mounted filesystem for the time of `work`. */
export async function withWorkshop<Result>(
  mount: XfsMount,
  options: WorkshopOptions,
  work: (workshop: Workshop) => Promise<Result>,
): Promise<Result> {
  const filesystem = XfsFilesystem.open(mount.mountPoint)
  try {
    return await work({
      filesystem,
      directories: new GroupDirectories(filesystem),
      mapped: new MappedFiles(mount.number),
      ...options,
    })
  } finally {
    filesystem.close()
  }
}
