/**
 * Packing a filesystem that is being written to.
 *
 * Two writers keep files changing while rounds of exact moves go over the same files
 * and over still ones, to random places and into runs chosen by the planner. In the
 * end every file must hold what its writer knows, the still ones what they held
 * before, settings must be as they were, e2fsck must find nothing, and all space but
 * the files' own must be free again.
 *
 *   node --import tsx --conditions=bootpack-source test/crash/live-stress.ts [seconds] [seed]
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { BootpackError } from '../../src/errors.js'
import { fsBlock } from '../../src/layout/block.js'
import { blockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import { openLive } from '../../src/mounted/engine/open.js'
import { packVolume } from '../../src/pack/pack-volume.js'
import { resolveTarget } from '../../src/volume/target.js'
import type { Move, Volume } from '../../src/volume/volume.js'
import { age, differences, footprints, randomFrom } from '../mounted/aged.js'
import { loopMount, type LoopMount } from '../support/loop-mount.js'
import { run } from '../support/tools.js'

export interface StressResult {
  readonly seed: number
  readonly seconds: number
  readonly writes: number
  readonly writersMismatches: readonly string[]
  /** Rounds of moves and packings done. */
  readonly rounds: number
  readonly packings: number
  /** Moves by status or reason. */
  readonly moves: Readonly<Record<string, number>>
  /** Packings that ended with a refusal, by its code. */
  readonly refusals: Readonly<Record<string, number>>
  readonly stillDifferences: readonly string[]
  readonly settingsKept: boolean
}

const writersScript = new URL('live-writers.py', import.meta.url).pathname
const blockSize = 4096

/** @throws e2fsck's words when it finds anything */
export async function stress(seconds: number, seed: number): Promise<StressResult> {
  const mount = loopMount({ size: 512 << 20, blockSize })
  const writers: Writer[] = []
  try {
    const still = age(mount.path, { blockSize, crumbs: 6000, files: 200, seed })
    const before = footprints(mount.path)
    const settings = mount.settings()
    for (let n = 0; n < 2; n++) writers.push(await startWriter(join(mount.path, `writer${n}`), seed + n))
    const done = await keepMoving(mount, still, seconds, seed)
    const reports = await Promise.all(writers.map((writer) => writer.finish()))
    const settingsKept = JSON.stringify(mount.settings()) === JSON.stringify(settings)
    for (const [n] of writers.entries()) run('rm', ['-r', join(mount.path, `writer${n}`)])
    const after = footprints(mount.path)
    mount.check()
    return {
      seed,
      seconds,
      ...done,
      settingsKept,
      writes: reports.reduce((sum, { operations }) => sum + operations, 0),
      writersMismatches: reports.flatMap(({ mismatches }) => mismatches),
      stillDifferences: differences(before, after, true),
    }
  } finally {
    for (const writer of writers) writer.kill()
    mount.remove()
  }
}

async function keepMoving(
  mount: LoopMount,
  still: readonly string[],
  seconds: number,
  seed: number,
): Promise<Pick<StressResult, 'rounds' | 'packings' | 'moves' | 'refusals'>> {
  const random = randomFrom(seed)
  const moves: Record<string, number> = {}
  const refusals: Record<string, number> = {}
  let rounds = 0
  let packings = 0
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    const busy = run('find', [mount.path, '-path', '*/writer*', '-type', 'f'], { ok: [0, 1] })
      .stdout.split('\n')
      .filter((path) => path !== '')
      .map((path) => path.slice(mount.path.length))
    const wanted = [...busy, ...still].filter(() => random() < 0.5).sort(() => random() - 0.5)
    const volume = await openLive(resolveTarget(mount.path), true)
    try {
      if (random() < 0.5) {
        await scatter(volume, wanted, random, moves)
        rounds++
      } else {
        await pack(volume, wanted, refusals)
        packings++
      }
    } finally {
      await volume.close()
    }
  }
  return { rounds, packings, moves, refusals }
}

async function scatter(
  volume: Volume,
  wanted: readonly string[],
  random: () => number,
  tally: Record<string, number>,
): Promise<void> {
  const { blockCount } = volume.geometry()
  const free = RunSet.of(await volume.freeRuns(fsBlock(0), fsBlock(blockCount)))
  const moves: Move[] = []
  for (const path of wanted) {
    const found = await volume.lookup(path)
    for (const extent of found ? await volume.extents(found.file) : []) {
      const runs = [...free].filter(({ length }) => length >= extent.length)
      const home = runs[Math.floor(random() * runs.length)]
      if (!home) continue
      const to = home.start + Math.floor(random() * (home.length - extent.length + 1))
      free.remove(blockRun(to, extent.length))
      moves.push({
        inode: found!.file.inode,
        kind: 'data',
        logical: extent.logical,
        length: extent.length,
        from: extent.physical,
        to: fsBlock(to),
      })
    }
  }
  for await (const { status, reason } of volume.relocate(moves, { reserved: [] })) {
    const what = reason ?? status
    tally[what] = (tally[what] ?? 0) + 1
  }
}

async function pack(volume: Volume, wanted: readonly string[], tally: Record<string, number>): Promise<void> {
  try {
    await packVolume(
      volume,
      wanted.map((path) => ({ path, off: 0, kind: 'data' as const })),
      { target: 'stress', evict: true, metadata: false, force: true, dryRun: false },
    )
  } catch (error) {
    // There is none that a changing file may cause; what else is refused is told.
    if (!(error instanceof BootpackError)) throw error
    tally[error.code] = (tally[error.code] ?? 0) + 1
  }
}

interface Writer {
  finish(): Promise<{ operations: number; mismatches: string[] }>
  kill(): void
}

async function startWriter(folder: string, seed: number): Promise<Writer> {
  const child = spawn('python3', [writersScript, folder, String(seed)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (some: string) => {
    text += some
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  while (!text.includes('ready')) await new Promise((resolve) => setTimeout(resolve, 10))
  return {
    async finish() {
      child.kill('SIGTERM')
      if ((await ended) !== 0) throw new Error('a writer failed')
      return JSON.parse(text.slice(text.indexOf('{'))) as { operations: number; mismatches: string[] }
    },
    kill: () => {
      child.kill('SIGKILL')
    },
  }
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const result = await stress(Number(process.argv[2] ?? 60), Number(process.argv[3] ?? Date.now() % 1e9))
  console.log(JSON.stringify(result, null, 2))
  process.exitCode =
    result.writersMismatches.length + result.stillDifferences.length > 0 || !result.settingsKept ? 1 : 0
}
