/**
 * Power cuts in bulk:
 *
 *     npm run crash-test -- --points 2000 --seed 1
 *     npm run crash-test -- --points 1000 --inodes 20
 *     npm run crash-test -- --points 500 --kind ext3
 *
 * With `--kind TEXT` only images with that in their name are tried.
 * With `--inodes N` so many numbers of inodes are exchanged after every round of moves.
 *
 * Each image is recorded once and cut at `--each` points. Every fourth recovery is
 * the kernel's where there is root to mount, the others are e2fsck's. What was lost is
 * printed with the seed that repeats it; the exit code tells whether anything was.
 */
import { parseArgs } from 'node:util'
import { existsSync } from 'node:fs'
import { isRoot, scratchFolder } from '../support/tools.js'
import { Random } from '../support/random.js'
import { CrashRun } from './crash-run.js'
import { crashVarieties } from './crash-varieties.js'

const { values } = parseArgs({
  options: {
    points: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    each: { type: 'string', default: '25' },
    inodes: { type: 'string', default: '0' },
    kind: { type: 'string', default: '' },
  },
})
const points = Number(values.points)
const each = Number(values.each)
const firstSeed = Number(values.seed)
const inodes = Number(values.inodes)
if (![points, each, firstSeed, inodes + 1].every((value) => Number.isInteger(value) && value > 0)) {
  console.error(
    'Usage: npm run crash-test -- [--points N] [--seed N] [--each N] [--inodes N] [--kind TEXT], N a whole number above 0',
  )
  process.exit(2)
}

const kernel = isRoot && existsSync('/dev/loop-control')
const kinds = crashVarieties.filter(({ name, used }) => name.includes(values.kind) && (kernel || !used))
if (kinds.length === 0) {
  console.error(`No kind of image has ${JSON.stringify(values.kind)} in its name.`)
  process.exit(2)
}
const scratch = scratchFolder()
const began = performance.now()
const tally = new Map<string, { images: number; transactions: number; points: number; lost: number }>()
let done = 0
let renumbered = 0
let lost = 0
try {
  for (let image = 0; done < points; image++) {
    const variety = kinds[image % kinds.length]!
    const seed = firstSeed + image
    const luck = new Random(seed ^ 0x5eed)
    const run = await CrashRun.record({
      variety,
      seed,
      folder: scratch.path,
      capacity: luck.pick(inodes === 0 ? [8, 10, 12, 20, 1000] : [16, 24, 40, 1000]),
      movesPerRound: luck.between(5, 40),
      roundsPerSession: luck.between(2, inodes === 0 ? 6 : 3),
      sessions: luck.between(1, 3),
      ...(inodes > 0 && { exchangesPerRound: inodes }),
    })
    const sums = tally.get(variety.name) ?? { images: 0, transactions: 0, points: 0, lost: 0 }
    tally.set(variety.name, sums)
    sums.images++
    renumbered += run.renumbered
    sums.transactions += run.transactions
    for (let point = 0; point < each && done < points; point++, done++) {
      const problem = run.tryOnce(kernel && point % 4 === 3 ? 'kernel' : 'e2fsck')
      sums.points++
      if (problem === undefined) continue
      sums.lost++
      lost++
      console.log(`LOST: ${problem}`)
    }
    run.remove()
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${points} points, ${lost} lost`)
  }
} finally {
  scratch.remove()
}
if (process.stderr.isTTY) process.stderr.write('\n')
for (const [name, { images, transactions, points: tried, lost: bad }] of tally) {
  console.log(`${name}: ${images} images, ${transactions} transactions, ${tried} points, ${bad} lost`)
}
console.log(
  `${done} crash points (${kernel ? 'e2fsck and kernel' : 'e2fsck'}), ${lost} lost, ${inodes === 0 ? '' : `${renumbered} numbers exchanged, `}${Math.round((performance.now() - began) / 1000)} s`,
)
process.exit(lost === 0 ? 0 : 1)
