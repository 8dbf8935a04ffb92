/**
 * Breaks and seek distance of a boot, counted from what debugfs says and from a
 * parser of its own, to compare with what bootpack's measure says.
 *
 * The rules: every block is read once, holes and unwritten extents are answered
 * without the disk, and a piece that starts where the last one ended continues it.
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { inodesOf, type SeenImage } from './bench-debugfs.js'

/** Blocks of a file or, with inode 0, of the device. */
interface Wanted {
  readonly inode: number
  readonly block: number
  readonly length: number
}

export interface Order {
  readonly wanted: readonly Wanted[]
  /** Inodes whose data is read, in order of first read. */
  readonly inodes: ReadonlySet<number>
  /** A list of paths means the same on any layout; a recording names metadata by its place. */
  readonly named: boolean
}

/** Owner and place within it of every metadata block a trace may name only by its number. */
type Names = ReadonlyMap<
  number,
  { readonly inode: number; readonly kind: 'extents' | 'tree' | 'xattr'; readonly index: number }
>

export interface Counted {
  readonly breaks: number
  readonly distance: number
  readonly blocks: number
}

/** @param trace a list of paths, or the text of a kernel trace, gzip or not */
export async function readOrder(trace: string, image: string, seen: SeenImage): Promise<Order> {
  const bytes = readFileSync(trace)
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('latin1')
  const named = !text.startsWith('#')
  const wanted = named ? await filesOf(text, image, seen) : pagesOf(text, seen)
  if (wanted.length === 0)
    throw new Error(`${trace} is neither a list of paths of this image nor the text of a kernel trace`)
  return { wanted, inodes: new Set(wanted.map(({ inode }) => inode).filter((inode) => inode > 0)), named }
}

async function filesOf(text: string, image: string, seen: SeenImage): Promise<Wanted[]> {
  const paths = Buffer.from(text, 'latin1')
    .toString('utf8')
    .split('\n')
    .filter((path) => path.startsWith('/'))
  return (await inodesOf(image, paths)).flatMap((inode) => {
    const file = inode === undefined ? undefined : seen.inodes.get(inode)
    return file?.type === 'regular'
      ? [{ inode: file.inode, block: 0, length: Math.ceil(file.size / seen.blockSize) }]
      : []
  })
}

/** Pages that enter the cache of files, and of the block device, of the device with most file pages. */
function pagesOf(text: string, seen: SeenImage): Wanted[] {
  const events = [
    ...text.matchAll(
      /mm_filemap_add_to_page_cache: dev (\d+):(\d+) ino ([0-9a-f]+) pfn=\S+ ofs=(\d+)(?: order=(\d+))?$/gm,
    ),
  ].map(([, major, minor, inode, offset, order]) => ({
    major: Number(major),
    minor: Number(minor),
    inode: Number.parseInt(inode!, 16),
    offset: Number(offset),
    bytes: 4096 << Number(order ?? 0),
  }))
  const pages = new Map<number, number>()
  for (const { major, minor, bytes } of events)
    if (major > 0) pages.set((major << 20) | minor, (pages.get((major << 20) | minor) ?? 0) + bytes)
  const root = [...pages].sort((a, b) => b[1] - a[1])[0]?.[0]
  return events.flatMap(({ major, minor, inode, offset, bytes }) => {
    const ofDevice = major === 0 && inode === root
    // Inode 1 is the allocator's buddy cache.
    if (!ofDevice && (((major << 20) | minor) !== root || inode < 2)) return []
    const file = ofDevice ? undefined : seen.inodes.get(inode)
    if (!ofDevice && (!file || !['regular', 'directory', 'symlink'].includes(file.type))) return []
    const end = Math.ceil(Math.min(offset + bytes, file?.size ?? Infinity) / seen.blockSize)
    const block = Math.floor(offset / seen.blockSize)
    return end > block ? [{ inode: ofDevice ? 0 : inode, block, length: end - block }] : []
  })
}

/** What the device blocks of a trace were when it was recorded. */
export function namesOf(seen: SeenImage): Names {
  const names = new Map<number, { inode: number; kind: 'extents' | 'tree' | 'xattr'; index: number }>()
  for (const { inode, type, extents, tree, xattr } of seen.inodes.values()) {
    tree.forEach((block, index) => names.set(block, { inode, kind: 'tree', index }))
    if (xattr > 0) names.set(xattr, { inode, kind: 'xattr', index: 0 })
    if (inode < seen.firstInode && inode !== 2) continue
    for (const { logical, physical, length } of type === 'directory' || type === 'symlink' ? extents : []) {
      for (let i = 0; i < length; i++) names.set(physical + i, { inode, kind: 'extents', index: logical + i })
    }
  }
  return names
}

/**
 * @param names from the image the trace was recorded on; `seen` may be another state of it
 */
export function count({ wanted }: Pick<Order, 'wanted'>, seen: SeenImage, names: Names): Counted {
  const cached = new Set<number>()
  let head = -1
  let breaks = 0
  let distance = 0
  let blocks = 0
  const read = (physical: number): void => {
    if (cached.has(physical)) return
    cached.add(physical)
    blocks++
    if (head >= 0 && physical !== head) {
      breaks++
      distance += Math.abs(physical - head)
    }
    head = physical + 1
  }
  const readLogical = (inode: number, from: number, to: number): void => {
    for (const { logical, physical, length, unwritten } of seen.inodes.get(inode)?.extents ?? []) {
      if (unwritten) continue
      for (let block = Math.max(from, logical); block < Math.min(to, logical + length); block++)
        read(physical + (block - logical))
    }
  }
  for (const { inode, block, length } of wanted) {
    if (inode > 0) {
      readLogical(inode, block, block + length)
      continue
    }
    for (let at = block; at < Math.min(block + length, seen.blockCount); at++) {
      const name = names.get(at)
      if (!name) read(at)
      else if (name.kind === 'extents') readLogical(name.inode, name.index, name.index + 1)
      else {
        const place =
          name.kind === 'tree' ? seen.inodes.get(name.inode)?.tree[name.index] : seen.inodes.get(name.inode)?.xattr
        if (place) read(place)
      }
    }
  }
  return { breaks, distance, blocks }
}
