/** Rounds of two at once, and what came of them. */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../support/random.js'
import { scratchFolder } from '../support/tools.js'
import type { IntruderName } from './intruder.js'
import { playRound, type RoundResult } from './round.js'
import { makeSpecimen, type Specimen } from './specimen.js'

export interface OfflineOptions {
  readonly rounds: number
  readonly seed: number
  /** Kinds of images. */
  readonly kinds?: number
  readonly unguarded?: boolean
  readonly only?: IntruderName
  readonly unasked?: boolean
  /** Where the images of rounds that went wrong are kept; they are removed when left out. */
  readonly keep?: string
  readonly untilFirst?: boolean
  readonly onRound?: (result: RoundResult) => void
}

export async function playOffline(options: OfflineOptions): Promise<RoundResult[]> {
  const { rounds, seed, kinds = 4, unguarded, only, unasked, keep, untilFirst, onRound } = options
  const scratch = scratchFolder()
  const results: RoundResult[] = []
  const moments = new Map<string, string>()
  try {
    const specimens: Specimen[] = []
    for (let kind = 0; kind < kinds; kind++) specimens.push(await makeSpecimen(join(scratch.path, `kind${kind}`), kind))
    for (let round = 0; round < rounds; round++) {
      const folder = join(scratch.path, 'round')
      mkdirSync(folder)
      const result = await playRound({
        specimens,
        round,
        // Each round by itself can be repeated.
        random: new Random(seed * 1000 + round),
        folder,
        moments,
        ...(unguarded && { unguarded }),
        ...(only && { only }),
        ...(unasked && { unasked }),
      })
      results.push(result)
      onRound?.(result)
      if (result.problem !== undefined && keep !== undefined) {
        mkdirSync(keep, { recursive: true })
        rmSync(join(keep, `${seed}-${round}`), { recursive: true, force: true })
        renameSync(folder, join(keep, `${seed}-${round}`))
      } else rmSync(folder, { recursive: true })
      if (result.problem !== undefined && untilFirst) break
    }
  } finally {
    scratch.remove()
  }
  return results
}

/** Rounds by intruder and what came of them, as lines of a Markdown table. */
export function tableOf(results: readonly RoundResult[]): string[] {
  const columns = ['held waiting', 'done', 'in and stays', 'turned away', 'under way', 'bootpack was done']
  const endings = ['exit 0', 'exit 5', 'exit 3']
  const rows = [...new Set(results.map(({ intruder }) => intruder))].sort().map((name) => {
    const own = results.filter(({ intruder }) => intruder === name)
    const counts = [
      ...columns.map((column) => own.filter(({ progress }) => progress === column).length),
      ...endings.map((ending) => own.filter(({ code }) => `exit ${code}` === ending).length),
      own.filter(({ problem }) => problem !== undefined).length,
    ]
    return `| ${name} | ${own.length} | ${counts.join(' | ')} |`
  })
  const heads = ['intruder', 'rounds', ...columns, ...endings, 'lost or untrue']
  return [`| ${heads.join(' | ')} |`, `|${'---|'.repeat(heads.length)}`, ...rows]
}
