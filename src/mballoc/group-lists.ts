import { lowestBit } from './buddy.js'

/**
 * Block groups sorted into lists by the order of one of their statistics, each
 * list a bitmap over the groups, so that the nearest group with *at least* some
 * order is found by OR-ing a few words. The kernel keeps linked lists here (today
 * XArrays), for it wants any group; we want the one nearest to the goal.
 *
 * The invariant: group g is in exactly the list orderOf(g), or in none when that is -1.
 */
export class GroupLists {
  private readonly words: number
  private readonly bits: Uint32Array
  private readonly orders: Int8Array

  readonly top: number
  readonly groups: number

  /** @param top the highest order; @param groups how many groups there are. All begin in no list. */
  constructor(top: number, groups: number) {
    this.top = top
    this.groups = groups
    this.words = (groups + 31) >>> 5
    this.bits = new Uint32Array((top + 1) * this.words)
    this.orders = new Int8Array(groups).fill(-1)
  }

  orderOf(group: number): number {
    return this.orders[group]!
  }

  /** Puts a group into the list of `order`; -1 takes it out of all. */
  move(group: number, order: number): void {
    const old = this.orders[group]!
    if (old === order) return
    const bit = 1 << (group & 31)
    if (old >= 0) this.bits[old * this.words + (group >>> 5)]! &= ~bit
    if (order >= 0) this.bits[order * this.words + (group >>> 5)]! |= bit
    this.orders[group] = order
  }

  /** The first group in [from, to] of order `order` or more; -1 when there is none. */
  next(order: number, from: number, to: number): number {
    if (from > to || order > this.top) return -1
    let mask = -1 << (from & 31)
    for (let w = from >>> 5; w <= to >>> 5; w++, mask = -1) {
      const word = this.atLeast(order, w) & mask
      if (word === 0) continue
      const group = w * 32 + lowestBit(word)
      return group <= to ? group : -1
    }
    return -1
  }

  /** The last group in [to, from] of order `order` or more; -1 when there is none. */
  previous(order: number, from: number, to: number): number {
    if (from < to || order > this.top) return -1
    let mask = -1 >>> (31 - (from & 31))
    for (let w = from >>> 5; w >= to >>> 5; w--, mask = -1) {
      const word = this.atLeast(order, w) & mask
      if (word === 0) continue
      const group = w * 32 + 31 - Math.clz32(word)
      return group >= to ? group : -1
    }
    return -1
  }

  private atLeast(order: number, word: number): number {
    let union = 0
    for (let k = order; k <= this.top; k++) union |= this.bits[k * this.words + word]!
    return union
  }

  /** @throws Error when a group is not in exactly its own list */
  checkInvariants(): void {
    for (let group = 0; group < this.groups; group++) {
      for (let k = 0; k <= this.top; k++) {
        const listed = ((this.bits[k * this.words + (group >>> 5)]! >>> (group & 31)) & 1) === 1
        if (listed !== (this.orders[group] === k))
          throw new Error(`group ${group} belongs to list ${this.orders[group]}, but list ${k} says ${listed}`)
      }
    }
  }
}
