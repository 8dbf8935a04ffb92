/**
 * What is done with a broken image, and what must hold: everything is read, then a
 * pack or moves at random are tried on a copy. Each step ends well or with an error
 * of ours; a refusal before the first move leaves every byte; whatever could be read
 * before reads the same afterwards.
 */
import { createHash } from 'node:crypto'
import { BootpackError } from '../../src/errors.js'
import { fileExtents } from '../../src/ext4/read/file-map.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { MultiMount } from '../../src/ext4/engine/multi-mount.js'
import { refuseState } from '../../src/ext4/ownership/preconditions.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import type { Inode } from '../../src/ext4/format/inode.js'
import { findFilesystem } from '../../src/ext4/engine/open-image.js'
import type { Store } from '../../src/storage/store.js'
import { UndoStore } from '../../src/ext4/undo/recording-store.js'
import { fsBlock } from '../../src/layout/block.js'
import { blockRun } from '../../src/layout/run.js'
import { packVolume } from '../../src/pack/pack-volume.js'
import type { Volume } from '../../src/volume/volume.js'
import { MemoryStore } from '../storage/memory-store.js'
import { Random } from '../support/random.js'
import { randomExchanges } from '../support/random-exchanges.js'
import { randomMoves } from '../support/random-moves.js'
import type { BaseImage } from './base-image.js'

export type Verdict = 'refused' | 'moved' | 'nothing to move'

export interface Driven {
  readonly verdict: Verdict
  /** The image afterwards, when blocks were moved. */
  readonly after?: Uint8Array
  /** Codes of the errors that came, for statistics. */
  readonly codes: readonly string[]
}

/** Something that must not be; the image did it. */
export class Finding extends Error {}

/**
 * @param seed of the moves
 * @throws Finding, or whatever our code threw that is no error of ours
 */
export async function drive(bytes: Uint8Array, base: BaseImage, seed: number): Promise<Driven> {
  const random = new Random(seed)
  const pristine = bytes.slice()
  const codes: string[] = []
  const same = (what: string): void => {
    if (Buffer.compare(bytes, pristine) !== 0) throw new Finding(`${what} changed the image`)
  }
  // Numbers are not what files are told by, then.
  const renumbers = new Random(seed ^ 0x1f0de).chance(0.4)
  const before = await readAll(bytes, base, codes, renumbers)
  same('reading')
  if (before === undefined) return { verdict: 'refused', codes }

  const memory = new MemoryStore(bytes, true)
  let volume: ImageVolume
  try {
    volume = await openBytes(base.undo ? await UndoStore.over(memory, undoNowhere()) : memory, true)
  } catch (error) {
    codes.push(codeOf(error))
    same('a refused opening')
    return { verdict: 'refused', codes }
  }
  let planned = false
  let moved = 0
  try {
    if (random.chance(0.5)) {
      const reads = random.shuffled(base.paths).map((path) => ({ kind: 'data' as const, path, off: 0 }))
      const result = await packVolume(volume, reads, {
        target: 'fuzz',
        evict: random.chance(0.7),
        metadata: true,
        granularity: random.pick(['file', 'range'] as const),
        force: true,
        dryRun: false,
        // Names that were broken are no trace of another filesystem.
        fit: { anyTrace: true },
        inodes: renumbers && random.chance(0.5),
        onPlan: () => {
          same('planning')
          planned = true
          return Promise.resolve()
        },
      })
      moved = (result.applied?.movedBlocks ?? 0) + (result.applied?.inodes?.renumbered ?? 0)
    } else {
      for (let round = 0; round < 2; round++) {
        const { firstDataBlock, blockCount } = volume.geometry()
        const movable = (await volume.owners(blockRun(firstDataBlock, blockCount - firstDataBlock))).some(
          ({ immovable }) => immovable === undefined,
        )
        const moves = movable ? await randomMoves(volume, random, 25) : []
        planned = true
        for await (const { status } of volume.relocate(moves, { reserved: [] })) if (status === 'moved') moved++
      }
    }
    if (renumbers) moved += await renumberAtRandom(volume, random)
  } catch (error) {
    codes.push(codeOf(error))
    if (!planned) same('a refused plan')
  }
  try {
    await volume.close()
  } catch (error) {
    codes.push(`close: ${codeOf(error)}`)
  }
  const after = await readAll(bytes, base, [], renumbers)
  if (after === undefined) throw new Finding(`cannot be opened any more after ${codes.at(-1) ?? 'moving'}`)
  for (const [what, hash] of before) {
    if (after.get(what) !== hash) throw new Finding(`${what} changed`)
  }
  return moved > 0 ? { verdict: 'moved', after: bytes, codes } : { verdict: 'nothing to move', codes }
}

/** Sound exchanges, and some of anything with anything. @returns how many were made */
async function renumberAtRandom(volume: ImageVolume, random: Random): Promise<number> {
  const { shape, numbers } = volume.capabilities.inodeTables
  const { inodeCount } = shape
  const exchanges = await randomExchanges(volume, random, 20)
  const wild = Array.from({ length: 8 }, () => ({
    inode: random.between(0, inodeCount + 2),
    to: random.between(0, inodeCount + 2),
  }))
  let made = 0
  for await (const { status } of numbers.renumber(random.shuffled([...exchanges, ...wild]), {}))
    if (status === 'renumbered') made++
  return made
}

// A number that stands still is not waited for.
MultiMount.second = 0

/** As openImage does, with bytes in memory instead of a path. */
export async function openBytes(store: Store, write: boolean): Promise<ImageVolume> {
  const place = await findFilesystem(store, 'fuzz.img')
  // An undo store has to stay the uppermost one.
  const filesystem = await Filesystem.open(place.partition === 0 ? store : place.store)
  await MultiMount.open({ superblock: filesystem.superblock, store: place.store, name: place.name, path: 'fuzz.img' })
  refuseState(filesystem.superblock, place.name, write)
  return ImageVolume.open(filesystem, place.partition)
}

/**
 * Asks a volume everything there is to ask.
 * @returns hashes of whatever could be read: contents and attributes by inode, names,
 *   and that the blocks have one owner each; undefined when it cannot be opened
 * @param byName tells files by their names alone, since their numbers may change
 */
export async function readAll(
  bytes: Uint8Array,
  { paths: known }: Pick<BaseImage, 'paths'>,
  codes: string[],
  byName = false,
): Promise<Map<string, string> | undefined> {
  const found = new Map<string, string>()
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      codes.push(codeOf(error))
      return undefined
    }
  }
  const volume = await attempt(() => openBytes(new MemoryStore(bytes), false))
  if (!volume) return undefined
  await attempt(() => Promise.resolve().then(() => volume.geometry()))
  const { blockCount, inodeCount } = volume.filesystem.superblock
  const numbers = Array.from({ length: Math.min(inodeCount, 400) }, (_, i) => i + 1)
  for (const path of known) {
    const lookup = await attempt(() => volume.lookup(path))
    if (lookup)
      found.set(
        `lookup of ${path}`,
        byName ? `${lookup.file.path}` : `${lookup.file.inode} ${lookup.file.path} ${lookup.through.join()}`,
      )
  }
  const paths = await attempt(() => volume.paths(numbers))
  if (paths)
    found.set('names', JSON.stringify(byName ? [...paths.values()].sort() : [...paths].sort(([a], [b]) => a - b)))
  await attempt(() => volume.freeRuns(fsBlock(0), fsBlock(blockCount)))
  const owned = await attempt(() => volume.owners(blockRun(0, blockCount)))
  if (owned?.some(({ start, length }) => length < 1 || start + length > blockCount))
    throw new Finding('owners of blocks that are not there')
  if (owned) found.set('owners', 'one each')
  for (const number of numbers) {
    const name = byName ? paths?.get(number) : `inode ${number}`
    const hash = await attempt(() => hashInode(volume, number, bytes, byName))
    if (hash !== undefined && name !== undefined) found.set(name, hash)
  }
  await volume.close()
  return found
}

async function hashInode(
  volume: Volume & { readonly filesystem: Filesystem },
  number: number,
  bytes: Uint8Array,
  byName: boolean,
): Promise<string | undefined> {
  const file = await volume.byInode(number)
  if (!file) return undefined
  let next = 0
  for (const { logical, physical, length } of await volume.extents(file)) {
    if (logical < next || length < 1 || !volume.filesystem.inside(blockRun(physical, length)))
      throw new Finding(`inode ${number} was given blocks that cannot be`)
    next = logical + length
  }
  const { xattr } = await volume.metadata(file)
  await volume.firstBlock(file)
  const { filesystem } = volume
  const inode = await filesystem.readInode(number)
  const hash = createHash('sha256').update(attributesOf(inode, filesystem, byName))
  if (byName && inode.type === 'directory') {
    for await (const { bytes: names } of (await volume.capabilities.contents!(file))!.names!()) hash.update(names)
    return hash.digest('hex')
  }
  // The journal is written to; bad blocks and the resize inode may hold bitmaps, which are too.
  if (number === filesystem.superblock.journalInode) return hash.digest('hex')
  if (number === 1 || number === 7)
    return hash.update(JSON.stringify(await fileExtents(filesystem, inode))).digest('hex')
  const { blockSize } = filesystem
  for (const { logical, physical, length, unwritten } of await fileExtents(filesystem, inode)) {
    for (let i = 0; i < length; i++) {
      hash.update(`${logical + i}${unwritten ? 'u' : ' '}`)
      if (!unwritten) hash.update(bytes.subarray((physical + i) * blockSize, (physical + i + 1) * blockSize))
    }
  }
  if (xattr !== undefined && filesystem.inside(blockRun(xattr, 1))) {
    const block = bytes.slice(xattr * blockSize, (xattr + 1) * blockSize)
    // Its checksum says where it is.
    block.fill(0, 0x10, 0x14)
    hash.update(block)
  }
  return hash.digest('hex')
}

/** The inode without what moving blocks must change: the map, the place of the attributes, i_blocks, the checksum. */
function attributesOf({ raw, flags, type }: Inode, { superblock }: Filesystem, byName: boolean): Uint8Array {
  const rest = Buffer.from(raw)
  // Inline directories hold numbers wherever they hold names.
  if (byName && type === 'directory') rest.fill(0, 0x28, 0x64).fill(0, Math.min(raw.length, 0xa0))
  rest.fill(0, 0x1c, 0x20)
  // A short symlink is in the inode, as is inline data; all else is mapped, by extents or by blocks.
  const short = type === 'symlink' && (flags & 0x8_0000) === 0 && rest.readUInt32LE(4) < 60
  const mapped =
    (flags & 0x1000_0000) === 0 && !short && (type === 'regular' || type === 'directory' || type === 'symlink')
  if (mapped) rest.fill(0, 0x28, 0x64)
  for (const [at, length] of [
    [0x68, 4],
    [0x74, 4],
    [0x7c, 2],
  ] as const)
    rest.fill(0, at, at + length)
  if (superblock.inodeSize > 128) rest.fill(0, 0x82, 0x84)
  return rest
}

const families: ReadonlySet<string> = new Set(['refused', 'unsupported', 'corrupt', 'no-space'])
const usage: ReadonlySet<string> = new Set([
  'empty-boot-set',
  'no-such-directory',
  'not-a-directory',
  'no-partition-table',
])

/** @throws the error again when it is none that a broken image may cause */
export function codeOf(error: unknown): string {
  if (error instanceof BootpackError && (families.has(error.family) || usage.has(error.code))) return error.code
  throw error
}

/** An undo file that forgets: what it keeps is tested elsewhere. */
function undoNowhere(): Parameters<typeof UndoStore.over>[1] {
  const nothing = (): Promise<void> => Promise.resolve()
  return { write: nothing, flush: nothing, close: nothing }
}
