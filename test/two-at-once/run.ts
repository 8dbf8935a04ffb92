/**
 * Two at work at once, in bulk:
 *
 *     npm run two-at-once -- --rounds 500 --seed 1
 *
 * Needs root and loop devices. --only NAME plays one intruder, --keep FOLDER keeps what is
 * left of rounds that went wrong, --unguarded takes bootpack's lock and looks away: that must
 * find losses. --live plays on a mounted filesystem. With --unasked somebody also comes to
 * block devices that he did not ask the kernel for, and cannot be kept off.
 * Exits with 1 when anything was lost or said untruly.
 */
import { parseArgs } from 'node:util'
import { intruders, liveIntruders, type IntruderName, type LiveIntruderName } from './intruder.js'
import { playLive } from './live.js'
import { playOffline, tableOf } from './offline.js'
import type { RoundResult } from './round.js'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    keep: { type: 'string' },
    unguarded: { type: 'boolean', default: false },
    unasked: { type: 'boolean', default: false },
    live: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const seed = Number(values.seed)
const { only, live, unasked, unguarded, verbose, keep } = values
const names: readonly string[] = live ? liveIntruders : intruders
if (![rounds, seed].every((value) => Number.isInteger(value) && value > 0) || (only && !names.includes(only))) {
  console.error(`Usage: npm run two-at-once -- [--live] [--rounds N] [--seed N] [--only ${names.join('|')}]`)
  process.exit(2)
}
const began = performance.now()
const common = {
  rounds,
  seed,
  ...(keep && { keep }),
  onRound: ({ title, progress, code, problem }: RoundResult): void => {
    if (problem !== undefined)
      console.log(`LOST or untrue: seed ${seed}, ${title}: ${progress}, exit ${code}: ${problem}`)
    else if (verbose) console.log(`${title}: ${progress}, exit ${code}`)
  },
}
const results = live
  ? await playLive({ ...common, ...(only && { only: only as LiveIntruderName }) })
  : await playOffline({ ...common, unasked, unguarded, ...(only && { only: only as IntruderName }) })
console.log(tableOf(results).join('\n'))
const bad = results.filter(({ problem }) => problem !== undefined).length
console.log(`${results.length} rounds, ${bad} lost or untrue, ${Math.round((performance.now() - began) / 1000)} s`)
process.exit(bad === 0 ? 0 : 1)
