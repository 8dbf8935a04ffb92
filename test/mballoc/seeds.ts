import { Random } from '../support/random.js'

/** Runs `check` once for each seed; a failure names the seed. BOOTPACK_SEED runs one alone. */
export function forSeeds(count: number, check: (random: Random) => void): void {
  const one = process.env['BOOTPACK_SEED']
  const seeds = one === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(one)]
  for (const seed of seeds) {
    try {
      check(new Random(seed))
    } catch (error) {
      if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`
      throw error
    }
  }
}
