/**
 * Whether somebody else uses the bytes of an image or device: mounts in any mount
 * namespace that can be seen, swap, loop devices, device mapper and RAID.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, deviceNumber, relatedDevices, statOf, type Identity, type RelatedDevice } from './block-devices.js'
import { parseMountinfo, parseSwaps, type Mount } from './mountinfo.js'

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
}

/** @returns every use that can be seen, mounts first */
export function findUses(identity: Identity): Use[] {
  const related = relatedDevices(identity)
  const byNumber = new Map(related.map((device) => [device.device, device]))
  const through = (device: RelatedDevice): string | undefined =>
    device.as === 'itself' ? undefined : `/dev/${device.name}`
  const uses: Use[] = []

  for (const mount of allMounts()) {
    const device = byNumber.get(mount.device) ?? byNumber.get(sourceDevice(mount.source) ?? '')
    const direct = identity.kind === 'file' && isSameFile(mount.source, identity)
    if (!device && !direct) continue
    uses.push({
      as: 'mount',
      through: device && through(device),
      mountPoint: mount.mountPoint,
      readOnly: mount.readOnly,
      unsure: device?.unsure ?? false,
    })
  }
  for (const path of parseSwaps(textOf('/proc/swaps'))) {
    const device = byNumber.get(sourceDevice(path) ?? '')
    const direct = identity.kind === 'file' && isSameFile(path, identity)
    if (device || direct)
      uses.push({ as: 'swap', through: device && through(device), readOnly: false, unsure: device?.unsure ?? false })
  }
  for (const device of related) {
    if (device.as === 'loop' || device.as === 'holder') {
      uses.push({ as: device.as, through: through(device), readOnly: false, unsure: device.unsure ?? false })
    }
  }
  return uses
}

/** The mounts of every mount namespace whose processes may be looked at, ours first. */
export function allMounts(): Mount[] {
  const mounts = parseMountinfo(textOf('/proc/self/mountinfo'))
  const seen = new Set([attempt(() => readlinkSync('/proc/self/ns/mnt'))])
  const key = (mount: Mount): string => `${mount.device} ${mount.mountPoint} ${mount.source}`
  const known = new Set(mounts.map(key))
  for (const process of attempt(() => readdirSync('/proc')) ?? []) {
    if (!/^\d+$/.test(process)) continue
    const namespace = attempt(() => readlinkSync(join('/proc', process, 'ns/mnt')))
    if (namespace === undefined || seen.has(namespace)) continue
    seen.add(namespace)
    for (const mount of parseMountinfo(textOf(join('/proc', process, 'mountinfo')))) {
      if (known.has(key(mount))) continue
      known.add(key(mount))
      mounts.push(mount)
    }
  }
  return mounts
}

/** Some filesystems (btrfs) mount with a number of their own; their source names the device. */
function sourceDevice(source: string): string | undefined {
  if (!source.startsWith('/')) return undefined
  const stats = statOf(source)
  return stats?.isBlockDevice() ? deviceNumber(stats.rdev) : undefined
}

/** FUSE filesystems such as fuse2fs name the image itself. */
function isSameFile(source: string, identity: Identity & { kind: 'file' }): boolean {
  if (!source.startsWith('/')) return false
  const stats = statOf(source)
  return stats !== undefined && stats.isFile() && stats.dev === identity.device && stats.ino === identity.inode
}

const textOf = (path: string): string => attempt(() => readFileSync(path, 'utf8')) ?? ''
