/**
 * How long packing takes beside copying the same image:
 *
 *   node --import tsx --conditions=bootpack-source test/bench/pack-time.ts IMAGE TRACE [PAIRS] [FLAG...]
 *
 * Each pair is a plain `cp` of the image, a `cp` followed by the flush that packing
 * does too, and `bootpack pack --evict` of the copy, whole processes from start to
 * exit, one after the other so that what else the machine does falls on all of them.
 * The copy is on stable storage and in the page cache before it is packed. Prints
 * medians and the ratios to cp.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { table } from '../../src/text/table.js'
import { benchArguments, benchFolder, costOf, costOfBootpack, median, type Cost } from '../support/bench-process.js'

const [image, trace, pairs = '5', ...flags] = benchArguments(2, 'pack-time.ts IMAGE TRACE [PAIRS] [FLAG...]')
const folder = benchFolder()
try {
  const copy = join(folder.path, 'copy.img')
  const costs: Record<'cp' | 'cp and sync' | 'pack' | 'plan' | 'start', Cost[]> = {
    cp: [],
    'cp and sync': [],
    pack: [],
    plan: [],
    start: [],
  }
  costOf('sh', ['-c', 'cat "$1" > /dev/null', 'sh', image!])
  for (let pair = 0; pair < Number(pairs); pair++) {
    rmSync(copy, { force: true })
    costs.cp.push(costOf('cp', [image!, copy]))
    costOf('sync', [copy])
    rmSync(copy)
    costs['cp and sync'].push(costOf('sh', ['-c', 'cp "$1" "$2" && sync "$2"', 'sh', image!, copy]))
    costs.plan.push(costOfBootpack(['pack', copy, '--trace', trace!, '--evict', '--dry-run', ...flags]))
    costs.pack.push(costOfBootpack(['pack', copy, '--trace', trace!, '--evict', ...flags]))
    costs.start.push(costOfBootpack(['--version']))
  }
  const middle = (of: readonly Cost[], what: 'seconds' | 'cpuSeconds' | 'peakMiB'): number =>
    median(of.map((cost) => cost[what]))
  const ratio = (of: readonly Cost[], what: 'seconds' | 'cpuSeconds', to: readonly Cost[]): string =>
    `${median(of.map((cost, i) => cost[what] / to[i]![what])).toFixed(2)}x`
  console.log(`medians of ${pairs} pairs, interleaved`)
  console.log(
    table(
      ['', 'seconds', 'to cp', 'to cp and sync', 'processor s', 'to cp', 'peak MiB'],
      Object.entries(costs).map(([name, of]) => [
        (
          {
            pack: 'bootpack pack --evict',
            plan: 'of it planning (--dry-run)',
            start: 'of it starting (--version)',
          } as Record<string, string>
        )[name] ?? name,
        middle(of, 'seconds').toFixed(2),
        ratio(of, 'seconds', costs.cp),
        ratio(of, 'seconds', costs['cp and sync']),
        middle(of, 'cpuSeconds').toFixed(2),
        ratio(of, 'cpuSeconds', costs.cp),
        Number.isNaN(of[0]!.peakMiB) ? '' : Math.max(...of.map(({ peakMiB }) => peakMiB)).toFixed(0),
      ]),
    ),
  )
  console.log(
    `each run, seconds: ${Object.entries(costs)
      .map(([name, of]) => `${name} ${of.map(({ seconds }) => seconds.toFixed(2)).join(' ')}`)
      .join('; ')}`,
  )
} finally {
  folder.remove()
}
