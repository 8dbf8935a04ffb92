/**
 * Which pages of which files have been seen: one open-addressing table for all of
 * them, so that ten million page events cost a lookup each and memory follows the
 * distinct ranges, not the events.
 *
 * The data: a slot holds 32 neighbouring pages of one file. Its key is the file
 * (`id`, any whole number) with the number space the id is from and the group,
 * page / 32; its value is a bit per page. A key of 0 is an empty slot, so the key
 * is kept plus one.
 *
 * The invariant: at most two thirds of the slots are used; past the largest table
 * everything is forgotten and counting starts anew. A repeated page may then come
 * through once more, which costs a line in the trace and nothing else.
 *
 * The one operation, `claim`, marks a range and tells which part of it was new.
 */

const pagesPerGroup = 32
const groupsPerSpace = 2 ** 40
/** Number spaces are below this, so that a key stays a whole number. */
export const mostSpaces = 4096

export class SeenPages {
  private capacity = 1 << 10
  private ids = new Float64Array(this.capacity)
  private keys = new Float64Array(this.capacity)
  private masks = new Int32Array(this.capacity)
  private used = 0
  private lastId = -1
  private lastKey = -1
  private lastSlot = 0
  /** So that nobody can write a file whose pages all fall on one slot. */
  private readonly seed = (Math.random() * 2 ** 32) | 0

  /** After a claim that returned true: the pages that were new. */
  runStart = 0
  runEnd = 0

  private readonly largest: number

  /** @param largest slots; a power of two. 20 bytes each. */
  constructor(largest = 1 << 22) {
    this.largest = largest
  }

  /**
   * Marks the first run of unseen pages in [from, to), found in `runStart` and
   * `runEnd`. Call again from `runEnd` for the next one.
   * @returns false when all of them were seen before
   */
  claim(space: number, id: number, from: number, to: number): boolean {
    let page = from
    for (;;) {
      if (page >= to) return false
      const group = Math.floor(page / pagesPerGroup)
      // In this order: finding the slot may replace the table.
      const slot = this.slot(space, id, group)
      const unseen = ~this.masks[slot]! & (-1 << (page - group * pagesPerGroup))
      if (unseen !== 0) {
        page = group * pagesPerGroup + lowestBit(unseen)
        break
      }
      page = (group + 1) * pagesPerGroup
    }
    if (page >= to) return false
    this.runStart = page
    while (page < to) {
      const group = Math.floor(page / pagesPerGroup)
      const slot = this.slot(space, id, group)
      const first = group * pagesPerGroup
      const mask = this.masks[slot]!
      const low = page - first
      const seenAbove = mask & (-1 << low)
      const high = Math.min(to - first, seenAbove === 0 ? pagesPerGroup : lowestBit(seenAbove))
      if (high <= low) break
      this.masks[slot] = mask | (bitsBelow(high) & ~bitsBelow(low))
      page = first + high
      if (high < pagesPerGroup) break
    }
    this.runEnd = page
    return true
  }

  /** The slot of a group, made if it is new. */
  private slot(space: number, id: number, group: number): number {
    const key = space * groupsPerSpace + group + 1
    if (key === this.lastKey && id === this.lastId) return this.lastSlot
    let slot = this.find(id, key)
    if (this.keys[slot] === 0) {
      if ((this.used + 1) * 3 > this.capacity * 2) {
        this.grow()
        slot = this.find(id, key)
      }
      this.used++
      this.ids[slot] = id
      this.keys[slot] = key
    }
    this.lastId = id
    this.lastKey = key
    this.lastSlot = slot
    return slot
  }

  /** The slot that holds the key, or the empty one where it belongs. */
  private find(id: number, key: number): number {
    let hash = this.seed ^ (id | 0) ^ Math.imul((id / 2 ** 32) | 0, 0x27d4eb2f)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ (key | 0) ^ Math.imul((key / 2 ** 32) | 0, 0x165667b1)
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
    const wrap = this.capacity - 1
    let slot = (hash ^ (hash >>> 15)) & wrap
    while (this.keys[slot] !== 0 && (this.keys[slot] !== key || this.ids[slot] !== id)) slot = (slot + 1) & wrap
    return slot
  }

  private grow(): void {
    const { ids, keys, masks, capacity } = this
    this.used = 0
    this.lastKey = -1
    if (capacity >= this.largest) {
      keys.fill(0)
      masks.fill(0)
      return
    }
    this.capacity = capacity * 2
    this.ids = new Float64Array(this.capacity)
    this.keys = new Float64Array(this.capacity)
    this.masks = new Int32Array(this.capacity)
    for (let i = 0; i < capacity; i++) {
      if (keys[i] === 0) continue
      const slot = this.find(ids[i]!, keys[i]!)
      this.ids[slot] = ids[i]!
      this.keys[slot] = keys[i]!
      this.masks[slot] = masks[i]!
      this.used++
    }
  }
}

const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits)

const bitsBelow = (bit: number): number => (bit >= pagesPerGroup ? -1 : (1 << bit) - 1)
