/**
 * Whether somebody else uses the bytes of an image or device: mounts in any mount
 * namespace that can be seen, swap, loop devices, device mapper and RAID.
 *
 * A mount is told by the number of its device, which the kernel gives. Its source is a
 * word that whoever mounts chooses freely, in a namespace of his own without any
 * privilege: `unshare -Urm mount -t tmpfs /path/of/disk.img /mnt`. It counts for the
 * few filesystem types that have numbers of their own and do sit on what they name.
 */
import { deviceNumber, isIdentity, readText, statOf, type Identity } from './block-devices.js'
import { relatedDevices, type RelatedDevice } from './device-stack.js'
import { parseSwaps, type Mount } from './mountinfo.js'
import { allMounts } from './mounts.js'
import { openersOf, seesEverybody, type Opener } from './openers.js'

export interface Use {
  readonly as: 'mount' | 'swap' | 'loop' | 'holder'
  /** The device between, such as '/dev/loop0p1'; undefined where it is the target itself. */
  readonly through: string | undefined
  /** Of a mount: where. */
  readonly mountPoint?: string
  /** The filesystem there cannot be changed through it. */
  readonly readOnly: boolean
  /** See RelatedDevice. */
  readonly unsure: boolean
  readonly beside?: true
}

/** @returns every use that can be seen, mounts first */
export function findUses(identity: Identity): Use[] {
  const related = relatedDevices(identity)
  const byNumber = new Map(related.map((device) => [device.device, device]))
  const uses: Use[] = []
  for (const mount of allMounts()) {
    const device = byNumber.get(mount.device) ?? byNumber.get(namedDevice(mount) ?? '')
    if (!device && !servesFile(mount, identity)) continue
    uses.push({ as: 'mount', mountPoint: mount.mountPoint, readOnly: mount.readOnly, ...way(device) })
  }
  for (const path of parseSwaps(readText('/proc/swaps'))) {
    const stats = statOf(path)
    const device = byNumber.get(stats?.isBlockDevice() ? deviceNumber(stats.rdev) : '')
    if (device || (stats && isIdentity(stats, identity))) uses.push({ as: 'swap', readOnly: false, ...way(device) })
  }
  for (const device of related) {
    if (device.as === 'loop' || device.as === 'holder') uses.push({ as: device.as, readOnly: false, ...way(device) })
  }
  return uses
}

const way = (device: RelatedDevice | undefined): Pick<Use, 'through' | 'unsure' | 'beside'> => ({
  through: device === undefined || device.as === 'itself' ? undefined : `/dev/${device.name}`,
  unsure: device?.unsure ?? false,
  ...(device?.beside && { beside: true as const }),
})

/** Some filesystems mount with a number of their own; their source names the device. Root alone mounts them. */
const withOwnNumber = new Set(['btrfs', 'bcachefs'])

function namedDevice({ type, source }: Mount): string | undefined {
  if (!withOwnNumber.has(type) || !source.startsWith('/')) return undefined
  const stats = statOf(source)
  return stats?.isBlockDevice() ? deviceNumber(stats.rdev) : undefined
}

/**
 * FUSE filesystems such as fuse2fs name the image or device itself, or any other: who
 * may mount FUSE may claim so. Where everybody who has the target open is seen, a mount is
 * believed only when one of those could write to it as well.
 */
function servesFile({ type, source }: Mount, identity: Identity): boolean {
  if (!/^fuse(blk)?(\.|$)/.test(type) || !source.startsWith('/')) return false
  const stats = statOf(source)
  if (stats === undefined || !isIdentity(stats, identity)) return false
  if (!seesEverybody()) return true
  const mayWrite = ({ user, writes }: Opener): boolean =>
    writes || user === 0 || BigInt(user) === stats.uid || (Number(stats.mode) & 0o022) !== 0
  return openersOf(identity).some(mayWrite)
}
