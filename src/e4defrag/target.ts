/** What a target is, which filesystem it is on, and what of it must be known. */
import {
  closeSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  readlinkSync,
  realpathSync,
  statSync,
  type BigIntStats,
} from 'node:fs'
import { basename, join } from 'node:path'
import { deviceNumber } from '../host/block-devices.js'
import { parseMountinfo } from '../host/mountinfo.js'
import { fromUtf8, toBytes } from './bytes-text.js'
import type { GroupSizes } from './fragments.js'

export type TargetKind = 'device' | 'directory' | 'file'

export interface DefragTarget {
  readonly kind: TargetKind
  /** As it was given. */
  readonly given: string
  /** Absolute, without links; for a device where it is mounted. */
  readonly path: string
  /** Where its filesystem is mounted. */
  readonly mountPoint: string
  /** Bytes. */
  readonly blockSize: number
  readonly groups: SuperblockFacts
  readonly stats: BigIntStats
}

/** What the superblock tells; only root may read it. */
export interface SuperblockFacts extends GroupSizes {
  /** With it, a crash while blocks move was seen to leave the filesystem unmountable. */
  readonly fastCommit: boolean
}

/** Why a target is passed over: lines for standard error. */
export class NoTarget extends Error {}

const notExt4 = 'Filesystem is not ext4 filesystem\n'

/** @throws NoTarget */
export function openTarget(given: string, isRoot: boolean): DefragTarget {
  let stats = lookAt(given)
  if (stats.isSymbolicLink()) {
    // Device names are often links, such as those of LVM.
    const behind = attempt(() => statSync(toBytes(given), { bigint: true }))
    if (behind?.isBlockDevice()) stats = behind
  }
  if (stats.isBlockDevice()) {
    const mount = mountOf(deviceNumber(stats.rdev))
    if (!mount) throw new NoTarget('Filesystem is not mounted\n')
    if (mount.type !== 'ext4') throw new NoTarget(notExt4)
    const path = fromUtf8(mount.mountPoint)
    return { kind: 'device', given, path, mountPoint: path, ...sizes(lookAt(path), isRoot) }
  }
  if (!stats.isDirectory() && !stats.isFile()) throw new NoTarget(`File is not regular file\n "${given}"\n`)
  const mount = mountOf(deviceNumber(stats.dev))
  if (mount?.type !== 'ext4') throw new NoTarget(notExt4)
  const path = realpathSync(toBytes(given), { encoding: 'buffer' }).toString('latin1')
  return {
    kind: stats.isDirectory() ? 'directory' : 'file',
    given,
    path,
    mountPoint: fromUtf8(mount.mountPoint),
    ...sizes(stats, isRoot),
  }
}

function lookAt(path: string): BigIntStats {
  try {
    return lstatSync(toBytes(path), { bigint: true })
  } catch (error) {
    const why =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'No such file or directory' : (error as Error).message
    throw new NoTarget(`Failed to get file information: ${why}\n "${path}"\n`)
  }
}

const mountOf = (number: string): { type: string; mountPoint: string } | undefined =>
  parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).find(({ device }) => device === number)

const sizes = (stats: BigIntStats, isRoot: boolean): Pick<DefragTarget, 'blockSize' | 'groups' | 'stats'> => ({
  blockSize: Number(stats.blksize),
  groups: isRoot ? readFacts(deviceNumber(stats.dev)) : unknown,
  stats,
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
