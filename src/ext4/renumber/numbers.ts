/**
 * Which inode has which number while numbers change hands. An inode is known by its
 * original number, the one it had when its names were looked for.
 */
export class CurrentNumbers {
  private readonly nowOf = new Map<number, number>()
  private readonly originalOf = new Map<number, number>()

  /** @param used numbers that may change and are in use */
  constructor(used: Iterable<number>) {
    for (const number of used) this.set(number, number)
  }

  /** Number of an inode; one that was not given keeps its own. */
  now(original: number): number {
    return this.nowOf.get(original) ?? original
  }

  /** The inode that has a number; undefined for a free slot. */
  holder(number: number): number | undefined {
    return this.originalOf.get(number)
  }

  /** Two slots change their holders; one of them may be free. */
  exchange(a: number, b: number): void {
    const first = this.originalOf.get(a)
    const second = this.originalOf.get(b)
    this.originalOf.delete(a)
    this.originalOf.delete(b)
    if (first !== undefined) this.set(first, b)
    if (second !== undefined) this.set(second, a)
  }

  private set(original: number, number: number): void {
    this.nowOf.set(original, number)
    this.originalOf.set(number, original)
  }
}
