/**
 * Images as large and as full of files as a bench wants, in a sparse file, in a
 * minute and without root: mke2fs makes the filesystem, {@link Ext4Writer} fills it.
 *
 * The disk is aged: in every block group the extents of the group's files and holes
 * between them lie in random order. Files that a boot reads are scattered over all of
 * it and stamped; the others' blocks are in use, and holes in the file that holds the
 * image. One group is kept empty, so that there is a place a boot fits into. The same
 * recipe gives the same image.
 */
import { truncateSync, writeFileSync } from 'node:fs'
import { blockSize, Ext4Writer, type NewExtent, type NewInode } from './bench-ext4.js'
import { Random } from './random.js'
import { run } from './tools.js'

export interface LargeImage {
  /** Bytes; whole groups of 128 MiB. */
  readonly size: number
  readonly files: number
  /** Files the boot reads, and how many blocks they have on average. */
  readonly bootFiles: number
  readonly bootBlocks: number
  /** Share of the free blocks that files take. */
  readonly full: number
  readonly seed: number
}

export interface MadeImage {
  /** Paths of the boot's files, in the order it reads them. */
  readonly boot: readonly string[]
  readonly bootBlocks: number
  readonly inodes: number
  readonly extents: number
  /** A block in the middle of files, for a goal that cannot be had without eviction. */
  readonly crowded: number
}

const filesPerDirectory = 200
const directoriesPerTop = 100
const emptyGroup = 8

interface Planned {
  readonly inode: number
  readonly parent: number
  readonly name: string
  readonly directory: boolean
  readonly children: Planned[]
  boot: boolean
}

export function makeLargeImage(path: string, recipe: LargeImage): MadeImage {
  const random = new Random(recipe.seed)
  const tops = Math.ceil(recipe.files / filesPerDirectory / directoriesPerTop)
  const inodes = recipe.files + Math.ceil(recipe.files / filesPerDirectory) + tops
  writeFileSync(path, '')
  truncateSync(path, recipe.size)
  run(
    'mke2fs',
    [
      '-q',
      '-F',
      '-t',
      'ext4',
      '-b',
      String(blockSize),
      '-I',
      '256',
      '-m',
      '0',
      '-N',
      String(Math.ceil(inodes * 1.02) + 64),
      '-J',
      'size=64',
      '-O',
      '64bit,metadata_csum,^resize_inode',
      '-U',
      '0b00c0de-3333-4000-8000-000000000001',
      '-E',
      'lazy_itable_init=1,lazy_journal_init=1,nodiscard,hash_seed=0b00c0de-3333-4000-8000-000000000002',
      path,
    ],
    { env: { E2FSPROGS_FAKE_TIME: '1700000000' } },
  )
  const free = freeRanges(path)
  const root = rootBlock(path)
  const writer = new Ext4Writer(path)
  const { all, top } = nameFiles(recipe, writer, tops)
  const candidates = all.filter(({ inode, directory }) => !directory && writer.groupOf(inode) !== emptyGroup)
  const boot = random.shuffled(candidates).slice(0, recipe.bootFiles)
  for (const file of boot) file.boot = true

  let extents = 0
  let bootBlocks = 0
  let freeBlocks = 0
  let freeInodes = 0
  let crowded = 0
  const directoryBlocks = new Map<number, number>()
  for (let group = 0, next = 0; group < writer.groupCount; group++) {
    const members: Planned[] = []
    while (next < all.length && writer.groupOf(all[next]!.inode) === group) members.push(all[next++]!)
    const filler = new GroupFiller(free[group]!, random)
    const made = group === emptyGroup ? members.map((file) => emptyInode(file, filler)) : filler.fill(members, recipe)
    for (const inode of made) {
      extents += inode.extents.length
      if (inode.directory) directoryBlocks.set(inode.inode, inode.extents[0]!.physical)
    }
    for (const file of members) {
      if (!file.boot) continue
      const inode = made.find((one) => one.inode === file.inode)!
      bootBlocks += writeStamps(writer, inode)
      if (crowded === 0 && group > emptyGroup) crowded = inode.extents[0]!.physical
    }
    if (made.length > 0) writer.writeInodes(group, made)
    const counts =
      made.length > 0
        ? writer.finishGroup(group, made, filler.left())
        : { freeBlocks: filler.left().reduce((sum, [, length]) => sum + length, 0), freeInodes: writer.inodesPerGroup }
    freeBlocks += counts.freeBlocks
    freeInodes += counts.freeInodes
  }
  for (const directory of all) {
    if (directory.directory)
      writer.write(
        directoryBlocks.get(directory.inode)!,
        writer.directoryBlock(directory.inode, directory.parent, directory.children),
      )
  }
  writer.addToDirectory(2, root, top, 3 + top.length)
  writer.close(freeBlocks, freeInodes)

  const paths = new Map<number, string>([[2, '']])
  for (const file of all) if (file.directory) paths.set(file.inode, `${paths.get(file.parent)!}/${file.name}`)
  return {
    boot: boot.map(({ parent, name }) => `${paths.get(parent)!}/${name}`),
    bootBlocks,
    inodes: all.length,
    extents,
    crowded,
  }
}

/** All directories and files with their inode numbers: each directory, then what is in it. */
function nameFiles({ files }: LargeImage, writer: Ext4Writer, tops: number): { all: Planned[]; top: Planned[] } {
  const all: Planned[] = []
  const top: Planned[] = []
  let inode = writer.firstFreeInode()
  const add = (parent: Planned | undefined, name: string, directory: boolean): Planned => {
    const made = { inode: inode++, parent: parent?.inode ?? 2, name, directory, children: [], boot: false }
    all.push(made)
    ;(parent?.children ?? top).push(made)
    return made
  }
  let left = files
  for (let t = 0; t < tops; t++) {
    const high = add(undefined, `t${t}`, true)
    for (let d = 0; d < directoriesPerTop && left > 0; d++) {
      const low = add(high, `d${d}`, true)
      for (let f = 0; f < filesPerDirectory && left > 0; f++, left--) add(low, `f${f}`, false)
    }
  }
  return { all, top }
}

/** Free ranges of each group, as dumpe2fs lists them. */
function freeRanges(path: string): [number, number][][] {
  return [...run('dumpe2fs', [path]).stdout.matchAll(/^ {2}Free blocks: (.*)$/gm)].map(([, list]) =>
    list!
      .split(', ')
      .filter((text) => text !== '')
      .map((text) => {
        const [first, last] = text.split('-').map(Number)
        return [first!, (last ?? first!) - first! + 1]
      }),
  )
}

function rootBlock(path: string): number {
  return Number(/\(0\):(\d+)/.exec(run('debugfs', ['-R', 'stat <2>', path]).stdout)![1])
}

function emptyInode({ inode, directory, children }: Planned, filler: GroupFiller): NewInode {
  const extents = directory ? [{ logical: 0, physical: filler.takeOne(), length: 1 }] : []
  return {
    inode,
    directory,
    links: directory ? 2 + children.filter((child) => child.directory).length : 1,
    size: directory ? blockSize : 0,
    extents,
  }
}

/** Gives out the free blocks of one group. */
class GroupFiller {
  private range = 0
  private used = 0
  private readonly leftover: [number, number][] = []

  private readonly ranges: readonly (readonly [number, number])[]
  private readonly random: Random

  constructor(ranges: readonly (readonly [number, number])[], random: Random) {
    this.ranges = ranges
    this.random = random
  }

  get capacity(): number {
    return this.ranges.reduce((sum, [, length]) => sum + length, 0) - this.used
  }

  takeOne(): number {
    return this.take(1)!
  }

  /** Free runs of the group once everything is given out. */
  left(): readonly (readonly [number, number])[] {
    const rest = this.ranges
      .slice(this.range)
      .map(([start, length], i): [number, number] =>
        i === 0 ? [start + this.used, length - this.used] : [start, length],
      )
    return [...this.leftover, ...rest].filter(([, length]) => length > 0)
  }

  fill(members: readonly Planned[], { full, bootBlocks }: LargeImage): NewInode[] {
    const { random } = this
    const directories = members.filter(({ directory }) => directory).map((file) => emptyInode(file, this))
    const files = members.filter(({ directory }) => !directory)
    // Sizes as real ones are: many small, few large.
    const weights = files.map(() => Math.exp(1.5 * normal(random)))
    const bootSizes = files.map(({ boot }, i) =>
      boot ? Math.max(1, Math.round((bootBlocks * weights[i]!) / Math.exp(1.125))) : 0,
    )
    const room = Math.floor(this.capacity * full) - bootSizes.reduce((sum, size) => sum + size, 0)
    const weight = files.reduce((sum, { boot }, i) => sum + (boot ? 0 : weights[i]!), 0)
    const pieces: { file: number; length: number }[] = []
    files.forEach(({ boot }, file) => {
      const blocks = boot ? bootSizes[file]! : Math.max(1, Math.round((weights[file]! * room) / weight))
      const parts = Math.min(
        blocks,
        random.chance(0.75) ? 1 : random.chance(0.04) ? random.between(5, 12) : random.between(2, 4),
      )
      for (let left = blocks, part = parts; part > 0; part--) {
        const length =
          part === 1
            ? left
            : Math.max(1, Math.min(left - part + 1, Math.round((left / part) * (0.5 + random.fraction()))))
        pieces.push({ file, length })
        left -= length
      }
    })
    const spare = this.capacity - pieces.reduce((sum, { length }) => sum + length, 0) - files.length
    const holes = Math.max(1, Math.floor(pieces.length / 3))
    for (let hole = 0; hole < holes; hole++)
      pieces.push({ file: -1, length: Math.max(0, Math.floor((spare / holes) * 2 * random.fraction())) })
    const extents: NewExtent[][] = files.map(() => [])
    for (const { file, length } of random.shuffled(pieces)) {
      const start = file < 0 ? this.skip(length) : this.take(length)
      if (start === undefined || file < 0) continue
      const before = extents[file]!.at(-1)
      const logical = before ? before.logical + before.length : 0
      if (before && before.physical + before.length === start)
        extents[file]![extents[file]!.length - 1] = { ...before, length: before.length + length }
      else extents[file]!.push({ logical, physical: start, length })
    }
    return [
      ...directories,
      ...files.map((file, i) => {
        const mine = extents[i]!
        const tree = mine.length > 4 ? this.take(1) : undefined
        // Without room for a tree the file stays shorter.
        const kept = mine.length > 4 && tree === undefined ? mine.splice(0, 4) : mine
        for (const { physical, length } of kept === mine ? [] : mine) this.leftover.push([physical, length])
        const blocks = kept.reduce((sum, { length }) => sum + length, 0)
        return {
          inode: file.inode,
          directory: false,
          links: 1,
          size: blocks * blockSize,
          extents: kept,
          ...(tree !== undefined && { tree }),
        }
      }),
    ].sort((a, b) => a.inode - b.inode)
  }

  /** A run of blocks from here on, in one range; undefined at the end of the group. */
  private take(length: number): number | undefined {
    for (; this.range < this.ranges.length; this.range++, this.used = 0) {
      const [start, room] = this.ranges[this.range]!
      if (room - this.used >= length) {
        this.used += length
        return start + this.used - length
      }
      this.leftover.push([start + this.used, room - this.used])
    }
    return undefined
  }

  private skip(length: number): undefined {
    const range = this.ranges[this.range]
    if (!range) return
    const skipped = Math.min(length, range[1] - this.used)
    this.leftover.push([range[0] + this.used, skipped])
    this.used += skipped
  }
}

function writeStamps(writer: Ext4Writer, { inode, extents }: NewInode): number {
  let blocks = 0
  for (const { logical, physical, length } of extents) {
    const bytes = Buffer.alloc(length * blockSize)
    for (let i = 0; i < length; i++) {
      bytes.fill(
        `boot ino ${String(inode).padStart(8, '0')} blk ${String(logical + i).padStart(8, '0')}\n`,
        i * blockSize,
        (i + 1) * blockSize,
      )
    }
    writer.write(physical, bytes)
    blocks += length
  }
  return blocks
}

/** Box and Muller's way to normal numbers. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction())
}
