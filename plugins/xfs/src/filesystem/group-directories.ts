/**
 * A directory in each allocation group. XFS places a new file in the group of its
 * directory, and the file's blocks near its inode: the directory is the only rudder
 * there is. Directories that exist are used, so that nothing has to be made; where a
 * group has none, one is made, used once and removed.
 */
import { closeSync, constants, mkdtempSync, fstatSync, openSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { failedWith, openTemporaryFile } from 'bootpack/kernel'
import { xfsBulkstat, xfsInode } from '../kernel/bulkstat.js'
import { directory, typeMask, type XfsFilesystem } from './xfs-filesystem.js'

const batch = 1024
/** Looking for a directory in every group ends here; what was found by then is used. */
const mostInodes = 500_000

export class GroupDirectories {
  private known: Map<number, { inode: number; generation: number }> | undefined

  private readonly filesystem: XfsFilesystem

  constructor(filesystem: XfsFilesystem) {
    this.filesystem = filesystem
  }

  /**
   * A nameless file whose inode lies in the group where that is possible, else anywhere.
   * It is gone when its descriptor is closed or the process dies.
   * @throws KernelError
   */
  temporaryFile(group: number): number {
    const found = this.inGroup(group)
    if (found !== undefined) {
      try {
        return openTemporaryFile(`/proc/self/fd/${found}/.`)
      } finally {
        closeSync(found)
      }
    }
    return this.madeFor(group)
  }

  private inGroup(group: number): number | undefined {
    this.known ??= this.look()
    const { filesystem } = this
    const known = this.known.get(group)
    if (!known) return undefined
    try {
      return filesystem.openInode(known, constants.O_RDONLY | constants.O_DIRECTORY)
    } catch (error) {
      if (!failedWith(error, 'ESTALE', 'ENOENT', 'EINVAL')) throw error
      this.known.delete(group)
      return undefined
    }
  }

  /** One directory per group, the first of each. */
  private look(): Map<number, { inode: number; generation: number }> {
    const { root, geometry } = this.filesystem
    const found = new Map<number, { inode: number; generation: number }>()
    let seen = 0
    for (let from = 0; found.size < geometry.groupCount && seen < mostInodes;) {
      const inodes = xfsBulkstat(root, from, batch)
      if (inodes.length === 0) break
      seen += inodes.length
      for (const { inode, generation, mode } of inodes) {
        const group = this.filesystem.groupOfInode(inode)
        if ((mode & typeMask) === directory && !found.has(group)) found.set(group, { inode, generation })
      }
      from = inodes.at(-1)!.inode + 1
    }
    return found
  }

  /** New directories go round the groups; the first that lands in ours is kept for one file. */
  private madeFor(group: number): number {
    const { filesystem } = this
    const most = Math.min(filesystem.geometry.groupCount + 1, 64)
    for (let attempt = 0; attempt < most; attempt++) {
      const path = mkdtempSync(join(filesystem.mountPoint, '.bootpack-'))
      try {
        const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
        try {
          const { ino } = fstatSync(fd)
          const last = attempt === most - 1
          if ((filesystem.groupOfInode(ino) === group || last) && xfsInode(filesystem.root, ino) !== undefined) {
            return openTemporaryFile(`/proc/self/fd/${fd}/.`)
          }
        } finally {
          closeSync(fd)
        }
      } finally {
        rmdirSync(path)
      }
    }
    return openTemporaryFile(filesystem.mountPoint)
  }
}
