/** Jumps of `from` blocks up to, not including, `to`. */
export interface SeekBin {
  readonly from: number
  readonly to: number
  readonly seeks: number
  /** Sum of these jumps, blocks. */
  readonly distanceBlocks: number
}

/**
 * How many jumps are how far, in steps of four: 1 to 4 blocks, 4 to 16 and so on.
 * @param distances  blocks, at least 1
 * @param blockCount of the disk: the bins reach from one block to all of it, also where they are empty
 */
export function seekHistogram(distances: Iterable<number>, blockCount: number): SeekBin[] {
  const bins: { seeks: number; distanceBlocks: number }[] = []
  for (let from = 1; from < Math.max(2, blockCount); from *= 4) bins.push({ seeks: 0, distanceBlocks: 0 })
  for (const distance of distances) {
    let index = 0
    for (let edge = 4; distance >= edge && index < bins.length - 1; edge *= 4) index++
    const bin = bins[index]!
    bin.seeks++
    bin.distanceBlocks += distance
  }
  return bins.map((bin, i) => ({ from: 4 ** i, to: 4 ** (i + 1), ...bin }))
}
