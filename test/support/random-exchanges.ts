/** Random exchanges of inode numbers: a slot for an inode, taken or free. */
import { slotState, type Renumbering } from '../../src/volume/capabilities.js'
import type { Volume } from '../../src/volume/volume.js'
import type { Random } from './random.js'

/** Each is sound when it is looked at alone; which number means whom changes on the way. */
export async function randomExchanges(volume: Volume, random: Random, count: number): Promise<Renumbering[]> {
  const used: number[] = []
  const slots: number[] = []
  const { groupCount } = volume.geometry()
  for (let group = 0; group < groupCount; group++) {
    const { firstInode, states } = await volume.capabilities.inodeTables!.numbers!.table(group)
    states.forEach((state, slot) => {
      if (state === slotState.movable) used.push(firstInode + slot)
      if (state !== slotState.fixed) slots.push(firstInode + slot)
    })
  }
  if (used.length === 0 || slots.length < 2) return []
  const holds = new Set(used)
  const exchanges: Renumbering[] = []
  while (exchanges.length < count) {
    const inode = random.pick(used)
    const to = random.pick(slots)
    if (inode === to || !holds.has(inode)) continue
    if (!holds.has(to)) {
      holds.delete(inode)
      holds.add(to)
      used.push(to)
    }
    exchanges.push({ inode, to })
  }
  return exchanges
}

/** Where each inode is after the exchanges, for those that moved: number before -> number after. */
export function numbersAfter(exchanges: readonly Renumbering[]): Map<number, number> {
  const holder = new Map<number, number | undefined>()
  const at = (slot: number): number | undefined => (holder.has(slot) ? holder.get(slot) : slot)
  const free = new Set<number>()
  for (const { inode, to } of exchanges) {
    const [a, b] = [at(inode), at(to)]
    holder.set(to, a)
    holder.set(inode, b)
    free.add(inode)
  }
  const after = new Map<number, number>()
  for (const [slot, before] of holder) if (before !== undefined && before !== slot) after.set(before, slot)
  return after
}
