/**
 * Merging many boots: processor time and memory of `fleet merge` with DuckDB, and beside
 * `trace merge` for as many as that holds.
 *
 *     node --import tsx --conditions=bootpack-source plugins/fleet/bench/merge.ts 1000,10000 boot.tracefs.gz…
 *
 * The fleet is made from the recordings named (test/support/fleet-generator.ts, seed 1).
 * Times are those of the whole process, in user and system mode together.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTrace, writeTrace, type Trace } from 'bootpack'
import { benchArguments, benchFolder, costOfBootpack, type Cost } from '../../../test/support/bench-process.js'
import { table } from '../../../src/text/table.js'
import { count, seconds } from '../../../src/text/units.js'
import { addBoots, type NewBoot } from '../src/store/add.js'
import { makeFleet } from '../test/support/fleet-generator.js'

/** Beyond that `trace merge` needs more memory than there is. */
const mostInMemory = 1000

const [sizes, ...files] = benchArguments(2, '../../plugins/fleet/bench/merge.ts BOOTS,BOOTS RECORDING…')
const recordings: Trace[] = []
for (const file of files) recordings.push(await readTrace(file))

async function* boots(number: number): AsyncGenerator<NewBoot> {
  for (const { trace, machine } of makeFleet(recordings, { boots: number, seed: 1 }))
    yield { trace, machine, image: 'bench' }
}

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)

const rows: string[][] = []
const row = (
  what: string,
  boots_: number,
  reads: number,
  { seconds: wall, cpuSeconds, peakMiB }: Cost,
  hash: string,
): void => {
  const line = [
    what,
    count(boots_),
    count(reads),
    seconds(cpuSeconds * 1000),
    seconds(wall * 1000),
    `${Math.round(peakMiB)} MiB`,
    hash,
  ]
  rows.push(line)
  console.error(line.join('  '))
}

for (const number of sizes!.split(',').map(Number)) {
  const folder = benchFolder()
  try {
    const fleet = join(folder.path, 'fleet')
    const { reads } = await addBoots(fleet, boots(number), { without: [], today: '2026-11-30', known: new Set() })
    const profile = join(folder.path, 'profile.trace')
    row(
      'fleet merge',
      number,
      reads,
      costOfBootpack(['fleet', 'merge', fleet, '--image', 'bench', '-o', profile]),
      hashOf(profile),
    )
    if (number > mostInMemory) continue
    mkdirSync(join(folder.path, 'traces'))
    const names: string[] = []
    for (const { trace } of makeFleet(recordings, { boots: number, seed: 1 })) {
      names.push(join(folder.path, 'traces', `${String(names.length).padStart(5, '0')}.trace`))
      await writeTrace(names.at(-1)!, trace)
    }
    const merged = join(folder.path, 'merged.trace')
    row(
      'trace merge',
      number,
      reads,
      costOfBootpack(['trace', 'merge', join(folder.path, 'traces/*.trace'), '-o', merged]),
      hashOf(merged),
    )
  } finally {
    folder.remove()
  }
}
console.log(table(['what', 'boots', 'reads', 'processor', 'time', 'memory', 'profile'], rows))
