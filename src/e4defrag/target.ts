/** What a target is, which filesystem it is on, and what of it must be known. */
import { closeSync, constants, openSync, readFileSync, readSync, readlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path/posix'
import { parseMountinfo, type Mount } from '../host/mountinfo.js'
import { withHeld } from '../host/walk.js'
import { errnoOf } from '../kernel/errno.js'
import { statusOf, type FileStatus } from '../kernel/statx.js'
import { strerror } from '../kernel/strerror.js'
import { fromUtf8, shown, toBytes } from './bytes-text.js'
import type { GroupSizes } from './fragments.js'

export type TargetKind = 'device' | 'directory' | 'file'

/** Held by a descriptor from the first look on; `closeTarget` lets it go. */
export interface DefragTarget {
  readonly kind: TargetKind
  /** As it was given, fit to be shown. */
  readonly given: string
  /** Absolute, without links; for a device where it is mounted. */
  readonly path: string
  /** Where its filesystem is mounted, and which folder of it. */
  readonly mountPoint: string
  readonly mountRoot: string
  /** Bytes. */
  readonly blockSize: number
  readonly groups: SuperblockFacts
  readonly status: FileStatus
  /** Descriptor (O_PATH) of the folder, for a file of the folder it is in. */
  readonly top: number
  /** Of a file, in that folder. */
  readonly name?: Buffer
}

/** What the superblock tells; only root may read it. */
export interface SuperblockFacts extends GroupSizes {
  /** With it, a crash while blocks move was seen to leave the filesystem unmountable. */
  readonly fastCommit: boolean
}

/** Why a target is passed over: lines for standard error. */
export class NoTarget extends Error {}

const notExt4 = 'Filesystem is not ext4 filesystem\n'

const O_PATH = 0o10000000

/** @throws NoTarget */
export function openTarget(given: string, isRoot: boolean): DefragTarget {
  let fd = holdGiven(given, constants.O_NOFOLLOW)
  let status = statusOf(fd)
  if (status.type === 'symlink') {
    // Device names are often links, such as those of LVM.
    const behind = attempt(() => holdGiven(given, 0))
    if (behind !== undefined) {
      closeSync(fd)
      fd = behind
      status = statusOf(fd)
      // Other links are not followed.
      if (status.type !== 'block-device') status = { ...status, type: 'symlink' }
    }
  }
  try {
    if (status.type === 'block-device') return deviceTarget(given, status.standsFor, isRoot)
    if (status.type !== 'directory' && status.type !== 'regular')
      throw new NoTarget(`File is not regular file\n "${shown(given)}"\n`)
    const path = readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).toString('latin1')
    const mount = mountOf(status.device, path)
    if (mount?.type !== 'ext4') throw new NoTarget(notExt4)
    const common = { given: shown(given), path, ...placeOf(mount), ...sizes(status, isRoot) }
    if (status.type === 'regular') return { kind: 'file', ...common, ...holdFolder(given, path, status) }
    const top = fd
    fd = -1
    return { kind: 'directory', ...common, top }
  } finally {
    if (fd >= 0) closeSync(fd)
  }
}

export const closeTarget = ({ top }: DefragTarget): void => closeSync(top)

function holdGiven(given: string, flags: number): number {
  try {
    return openSync(toBytes(given), O_PATH | flags)
  } catch (error) {
    const why = strerror(errnoOf(error) ?? 5)
    throw new NoTarget(`Failed to get file information: ${why}\n "${shown(given)}"\n`)
  }
}

/** The folder a file is in, in which it must still have its name. */
function holdFolder(given: string, path: string, status: FileStatus): Pick<DefragTarget, 'top' | 'name'> {
  const name = toBytes(basename(path))
  const top = holdGiven(dirname(path), 0)
  const same = attempt(() =>
    withHeld(top, name, ({ inode, device }) => inode === status.inode && device === status.device),
  )
  if (same) return { top, name }
  closeSync(top)
  throw new NoTarget(`Failed to get file information: it was moved\n "${shown(given)}"\n`)
}

function deviceTarget(given: string, device: string, isRoot: boolean): DefragTarget {
  const mounts = mountsOf(device)
  if (mounts.length === 0) throw new NoTarget('Filesystem is not mounted\n')
  if (mounts[0]!.type !== 'ext4') throw new NoTarget(notExt4)
  for (const mount of mounts) {
    const path = fromUtf8(mount.mountPoint)
    const top = holdGiven(path, 0)
    const status = statusOf(top)
    if (status.device === device)
      return { kind: 'device', given: shown(given), path, ...placeOf(mount), ...sizes(status, isRoot), top }
    // Another filesystem is mounted over it.
    closeSync(top)
  }
  throw new NoTarget('Filesystem is mounted where it cannot be seen\n')
}

/** Those that show all of it first. */
function mountsOf(device: string): Mount[] {
  const mounts = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).filter((mount) => mount.device === device)
  return mounts.sort((a, b) => Number(b.root === '/') - Number(a.root === '/'))
}

/** The mount a path is seen through, as far as names tell. */
function mountOf(device: string, path: string): Mount | undefined {
  const mounts = mountsOf(device)
  const above = mounts
    .filter(({ mountPoint }) => mountPoint === '/' || `${path}/`.startsWith(`${fromUtf8(mountPoint)}/`))
    .sort((a, b) => b.mountPoint.length - a.mountPoint.length)
  return above[0] ?? mounts[0]
}

const placeOf = ({ mountPoint, root }: Mount): Pick<DefragTarget, 'mountPoint' | 'mountRoot'> => ({
  mountPoint: fromUtf8(mountPoint),
  mountRoot: root,
})

const sizes = (status: FileStatus, isRoot: boolean): Pick<DefragTarget, 'blockSize' | 'groups' | 'status'> => ({
  blockSize: status.blockSize,
  groups: isRoot ? readFacts(status.device) : unknown,
  status,
})

const unknown: SuperblockFacts = { blocksPerGroup: 0, groupsPerFlex: 1, fastCommit: false }

/** A few fields of the superblock of the mounted device. */
function readFacts(number: string): SuperblockFacts {
  return (
    attempt(() => {
      const name = basename(readlinkSync(join('/sys/dev/block', number))).replaceAll('!', '/')
      const fd = openSync(join('/dev', name), 'r')
      try {
        const superblock = Buffer.alloc(1024)
        readSync(fd, superblock, 0, 1024, 1024)
        const s_blocks_per_group = superblock.readUInt32LE(0x20)
        const s_feature_compat = superblock.readUInt32LE(0x5c)
        const s_feature_incompat = superblock.readUInt32LE(0x60)
        const s_log_groups_per_flex = superblock.readUInt8(0x174)
        const flexible = (s_feature_incompat & 0x200) !== 0 && s_log_groups_per_flex < 32
        return {
          blocksPerGroup: s_blocks_per_group,
          groupsPerFlex: flexible ? 2 ** s_log_groups_per_flex : 1,
          fastCommit: (s_feature_compat & 0x400) !== 0,
        }
      } finally {
        closeSync(fd)
      }
    }) ?? unknown
  )
}

function attempt<Result>(action: () => Result): Result | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}
