/**
 * Changes to a good image that know what they change: a field of a structure gets a
 * value that is likely to hurt, a structure takes the place of another. An input is
 * the list of bytes changed, so that it can be kept, varied further and repeated.
 */
import type { Random } from '../support/random.js'
import { blockSize, type BaseImage, type Region, type RegionKind } from './base-image.js'
import { seal } from './seal.js'

export interface Patch {
  readonly offset: number
  /** Hexadecimal. */
  readonly bytes: string
}

export interface FuzzInput {
  /** Which of the base images. */
  readonly base: number
  readonly patches: readonly Patch[]
  /** Checksums were put right afterwards. */
  readonly sealed: boolean
}

const mostPatches = 24

/** The image an input stands for. */
export function brokenImage(base: BaseImage, input: FuzzInput): Uint8Array {
  const bytes = base.bytes.slice()
  for (const patch of input.patches) bytes.set(Buffer.from(patch.bytes, 'hex'), patch.offset)
  if (input.sealed) seal(bytes, base)
  return bytes
}

export function freshInput(random: Random, bases: readonly BaseImage[]): FuzzInput {
  const base = random.below(bases.length)
  return vary(random, { base, patches: [], sealed: random.chance(0.6) }, bases[base]!)
}

/** One to three changes more, or one less, or those of another input of the same image too. */
export function vary(random: Random, input: FuzzInput, base: BaseImage, other?: FuzzInput): FuzzInput {
  let patches = [...input.patches]
  if (patches.length > 1 && random.chance(0.2)) patches.splice(random.below(patches.length), 1)
  if (other?.base === input.base && random.chance(0.3)) patches.push(...other.patches)
  for (let changes = random.between(1, 3); changes > 0; changes--) patches.push(change(random, base))
  patches = patches.slice(-mostPatches)
  return { base: input.base, patches, sealed: random.chance(0.1) ? !input.sealed : input.sealed }
}

interface Field {
  readonly offset: number
  readonly width: 1 | 2 | 4
}

const fieldsOf: Readonly<Record<RegionKind, (random: Random, bytes: Uint8Array) => Field>> = {
  superblock: (random) =>
    random.chance(0.2)
      ? { offset: random.pick([0x174, 0x175, 0x178]), width: 1 }
      : random.chance(0.3)
        ? { offset: random.pick([0x38, 0x3a, 0x58, 0x5a, 0xce, 0xfe]), width: 2 }
        : {
            offset: random.pick([
              0x0, 0x4, 0xc, 0x10, 0x14, 0x18, 0x20, 0x28, 0x4c, 0x54, 0x5c, 0x60, 0x64, 0xe0, 0xe4, 0xe8, 0x104, 0x150,
              0x158, 0x168, 0x16c, 0x194, 0x240, 0x244, 0x24c, 0x250, 0x26c, 0x270, 0x280,
            ]),
            width: 4,
          },
  descriptor: (random) =>
    random.chance(0.6)
      ? { offset: random.pick([0x0, 0x4, 0x8]), width: 4 }
      : { offset: random.below(16) * 2, width: 2 },
  'block-bitmap': (random) => ({ offset: random.below(128), width: 1 }),
  'inode-bitmap': (random) => ({ offset: random.below(8), width: 1 }),
  inode: (random) =>
    random.chance(0.5)
      ? { offset: 0x28 + random.below(15) * 4, width: 4 }
      : random.chance(0.3)
        ? { offset: 0x28 + random.below(30) * 2, width: 2 }
        : random.chance(0.7)
          ? random.pick<Field>([
              { offset: 0x0, width: 2 },
              { offset: 0x4, width: 4 },
              { offset: 0x1a, width: 2 },
              { offset: 0x1c, width: 4 },
              { offset: 0x20, width: 4 },
              { offset: 0x64, width: 4 },
              { offset: 0x68, width: 4 },
              { offset: 0x6c, width: 4 },
              { offset: 0x74, width: 2 },
              { offset: 0x76, width: 2 },
            ])
          : { offset: random.below(64) * 2, width: 2 },
  'tree-block': (random) =>
    random.chance(0.3)
      ? { offset: random.below(6) * 2, width: 2 }
      : random.chance(0.5)
        ? { offset: 12 + random.below(6) * 12 + random.pick([0, 4, 8]), width: 4 }
        : { offset: 12 + random.below(84) * 12 + random.below(6) * 2, width: 2 },
  'map-block': (random) => ({ offset: random.below(random.chance(0.5) ? 8 : 256) * 4, width: 4 }),
  directory: (random, bytes) => {
    let at = 0
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let steps = random.below(9); steps > 0 && at + 12 < bytes.length; steps--) {
      const next = at + view.getUint16(at + 4, true)
      if (next <= at || next + 12 > bytes.length) break
      at = next
    }
    return random.chance(0.3)
      ? { offset: at, width: 4 }
      : random.chance(0.4)
        ? { offset: at + 4, width: 2 }
        : { offset: Math.min(at + 6 + random.below(random.chance(0.5) ? 2 : 40), bytes.length - 1), width: 1 }
  },
  symlink: (random) => ({ offset: random.below(130), width: 1 }),
  xattr: (random) =>
    random.chance(0.5) ? { offset: random.below(8) * 4, width: 4 } : { offset: 32 + random.below(40), width: 1 },
  journal: (random) =>
    random.chance(0.2)
      ? { offset: 0x50, width: 1 }
      : {
          offset: random.pick([0x0, 0x4, 0x8, 0xc, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x40, 0x44, 0x54]),
          width: 4,
        },
}

function change(random: Random, base: BaseImage): Patch {
  const kinds = [...new Set(base.regions.map(({ kind }) => kind))]
  // Inodes and what hangs on them are where most of the parsing is.
  const kind = random.chance(0.25) && kinds.includes('inode') ? 'inode' : random.pick(kinds)
  const region = random.pick(base.regions.filter((each) => each.kind === kind))
  const held = base.bytes.subarray(region.offset, region.offset + region.length)
  if (random.chance(0.1)) return whole(random, base, region)
  const { offset, width } = fieldsOf[kind](random, held)
  const bytes = Buffer.alloc(width)
  const old = Buffer.from(held.subarray(offset, offset + width))
  if (offset + width > region.length) return { offset: region.offset, bytes: '00' }
  const value = hurtful(random, base, readNumber(old, kind === 'journal'), width)
  if (kind === 'journal') bytes.writeUIntBE(value, 0, width)
  else bytes.writeUIntLE(value, 0, width)
  return { offset: region.offset + offset, bytes: bytes.toString('hex') }
}

const readNumber = (bytes: Buffer, big: boolean): number =>
  bytes.length === 0 ? 0 : big ? bytes.readUIntBE(0, bytes.length) : bytes.readUIntLE(0, bytes.length)

function hurtful(random: Random, base: BaseImage, old: number, width: number): number {
  const top = 2 ** (8 * width)
  const { blockCount, inodeCount, firstInode } = base.filesystem.superblock
  const value = random.pick<() => number>([
    () => 0,
    () => 1,
    () => top - 1,
    () => top / 2,
    () => top / 2 - 1,
    () => old + 1,
    () => old - 1,
    () => old * 2,
    () => old ^ (2 ** random.below(8 * width)),
    () => old ^ (2 ** random.below(8 * width)),
    () => random.below(top),
    () => random.below(256),
    () => random.below(blockCount),
    () => random.pick([blockCount - 1, blockCount, blockCount + 1]),
    () => random.pick([1, 2, 7, 8, firstInode, inodeCount, inodeCount + 1]),
    () => random.between(firstInode, inodeCount),
    // The block of some other structure: loops, shared blocks, one thing read as another.
    () => random.pick(base.regions).offset / blockSize,
    () => random.pick(base.regions).offset / blockSize,
    () => random.pick(base.regions).offset / blockSize,
  ])()
  return ((Math.floor(value) % top) + top) % top
}

/** A structure in the place of another, or cleared, or noise. */
function whole(random: Random, base: BaseImage, region: Region): Patch {
  const { offset, length } = region
  const from = random.pick(
    base.regions.filter((each) => random.chance(0.2) || each.kind === region.kind).concat(region),
  )
  const bytes = random.chance(0.6)
    ? Buffer.from(base.bytes.subarray(from.offset, from.offset + Math.min(length, from.length)))
    : random.chance(0.4)
      ? Buffer.alloc(length, random.pick([0, 0xff]))
      : Buffer.from(Array.from({ length: Math.min(length, 64) }, () => random.below(256)))
  return { offset, bytes: bytes.toString('hex') }
}
