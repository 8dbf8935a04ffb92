import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** What kind of disk bytes come from. */
export type DeviceKind = 'rotational' | 'solid-state' | 'network' | 'virtual' | 'unknown'

export interface BackingDevice {
  readonly kind: DeviceKind
  /** As under /sys/block: 'sda', 'nvme0n1'. */
  readonly name?: string
}

/**
 * The disk behind a path: for a block device itself, for a file or folder the device
 * of its filesystem. Read from sysfs; nothing is opened.
 * @param sysfs '/sys', but for tests
 */
export function backingDevice(path: string, sysfs = '/sys'): BackingDevice {
  const stats = statSync(path)
  const device = stats.isBlockDevice() ? stats.rdev : stats.dev
  // The encoding of glibc's makedev().
  const major = (device >>> 8) & 0xfff
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00)
  return deviceAt(join(sysfs, 'dev/block', `${major}:${minor}`))
}

/** @param link a device's folder in sysfs; partitions lie inside their disk's */
export function deviceAt(link: string): BackingDevice {
  let folder: string
  try {
    folder = realpathSync(link)
  } catch {
    return { kind: 'unknown' }
  }
  if (!existsSync(join(folder, 'queue'))) folder = join(folder, '..')
  const name = folder.split('/').at(-1)!
  const rotational = read(join(folder, 'queue/rotational'))
  if (/^(nbd|rbd|drbd|zram)/.test(name)) return { kind: name.startsWith('zram') ? 'virtual' : 'network', name }
  // A virtual disk says rotational unless its host says better.
  if (/^(vd|xvd|loop|ram)/.test(name)) return { kind: 'virtual', name }
  if (rotational === '1') return { kind: 'rotational', name }
  if (rotational === '0') return { kind: 'solid-state', name }
  return { kind: 'unknown', name }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
