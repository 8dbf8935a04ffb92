/**
 * Which block devices hand out the same bytes as a given image or device: its
 * partitions, whatever is stacked on it (device mapper, RAID), and loop devices
 * that read it, over any number of steps. Told by sysfs.
 */
import { readdirSync, readFileSync, realpathSync, statSync, type BigIntStats } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** An image file or block device, by what it is and not by what it is called. */
export type Identity =
  | { readonly kind: 'file'; readonly device: bigint; readonly inode: bigint; readonly size: number }
  | { readonly kind: 'block'; readonly device: string }

export interface RelatedDevice {
  /** 'major:minor'. */
  readonly device: string
  /** As below /dev: 'loop0p1', 'dm-3'. */
  readonly name: string
  /** How it comes to the bytes; 'whole' is the disk of a partition, which gives out other bytes too. */
  readonly as: 'itself' | 'partition' | 'holder' | 'loop' | 'whole'
  /** Of a loop device: it only may read the image, since the file it reads can no longer be named. */
  readonly unsure?: true
}

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

/**
 * @param sys where sysfs is mounted; nothing is found where it is not
 * @returns the device itself first, then those that depend on it
 */
export function relatedDevices(identity: Identity, sys = '/sys'): RelatedDevice[] {
  const found = new Map<string, RelatedDevice>()
  const queue: { folder: string; device: RelatedDevice }[] = []
  const add = (folder: string, as: RelatedDevice['as'], unsure = false): void => {
    const device = readText(join(folder, 'dev')).trim()
    if (device === '' || found.has(device)) return
    const related: RelatedDevice = {
      device,
      name: basename(folder).replaceAll('!', '/'),
      as,
      ...(unsure ? { unsure } : {}),
    }
    found.set(device, related)
    queue.push({ folder, device: related })
  }
  const loops = loopDevices(sys)
  const addLoopsOver = (below: Identity): void => {
    for (const loop of loops) {
      const match = readsFrom(loop, below)
      if (match !== 'no') add(loop.folder, 'loop', match === 'perhaps')
    }
  }

  if (identity.kind === 'file') addLoopsOver(identity)
  else {
    const folder = resolve(join(sys, 'dev/block', identity.device))
    if (folder === undefined) return [{ device: identity.device, name: identity.device, as: 'itself' }]
    add(folder, 'itself')
    if (exists(join(folder, 'partition'))) add(dirname(folder), 'whole')
  }
  for (let next = queue.shift(); next; next = queue.shift()) {
    for (const holder of names(join(next.folder, 'holders'))) {
      const folder = resolve(join(next.folder, 'holders', holder))
      if (folder !== undefined) add(folder, 'holder')
    }
    if (next.device.as === 'whole') continue
    for (const child of names(next.folder)) {
      if (exists(join(next.folder, child, 'partition'))) add(join(next.folder, child), 'partition')
    }
    addLoopsOver({ kind: 'block', device: next.device.device })
  }
  return [...found.values()]
}

/** Bytes of a logical sector of a block device; undefined where sysfs does not say. */
export function sectorSizeOf(identity: Identity, sys = '/sys'): number | undefined {
  if (identity.kind === 'file') return undefined
  const folder = resolve(join(sys, 'dev/block', identity.device))
  if (folder === undefined) return undefined
  const disk = exists(join(folder, 'partition')) ? dirname(folder) : folder
  return Number(readText(join(disk, 'queue/logical_block_size'))) || undefined
}

interface LoopDevice {
  readonly folder: string
  /** The path of what it reads, as the kernel knows it. */
  readonly backing: string
  /** Bytes it gives out, and those it leaves out in front. */
  readonly size: number
  readonly offset: number
}

function loopDevices(sys: string): LoopDevice[] {
  const loops: LoopDevice[] = []
  for (const name of names(join(sys, 'block'))) {
    const folder = join(sys, 'block', name)
    const backing = readText(join(folder, 'loop/backing_file')).replace(/\n$/, '')
    if (backing === '') continue
    loops.push({
      folder: resolve(folder) ?? folder,
      backing,
      size: Number(readText(join(folder, 'size'))) * 512,
      offset: Number(readText(join(folder, 'loop/offset'))),
    })
  }
  return loops
}

/**
 * The kernel gives a path, which is looked up again here to compare what it leads
 * to. A path that leads nowhere (unlinked, or of another mount namespace) may have
 * been another name of the same file; the sizes then decide whether to fear that.
 */
function readsFrom(loop: LoopDevice, below: Identity): 'yes' | 'no' | 'perhaps' {
  const stats = statOf(loop.backing)
  if (stats === undefined) {
    const sizesAgree =
      below.kind === 'file' && loop.offset + loop.size <= below.size && loop.offset + loop.size > below.size - 4096
    return sizesAgree ? 'perhaps' : 'no'
  }
  if (below.kind === 'block') return stats.isBlockDevice() && deviceNumber(stats.rdev) === below.device ? 'yes' : 'no'
  return stats.isFile() && stats.dev === below.device && stats.ino === below.inode ? 'yes' : 'no'
}

export const statOf = (path: string): BigIntStats | undefined =>
  attempt(() => statSync(path, { bigint: true, throwIfNoEntry: false }))
const resolve = (path: string): string | undefined => attempt(() => realpathSync(path))
const names = (folder: string): string[] => attempt(() => readdirSync(folder)) ?? []
const readText = (path: string): string => attempt(() => readFileSync(path, 'utf8')) ?? ''
const exists = (path: string): boolean => statOf(path) !== undefined

/** Entries of /proc and /sys come and go, and some may not be read: that is no entry. */
export function attempt<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}
