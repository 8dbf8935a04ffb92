/** Programs run for a bench: how long, how much processor, how much memory. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const bootpack = join(import.meta.dirname, '../../bin/bootpack.js')

export interface Cost {
  /** From start to exit. */
  readonly seconds: number
  /** Of the processors, in user and system mode together. */
  readonly cpuSeconds: number
  /** Largest resident set, MiB; NaN where the program does not tell. */
  readonly peakMiB: number
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Says on the way out what the kernel counted as the largest resident set, in KiB. */
const tellPeak = `data:text/javascript,${encodeURIComponent(
  "import { writeFileSync } from 'node:fs'; process.on('exit', () => writeFileSync(process.env.BENCH_PEAK, String(process.resourceUsage().maxRSS)))",
)}`

/**
 * Runs a program to its end. bash measures, because node does not tell what a child
 * took of the processors.
 * @param ok exit codes that are no failure
 */
export function costOf(command: string, args: readonly string[], ok: readonly number[] = [0]): Cost {
  const folder = mkdtempSync(join(tmpdir(), 'bootpack-bench-'))
  const [times, peak] = [join(folder, 'times'), join(folder, 'peak')]
  try {
    const result = spawnSync(
      'bash',
      ['-c', 'TIMEFORMAT="%3R %3U %3S"; exec 3>&2; { time "$@" 2>&3; } 2>"$BENCH_TIMES"', 'bash', command, ...args],
      {
        encoding: 'utf8',
        maxBuffer: 1 << 30,
        env: { ...process.env, LC_ALL: 'C', BENCH_TIMES: times, BENCH_PEAK: peak },
      },
    )
    if (result.error) throw result.error
    const status = result.status ?? -1
    if (!ok.includes(status))
      throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${result.stdout}${result.stderr}`)
    const [seconds, user, system] = readFileSync(times, 'utf8').trim().split('\n').at(-1)!.split(' ').map(Number)
    const peakMiB = existsSync(peak) ? Number(readFileSync(peak, 'utf8')) / 1024 : NaN
    return {
      seconds: seconds!,
      cpuSeconds: user! + system!,
      peakMiB,
      status,
      stdout: result.stdout,
      stderr: result.stderr,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs the built bootpack as a user would. */
export const costOfBootpack = (args: readonly string[], ok?: readonly number[]): Cost =>
  costOf(process.execPath, ['--import', tellPeak, bootpack, ...args], ok)

/** What a command of bootpack says with --json. */
export function bootpackJson<Answer>(args: readonly string[], ok?: readonly number[]): Answer & { cost: Cost } {
  const cost = costOfBootpack([...args, '--json'], ok)
  return { ...(JSON.parse(cost.stdout) as Answer), cost }
}

/** What is read here of `measure --json` and `pack --json`. */
export interface Measured {
  readonly seeks: number
  readonly seekDistanceBlocks: number
  readonly readBlocks: number
}

export interface Packed {
  readonly plan: {
    readonly measure: { readonly before: Measured }
    readonly cost: {
      readonly placedBlocks: number
      readonly evictedBlocks: number
      readonly stagedBlocks: number
      readonly bytesWritten: number
    }
  }
  readonly applied?: { readonly rounds: number; readonly complete: boolean }
  readonly after?: Measured
  readonly error?: { readonly message: string; readonly next: string }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A bench's own folder beside nothing that matters; give it the disk with BENCH_DIR. */
export function benchFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'bootpack-bench-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Ends the process with a word on how it is called, unless there are enough arguments. */
export function benchArguments(least: number, usage: string): string[] {
  const given = process.argv.slice(2)
  if (given.length < least) {
    console.error(
      `node --import tsx --conditions=bootpack-source test/bench/${usage}\nThe folder for copies is $BENCH_DIR, else the system's own for temporary files.`,
    )
    process.exit(2)
  }
  return given
}
