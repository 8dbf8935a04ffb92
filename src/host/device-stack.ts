/**
 * Which block devices hand out the same bytes as a given image or device. Upwards: its
 * partitions, whatever is stacked on it (device mapper, RAID), and loop devices that
 * read it, over any number of steps. Downwards: the disk of a partition, the file or
 * device behind a loop device, the parts of a stacked device. And beside it: whoever else
 * gives out the bytes of those below, such as a second loop device over the same file.
 */
import { basename, dirname, join } from 'node:path'
import { deviceFolder, deviceNumber, exists, names, readText, resolve, statOf, type Identity } from './block-devices.js'
import { attachedLoops, readsFrom, type LoopDevice } from './loop-devices.js'

export interface RelatedDevice {
  /** 'major:minor'. */
  readonly device: string
  /** As below /dev: 'loop0p1', 'dm-3'. */
  readonly name: string
  /** How it comes to the bytes; 'whole' is below the target, such as the disk of a partition, and gives out other bytes too. */
  readonly as: 'itself' | 'partition' | 'holder' | 'loop' | 'whole'
  /** It does not read the target but what the target reads. */
  readonly beside?: true
  /** Of a loop device: it only may read the image, since the file it reads can no longer be named. */
  readonly unsure?: true
}

/** Bytes of a layer. */
interface ByteRange {
  readonly start: number
  readonly end: number
}

/** What a device reads. */
export interface Layer {
  readonly identity: Identity
  /** Of a file: where it was when the loop device was set up, as far as that can still be found. */
  readonly path: string | undefined
  /** The bytes of it that the target gives out; undefined where they are spread. */
  readonly range: ByteRange | undefined
  /** Folder of the device that reads it. */
  readonly reader: string
  /** How that does: a stacked device shares its parts with others, at other bytes. */
  readonly by: 'partition' | 'loop' | 'stack'
}

/** Everything a device's bytes come from, the nearest first; nothing below a file. */
export function layersBelow(identity: Identity, sys = '/sys', loops = attachedLoops(sys)): Layer[] {
  const layers: Layer[] = []
  const queue: { device: string; range: ByteRange | undefined }[] =
    identity.kind === 'block' ? [{ device: identity.device, range: { start: 0, end: Infinity } }] : []
  const seen = new Set<string>()
  for (let next = queue.shift(); next; next = queue.shift()) {
    const folder = deviceFolder(next.device, sys)
    if (folder === undefined || seen.has(folder)) continue
    seen.add(folder)
    for (const layer of directlyBelow(folder, next.range, sys, loops)) {
      layers.push(layer)
      if (layer.identity.kind === 'block') queue.push({ device: layer.identity.device, range: layer.range })
    }
  }
  return layers
}

function directlyBelow(
  folder: string,
  range: ByteRange | undefined,
  sys: string,
  loops: readonly LoopDevice[],
): Layer[] {
  const within = (start: number, size: number): ByteRange | undefined =>
    range && { start: start + range.start, end: start + Math.min(size, range.end) }
  if (exists(join(folder, 'partition'))) {
    const bytes = (file: string): number => Number(readText(join(folder, file))) * 512
    const identity = { kind: 'block', device: readText(join(dirname(folder), 'dev')).trim() } as const
    return [
      { identity, path: undefined, range: within(bytes('start'), bytes('size')), reader: folder, by: 'partition' },
    ]
  }
  const loop = loops.find((each) => each.folder === folder)
  if (loop) {
    const identity = behindLoop(loop)
    if (!identity) return []
    return [{ identity, path: loop.backing, range: within(loop.offset, loop.size), reader: folder, by: 'loop' }]
  }
  return names(join(folder, 'slaves')).flatMap((name) => {
    const device = readText(join(sys, 'class/block', name, 'dev')).trim()
    return device === ''
      ? []
      : [{ identity: { kind: 'block', device }, path: undefined, range: undefined, reader: folder, by: 'stack' }]
  })
}

function behindLoop({ over, offset, size, backing }: LoopDevice): Identity | undefined {
  if (!over) return undefined
  if (over.rdev !== 0n) return { kind: 'block', device: deviceNumber(over.rdev) }
  const stats = statOf(backing)
  const same = stats?.dev === over.device && stats.ino === over.inode
  return { kind: 'file', device: over.device, inode: over.inode, size: same ? Number(stats.size) : offset + size }
}

/**
 * @param sys where sysfs is mounted; nothing is found where it is not
 * @returns the device itself first, then those that depend on it, then those beside it
 */
export function relatedDevices(identity: Identity, sys = '/sys'): RelatedDevice[] {
  const loops = attachedLoops(sys)
  const search = new Search(sys, loops)
  if (identity.kind === 'file') search.addLoopsOver(identity, () => true)
  else {
    const folder = deviceFolder(identity.device, sys)
    if (folder === undefined) return [{ device: identity.device, name: identity.device, as: 'itself' }]
    search.add(folder, 'itself')
  }
  search.climb()
  for (const { identity: below, range, reader, by } of layersBelow(identity, sys, loops)) {
    if (below.kind === 'block' && by !== 'stack') {
      const folder = deviceFolder(below.device, sys)
      if (folder !== undefined) search.add(folder, 'whole')
      if (folder !== undefined && by === 'loop') search.addPartitions(folder, range)
    }
    search.addLoopsOver(below, (loop) => loop.folder !== reader && overlaps(range, loop), true)
    search.climb()
  }
  return search.found
}

const overlaps = (range: ByteRange | undefined, { offset, size }: Pick<LoopDevice, 'offset' | 'size'>): boolean =>
  range === undefined || (offset < range.end && range.start < offset + size)

/** Finds what reads a device, and what reads that. */
class Search {
  private readonly known = new Map<string, RelatedDevice>()
  private readonly queue: { folder: string; device: RelatedDevice }[] = []

  private readonly sys: string
  private readonly loops: readonly LoopDevice[]

  constructor(sys: string, loops: readonly LoopDevice[]) {
    this.sys = sys
    this.loops = loops
  }

  get found(): RelatedDevice[] {
    return [...this.known.values()]
  }

  add(folder: string, as: RelatedDevice['as'], flags: Pick<RelatedDevice, 'beside' | 'unsure'> = {}): void {
    const device = readText(join(folder, 'dev')).trim()
    if (device === '' || this.known.has(device)) return
    const related: RelatedDevice = { device, name: basename(folder).replaceAll('!', '/'), as, ...flags }
    this.known.set(device, related)
    this.queue.push({ folder, device: related })
  }

  addLoopsOver(below: Identity, counts: (loop: LoopDevice) => boolean, beside = false): void {
    for (const loop of this.loops) {
      const match = counts(loop) ? readsFrom(loop, below) : 'no'
      if (match === 'no') continue
      this.add(loop.folder, 'loop', { ...(beside && { beside }), ...(match === 'perhaps' && { unsure: true }) })
    }
  }

  /** Those partitions of a device that give out some of the bytes. */
  addPartitions(folder: string, range: ByteRange | undefined): void {
    for (const child of names(folder)) {
      if (!exists(join(folder, child, 'partition'))) continue
      const bytes = (file: string): number => Number(readText(join(folder, child, file))) * 512
      if (overlaps(range, { offset: bytes('start'), size: bytes('size') }))
        this.add(join(folder, child), 'partition', { beside: true })
    }
  }

  climb(): void {
    for (let next = this.queue.shift(); next; next = this.queue.shift()) {
      const { folder, device } = next
      const flags = device.beside ? { beside: device.beside } : {}
      for (const holder of names(join(folder, 'holders'))) {
        const above = resolve(join(folder, 'holders', holder))
        if (above !== undefined) this.add(above, 'holder', flags)
      }
      if (device.as === 'whole') continue
      for (const child of names(folder)) {
        if (exists(join(folder, child, 'partition'))) this.add(join(folder, child), 'partition', flags)
      }
      this.addLoopsOver({ kind: 'block', device: device.device }, () => true, device.beside)
    }
  }
}
