/**
 * What the reads of several boots have in common: segments.
 *
 * Boots cut the same file into different reads. Between any two neighbouring offsets at
 * which some read of some boot begins or ends, each boot read all of a segment or
 * nothing, so segments can be counted and ranked where reads cannot.
 *
 * Invariants: the segments of a thing are neighbours in number and in offset; a read
 * covers the segments [first, end) and nothing else. Numbers depend only on the distinct
 * reads and the order in which they first come, so whoever has those (a database that
 * grouped a million boots) gets the same segments as whoever has all reads.
 */
import { lowerBound } from '../../lower-bound.js'
import { rangeOf, readIdentity, type ReadIdentity } from '../model/read-identity.js'
import type { TraceRead } from '../model/trace.js'

/** A file, a tree or a device, over all boots. */
export interface Thing {
  readonly key: string
  /** The part of the key that tells the folder. */
  readonly folder: string
  /** The first read of it: what kind of read it was, and of which device. */
  readonly sample: TraceRead
  /** The first name it was read by. */
  readonly path: string | undefined
  readonly inodes: ReadonlySet<number>
}

/** Numbers of segments, [first, end). */
export interface SegmentRange {
  readonly first: number
  readonly end: number
}

interface OpenThing {
  readonly key: string
  readonly folder: string
  readonly sample: TraceRead
  path: string | undefined
  readonly inodes: Set<number>
  readonly edges: Set<number>
  /** Sorted offsets at which segments begin; the last one is where the last ends. */
  offsets: Float64Array
  /** Number of its first segment. */
  base: number
}

export class Segmentation {
  private readonly things = new Map<string, OpenThing>()
  private readonly identity: ReadIdentity
  /** Thing of each segment. */
  private readonly owners: OpenThing[] = []

  /** How many segments there are; they are numbered from 0. */
  readonly count: number

  /**
   * @param boots the reads of each boot, in the order of the boots; or all distinct reads in the order
   *   they first come. Iterated twice.
   */
  constructor(boots: readonly Iterable<TraceRead>[]) {
    this.identity = readIdentity(boots)
    for (const reads of boots) for (const read of reads) this.add(read)
    let base = 0
    for (const thing of this.things.values()) {
      thing.offsets = Float64Array.from(thing.edges).sort()
      thing.edges.clear()
      thing.base = base
      base += thing.offsets.length - 1
      while (this.owners.length < base) this.owners.push(thing)
    }
    this.count = base
  }

  /** The segments of a read that was among those it was made from; undefined for one of no bytes. */
  segmentsOf(read: TraceRead): SegmentRange | undefined {
    const { from, to } = rangeOf(read)
    if (to <= from) return undefined
    const { offsets, base } = this.things.get(this.identity(read))!
    return { first: base + placeOf(offsets, from), end: base + placeOf(offsets, to) }
  }

  thingOf(segment: number): Thing {
    return this.owners[segment]!
  }

  /** Bytes [from, to) of its thing; `to` is Infinity for the part up to the end of a file. */
  bytesOf(segment: number): { readonly from: number; readonly to: number } {
    const { offsets, base } = this.owners[segment]!
    return { from: offsets[segment - base]!, to: offsets[segment - base + 1]! }
  }

  private add(read: TraceRead): void {
    const { from, to } = rangeOf(read)
    if (to <= from) return
    const key = this.identity(read)
    let thing = this.things.get(key)
    if (!thing) {
      thing = {
        key,
        folder: key.slice(0, key.lastIndexOf('/') + 1),
        sample: read,
        path: undefined,
        inodes: new Set(),
        edges: new Set(),
        offsets: new Float64Array(),
        base: 0,
      }
      this.things.set(key, thing)
    }
    thing.path ??= read.path
    if (read.ino !== undefined) thing.inodes.add(read.ino)
    thing.edges.add(from).add(to)
  }
}

/** Position of a value that is there. */
function placeOf(sorted: Float64Array, value: number): number {
  return lowerBound(sorted.length, (place) => sorted[place]! >= value)
}
