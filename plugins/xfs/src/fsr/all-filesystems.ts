/**
 * The run without targets: pass after pass over every mounted, writable XFS filesystem,
 * until all passes are done, a whole round found nothing to do, or time is up. Where it
 * ended goes into a file, and the next run begins there.
 */
import { xfsMounts, type XfsMount } from '../filesystem/mounts.js'
import { readLeftOff, writeLeftOff } from './left-off.js'
import type { FileOutcome } from './outcome.js'
import { runPass } from './pass.js'
import { withWorkshop, type WorkshopOptions } from './workshop.js'

/** Of each hundred files of a batch, in one pass. */
const worstPercent = 10

export interface AllOptions {
  readonly seconds: number
  readonly passes: number
  readonly leftOff: string
  readonly workshop: WorkshopOptions
  readonly signal: AbortSignal
  readonly onOutcome: (outcome: FileOutcome, mount: XfsMount) => void
  readonly say: (line: string) => void
  /** Of the mounted filesystems, those to work on. All unless given. */
  readonly mounts?: readonly XfsMount[]
}

export interface AllEnd {
  readonly passes: number
  readonly why: 'passes-done' | 'nothing-left' | 'time-up' | 'interrupted' | 'no-filesystem'
}

export async function runAll(options: AllOptions): Promise<AllEnd> {
  const { say, signal, leftOff: file } = options
  const mounts = (options.mounts ?? xfsMounts()).filter(({ readOnly }) => !readOnly)
  if (mounts.length === 0) {
    say('No XFS filesystem is mounted writable.')
    return { passes: 0, why: 'no-filesystem' }
  }
  const deadline = performance.now() + options.seconds * 1000
  const stop = (): boolean => signal.aborted || performance.now() >= deadline
  let { pass, index, inode } = begin(file, mounts, say)
  let done = 0
  let triedThisRound = 0
  const end = (why: AllEnd['why']): AllEnd => {
    const unfinished = why === 'time-up' || why === 'interrupted'
    if (!options.workshop.dryRun)
      writeLeftOff(file, unfinished ? { device: mounts[index]!.device, pass, inode: inode - 1 } : undefined)
    return { passes: done, why }
  }
  for (; pass < options.passes; pass++, index = 0) {
    for (; index < mounts.length; index++, inode = 1) {
      const mount = mounts[index]!
      say(`${mount.mountPoint} pass=${pass} start inode=${inode - 1}`)
      const ended = await withWorkshop(mount, options.workshop, (workshop) =>
        runPass(workshop, {
          from: inode,
          percent: worstPercent,
          stop,
          onOutcome: (outcome) => options.onOutcome(outcome, mount),
        }),
      )
      triedThisRound += ended.tried
      inode = ended.inode + 1
      if (!ended.finished) return end(signal.aborted ? 'interrupted' : 'time-up')
    }
    done++
    if ((triedThisRound === 0 && done > 1) || options.workshop.dryRun) return end('nothing-left')
    triedThisRound = 0
  }
  index = 0
  return end('passes-done')
}

function begin(
  file: string,
  mounts: readonly XfsMount[],
  say: (line: string) => void,
): { pass: number; index: number; inode: number } {
  const found = readLeftOff(file)
  const first = { pass: 0, index: 0, inode: 1 }
  if (found.kind === 'none') return first
  if (found.kind === 'refused') {
    say(`${file} is not believed: ${found.why}. Beginning at the beginning.`)
    return first
  }
  const index = mounts.findIndex(({ device }) => device === found.at.device)
  if (index < 0) {
    say(`${file} is about ${found.at.device}, which is not mounted. Beginning at the beginning.`)
    return first
  }
  return { pass: found.at.pass, index, inode: found.at.inode + 1 }
}
