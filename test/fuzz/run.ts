/**
 * The long run:
 *
 *     node --import tsx --conditions=bootpack-source test/fuzz/run.ts --minutes 30 --seed 1
 *
 * The work is done in a process of its own, with little memory and watched from
 * here: when one input takes too long or ends the process, it is reported like any
 * other finding and the search goes on with the next seed.
 */
import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { Random } from '../support/random.js'
import { scratchFolder } from '../support/tools.js'
import { makeBaseImages } from './base-image.js'
import { tryDisk } from './disk-target.js'
import { ImageFuzzer } from './image-fuzzer.js'
import { goodPlan, tryPlan, tryTrace } from './plan-target.js'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    worker: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.minutes) * 60
const longestInput = 20_000
const memory = 512

interface Report {
  readonly images: number
  readonly moved: number
  readonly checked: number
  readonly disks: number
  readonly plans: number
  readonly plansApplied: number
  readonly traces: number
  readonly kept: number
  readonly parts: number
  readonly slowestMs: number
  readonly mostMemoryMiB: number
  readonly codes: Record<string, number>
  readonly findings: readonly { readonly what: unknown; readonly error: string }[]
}

type Message = { readonly now: unknown } | { readonly report: Report }

async function work(seed: number): Promise<void> {
  const scratch = scratchFolder()
  const tell = (message: Message): void => {
    process.send!(message)
  }
  const random = new Random(seed)
  const bases = await makeBaseImages()
  const plan = await goodPlan(bases[0]!)
  const fuzzer = new ImageFuzzer(bases, {
    seed,
    guided: true,
    checkEvery: 10,
    scratch: scratch.path,
    longest: longestInput / 4,
    onInput: (now) => tell({ now }),
  })
  const counts = { disks: 0, plans: 0, plansApplied: 0, traces: 0 }
  const others: Report['findings'][number][] = []
  let mostMemory = 0
  const attempt = async (what: string, work: (random: Random) => Promise<void>): Promise<void> => {
    const seed = random.below(0x1_0000_0000)
    tell({ now: { what, seed } })
    const began = performance.now()
    try {
      await work(new Random(seed))
      if (performance.now() - began > longestInput / 4)
        throw new Error(`took ${Math.round(performance.now() - began)} ms`)
    } catch (error) {
      others.push({
        what: { what, seed },
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      })
    }
  }
  const end = performance.now() + seconds * 1000
  for (let round = 0; performance.now() < end; round++) {
    await fuzzer.step()
    await attempt('disk', async (random) => {
      counts.disks++
      await tryDisk(random)
    })
    if (round % 4 === 0)
      await attempt('trace', async (random) => {
        counts.traces++
        await tryTrace(random, bases[0]!)
      })
    if (round % 8 === 0) {
      await attempt('plan', async (random) => {
        counts.plans++
        if (await tryPlan(random, bases[0]!, plan)) counts.plansApplied++
      })
    }
    mostMemory = Math.max(mostMemory, process.memoryUsage().rss)
  }
  fuzzer.close()
  scratch.remove()
  tell({
    report: {
      images: fuzzer.tried,
      moved: fuzzer.verdicts.moved,
      checked: fuzzer.checked,
      ...counts,
      kept: fuzzer.kept,
      parts: fuzzer.parts,
      slowestMs: Math.round(fuzzer.slowest),
      mostMemoryMiB: Math.round(mostMemory / 2 ** 20),
      codes: Object.fromEntries([...fuzzer.codes].sort(([, a], [, b]) => b - a)),
      findings: [...fuzzer.failures.map(({ input, error }) => ({ what: input, error })), ...others],
    },
  })
}

/** @returns findings */
function watch(seed: number): Promise<number> {
  return new Promise((resolve) => {
    const child = fork(
      new URL(import.meta.url).pathname,
      ['--worker', '--seed', String(seed), '--minutes', String(values.minutes)],
      {
        execArgv: [...process.execArgv, `--max-old-space-size=${memory}`],
      },
    )
    let now: unknown
    let heard = performance.now()
    let report: Report | undefined
    const alarm = setInterval(() => {
      if (now === undefined || performance.now() - heard < longestInput) return
      console.log(`No end after ${longestInput / 1000} s:\n${JSON.stringify(now)}`)
      child.kill('SIGKILL')
    }, 1000)
    child.on('message', (message: Message) => {
      heard = performance.now()
      if ('now' in message) now = message.now
      else report = message.report
    })
    child.on('exit', (code, signal) => {
      clearInterval(alarm)
      if (!report) {
        console.log(`Ended with ${signal ?? code} at:\n${JSON.stringify(now)}`)
        resolve(1)
        return
      }
      const { findings, codes, ...figures } = report
      console.log(JSON.stringify({ seed, ...figures, findings: findings.length }, undefined, 2))
      console.log(
        `Errors given: ${Object.entries(codes)
          .map(([code, count]) => `${code} ${count}`)
          .join(', ')}`,
      )
      for (const { what, error } of findings.slice(0, 50)) console.log(`\n${JSON.stringify(what)}\n${error}`)
      resolve(findings.length)
    })
  })
}

if (values.worker) {
  await work(Number(values.seed))
  process.disconnect()
} else {
  process.exitCode = (await watch(Number(values.seed))) === 0 ? 0 : 1
}
