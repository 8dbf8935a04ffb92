/**
 * How long starting takes beside Node's own start:
 *
 *   node --import tsx --conditions=bootpack-source test/bench/start.ts [ROUNDS]
 *
 * Whole processes, one after the other in every round, so that what else the machine
 * does falls on all of them; medians, and the median of the rounds' ratios to
 * `node -e 0`. Run it after `npm run build`, which writes the manifests.
 */
import { join } from 'node:path'
import { table } from '../../src/text/table.js'
import { bootpack, costOf, median, type Cost } from '../support/bench-process.js'

const rounds = Number(process.argv[2] ?? 15)
const e4defrag = join(bootpack, '../e4defrag.js')
const runs: Record<string, string[]> = {
  'node -e 0': ['-e', '0'],
  'bootpack --version': [bootpack, '--version'],
  'bootpack pack --help': [bootpack, 'pack', '--help'],
  'bootpack packk (no such command)': [bootpack, 'packk'],
  'bootpack trace show, of nothing': [bootpack, 'trace', 'show', '/dev/null'],
  'e4defrag (usage)': [e4defrag],
}
const costs = Object.fromEntries(Object.keys(runs).map((name) => [name, [] as Cost[]]))
for (let round = 0; round < rounds; round++) {
  for (const [name, args] of Object.entries(runs)) costs[name]!.push(costOf(process.execPath, args, [0, 1, 2, 6]))
}
const node = costs['node -e 0']!
console.log(`medians of ${rounds} rounds`)
console.log(
  table(
    ['', 'seconds', 'to node -e 0', 'processor s'],
    Object.entries(costs).map(([name, of]) => [
      name,
      median(of.map(({ seconds }) => seconds)).toFixed(3),
      `${median(of.map(({ seconds }, i) => seconds / node[i]!.seconds)).toFixed(2)}x`,
      median(of.map(({ cpuSeconds }) => cpuSeconds)).toFixed(3),
    ]),
  ),
)
