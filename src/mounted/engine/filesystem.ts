/**
 * Which mounted ext4 filesystem a path or device belongs to, and how the kernel
 * calls it: mount point, block device, the folder of its settings below /sys.
 */
import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseMountinfo, type Mount } from '../../host/mountinfo.js'
import { deviceNumber } from '../../host/block-devices.js'
import { refused, unsupported } from '../../errors.js'
import { type Target } from '../../volume/target.js'
import { quoted } from '../../text/json-text.js'

/** The way out for who named a path on a filesystem that no engine knows. */
export const packable = 'Name a path on a mounted ext4 or XFS filesystem, an unmounted device, or an image file.'

export interface MountedFilesystem {
  /** Where its root is mounted. */
  readonly mountPoint: string
  /** 'major:minor' */
  readonly number: string
  /** '/dev/sda2' */
  readonly device: string
  /** Its name below /sys/fs/ext4 and /proc/fs/ext4: 'sda2', 'dm-0'. */
  readonly name: string
  readonly type: string
  /** The filesystem, not just this mount of it. */
  readonly readOnly: boolean
}

const rootInode = 2

/**
 * @param target anything on the filesystem, or the block device it is on
 * @returns undefined when the target is a device that is not mounted
 * @throws unsupported when it is no disk filesystem or only a part of it is mounted
 */
export function findMounted(target: Target): MountedFilesystem | undefined {
  const stats = statSync(target.path, { bigint: true })
  const number = deviceNumber(target.kind === 'block-device' ? stats.rdev : stats.dev)
  const all = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))
  const mounts = all.filter(({ device }) => device === number)
  if (mounts.length === 0) {
    if (target.kind === 'block-device') return undefined
    // Subvolumes of btrfs have device numbers that no mount has.
    const type = mountCovering(all, target.path)?.type ?? 'a filesystem of its own kind'
    throw unsupported(
      'not-a-disk-filesystem',
      `${quoted(target.given)} lies on ${type}; bootpack moves blocks of mounted ext4 and XFS.`,
      packable,
    )
  }
  const { type, readOnly } = mounts[0]!
  const name = deviceName(number)
  // Several mounts may show only a folder of it (bind mounts), or lie under another mount by now.
  const whole = mounts.find(({ mountPoint }) => showsRoot(mountPoint, number))
  if (!whole && type === 'ext4') {
    throw refused(
      'partly-mounted',
      `Only a folder of the filesystem of ${quoted(target.given)} is mounted here (at ${quoted(mounts[0]!.mountPoint)}).`,
      `Mount all of it first: mount /dev/${name} SOMEWHERE`,
    )
  }
  return {
    mountPoint: (whole ?? mounts[0]!).mountPoint,
    number,
    device: `/dev/${name.replaceAll('!', '/')}`,
    name,
    type,
    readOnly,
  }
}

/** The mount a path lies on: of those above it the deepest, and of these the last. */
function mountCovering(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) {
    const above = mount.mountPoint === '/' || `${path}/`.startsWith(`${mount.mountPoint}/`)
    if (above && mount.mountPoint.length >= (best?.mountPoint.length ?? 0)) best = mount
  }
  return best
}

function deviceName(number: string): string {
  try {
    return basename(readlinkSync(join('/sys/dev/block', number)))
  } catch {
    return number
  }
}

function showsRoot(mountPoint: string, number: string): boolean {
  const stats = statSync(mountPoint, { bigint: true, throwIfNoEntry: false })
  return stats !== undefined && deviceNumber(stats.dev) === number && stats.ino === BigInt(rootInode)
}
