/**
 * Which slots of the inode tables the boot's inodes get: a stretch of neighbours near the
 * goal, taken in order. Pure.
 *
 * The tables are laid end to end into one line of slots. A stretch of the line is judged
 * in the manner of window.ts, where one inode counts 1:
 *   - every inode of others that must make room counts 1;
 *   - every block of the tables that the stretch touches counts as many as it holds: it
 *     is read in every boot;
 *   - the distance from the goal, and going on in a table that does not follow, count as
 *     they do for a window (objective.ts).
 */
import { lowerBound } from '../../lower-bound.js'
import type { FsBlock } from '../../layout/block.js'
import type { PlaceWeights } from '../objective.js'
import { slotState, type InodeTable } from '../../volume/capabilities.js'

export interface SlotRequest {
  /** Inodes in the order they shall lie; those that keep their number are not among them. */
  readonly wanted: readonly number[]
  /** In rising order of their inodes. */
  readonly tables: readonly InodeTable[]
  readonly goal: FsBlock
  readonly inodesPerBlock: number
  /** Of the filesystem. */
  readonly blockCount: number
  readonly weights: PlaceWeights
}

/**
 * @returns a slot for each of the wanted, as far as there are any; empty when there are none
 */
export function chooseSlots(request: SlotRequest): number[] {
  const line = new SlotLine(request)
  const count = Math.min(request.wanted.length, line.usableSlots)
  if (count === 0) return []
  let best = -1
  let bestCost = Infinity
  for (const start of line.starts()) {
    const cost = line.cost(start, count)
    if (cost !== undefined && cost < bestCost) {
      best = start
      bestCost = cost
    }
  }
  return best < 0 ? [] : line.take(best, count)
}

class SlotLine {
  private readonly numbers: number[] = []
  /** Block of each slot on the disk. */
  private readonly blocks: number[] = []
  private readonly usable: boolean[] = []
  /** Sums over the slots before: usable ones, others that may go, blocks begun, tables that do not follow. */
  private readonly before: {
    readonly usable: number[]
    readonly others: number[]
    readonly blocks: number[]
    readonly breaks: number[]
  } = { usable: [0], others: [0], blocks: [0], breaks: [0] }

  private readonly request: SlotRequest

  constructor(request: SlotRequest) {
    this.request = request
    const { tables, inodesPerBlock } = request
    const wanted = new Set(request.wanted)
    for (const { firstInode, start, states } of tables) {
      states.forEach((state, slot) => {
        const number = firstInode + slot
        const block = start + Math.floor(slot / inodesPerBlock)
        const last = this.numbers.length - 1
        const usable = state !== slotState.fixed || wanted.has(number)
        const { before } = this
        before.usable.push(before.usable[last + 1]! + (usable ? 1 : 0))
        before.others.push(before.others[last + 1]! + (state === slotState.movable && !wanted.has(number) ? 1 : 0))
        before.blocks.push(before.blocks[last + 1]! + (this.blocks[last] === block ? 0 : 1))
        before.breaks.push(before.breaks[last + 1]! + (last >= 0 && block - this.blocks[last]! > 1 ? 1 : 0))
        this.numbers.push(number)
        this.blocks.push(block)
        this.usable.push(usable)
      })
    }
  }

  get usableSlots(): number {
    return this.before.usable.at(-1)!
  }

  /** Slots at which a block begins. */
  *starts(): Generator<number> {
    for (let slot = 0; slot < this.numbers.length; slot++) if (this.blocks[slot] !== this.blocks[slot - 1]) yield slot
  }

  /** Of the stretch from `start` on with `count` usable slots; undefined when there are not as many. */
  cost(start: number, count: number): number | undefined {
    const {
      before,
      request: { goal, inodesPerBlock, blockCount, weights },
    } = this
    const end = this.endOf(start, count)
    if (end === undefined) return undefined
    const over = (sums: readonly number[]): number => sums[end]! - sums[start]!
    return (
      over(before.others) +
      inodesPerBlock * over(before.blocks) +
      weights.distance * count * (Math.abs(this.blocks[start]! - goal) / blockCount) +
      weights.gap * count * Math.max(0, over(before.breaks))
    )
  }

  take(start: number, count: number): number[] {
    const slots: number[] = []
    for (let slot = start; slots.length < count; slot++) if (this.usable[slot]) slots.push(this.numbers[slot]!)
    return slots
  }

  private endOf(start: number, count: number): number | undefined {
    const { usable } = this.before
    const wanted = usable[start]! + count
    if (wanted > this.usableSlots) return undefined
    return lowerBound(this.numbers.length, (place) => usable[place]! >= wanted, start)
  }
}
