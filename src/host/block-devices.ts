/** What an image or a device is, whatever it is called, and what sysfs says about devices. */
import { readdirSync, readFileSync, realpathSync, statSync, type BigIntStats } from 'node:fs'
import { dirname, join } from 'node:path'

/** An image file or block device, by what it is and not by what it is called. */
export type Identity =
  | { readonly kind: 'file'; readonly device: bigint; readonly inode: bigint; readonly size: number }
  | { readonly kind: 'block'; readonly device: string }

export type FileIdentity = Identity & { readonly kind: 'file' }

export function identify(stats: BigIntStats): Identity {
  return stats.isBlockDevice()
    ? { kind: 'block', device: deviceNumber(stats.rdev) }
    : { kind: 'file', device: stats.dev, inode: stats.ino, size: Number(stats.size) }
}

/** The kernel's spelling of a device number; the C library packs it into 64 bits. */
export function deviceNumber(packed: bigint): string {
  const major = ((packed >> 8n) & 0xfffn) | ((packed >> 32n) & 0xfffff000n)
  const minor = (packed & 0xffn) | ((packed >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

/** The same the other way. */
export function packedDevice(number: string): bigint {
  const [major = 0n, minor = 0n] = number.split(':').map(BigInt)
  return ((major & 0xfffn) << 8n) | ((major & 0xfffff000n) << 32n) | (minor & 0xffn) | ((minor & 0xffffff00n) << 12n)
}

/** Whether what a path leads to is that very file or device. */
export function isIdentity(stats: BigIntStats, identity: Identity): boolean {
  return identity.kind === 'block'
    ? stats.isBlockDevice() && deviceNumber(stats.rdev) === identity.device
    : stats.isFile() && stats.dev === identity.device && stats.ino === identity.inode
}

/** The folder of sysfs about a block device; undefined where there is none. */
export const deviceFolder = (device: string, sys: string): string | undefined => resolve(join(sys, 'dev/block', device))

/** Bytes of a logical sector of a block device; undefined where sysfs does not say. */
export function sectorSizeOf(identity: Identity, sys = '/sys'): number | undefined {
  if (identity.kind === 'file') return undefined
  const folder = deviceFolder(identity.device, sys)
  if (folder === undefined) return undefined
  const disk = exists(join(folder, 'partition')) ? dirname(folder) : folder
  return Number(readText(join(disk, 'queue/logical_block_size'))) || undefined
}

/** Whether the kernel lets nobody write to a block device, a partition's disk included. */
export function isReadOnlyDevice(identity: Identity, sys = '/sys'): boolean {
  if (identity.kind === 'file') return false
  const folder = deviceFolder(identity.device, sys)
  if (folder === undefined) return false
  const disk = exists(join(folder, 'partition')) ? dirname(folder) : folder
  return [folder, disk].some((each) => readText(join(each, 'ro')).trim() === '1')
}

export const statOf = (path: string): BigIntStats | undefined =>
  attempt(() => statSync(path, { bigint: true, throwIfNoEntry: false }))
export const resolve = (path: string): string | undefined => attempt(() => realpathSync(path))
export const names = (folder: string): string[] => attempt(() => readdirSync(folder)) ?? []
export const readText = (path: string): string => attempt(() => readFileSync(path, 'utf8')) ?? ''
export const exists = (path: string): boolean => statOf(path) !== undefined

/** Entries of /proc and /sys come and go, and some may not be read: that is no entry. */
export function attempt<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}
