import type { Renumbering } from '../../volume/capabilities.js'

/**
 * The exchanges that bring inodes to their numbers, in order: each takes one inode where
 * it belongs for good, and whoever is there to where it came from. At most one for each
 * inode, whatever cycles there are.
 * @param members where each inode is now and where it belongs; no number twice
 */
export function exchangesTowards(members: readonly { readonly now: number; readonly to: number }[]): Renumbering[] {
  const exchanges: Renumbering[] = []
  const now = members.map((member) => member.now)
  const holder = new Map(now.map((number, index) => [number, index]))
  members.forEach(({ to }, index) => {
    const from = now[index]!
    if (from === to) return
    exchanges.push({ inode: from, to })
    const other = holder.get(to)
    holder.set(to, index)
    now[index] = to
    holder.delete(from)
    if (other === undefined) return
    holder.set(from, other)
    now[other] = from
  })
  return exchanges
}

/** Where every inode ends that the exchanges touch: number before -> number after, those that end where they began left out. */
export function numbersAfter(
  exchanges: readonly Renumbering[],
  used: (number: number) => boolean,
): Map<number, number> {
  const holder = new Map<number, number | undefined>()
  const at = (number: number): number | undefined =>
    holder.has(number) ? holder.get(number) : used(number) ? number : undefined
  for (const { inode, to } of exchanges) {
    const [mover, other] = [at(inode), at(to)]
    holder.set(to, mover)
    holder.set(inode, other)
  }
  const after = new Map<number, number>()
  for (const [number, original] of holder)
    if (original !== undefined && original !== number) after.set(original, number)
  return after
}
