/** -c: how fragmented a file is, and the worst five of a tree. */
import { closeSync } from 'node:fs'
import { errnoOf } from '../kernel/errno.js'
import { strerror } from '../kernel/strerror.js'
import { openHeld } from '../host/walk.js'
import { bestCount, boundScore, fragmentRatio, fragmentScore, fragmentsOf, rounded } from './fragments.js'
import { isLostAndFound, lineStart, place, type Run } from './run-state.js'
import type { Met } from './tree-walk.js'

interface Ranked {
  readonly path: string
  readonly now: number
  readonly best: number
  /** KiB. */
  readonly size: number
  readonly ratio: number
}

const ranks = 5
const notOwn = "File is not current user's file or current user is not root"

const heading = (title: string): string =>
  `${title.padEnd(40)}${'now'.padStart(10)}/${'best'.padEnd(10)}${'size/ext'.padStart(9)}\n`

export class Checker {
  private readonly worst: Ranked[] = []

  private readonly run: Run

  constructor(run: Run) {
    this.run = run
  }

  begin(): void {
    if (this.run.verbose) this.run.console.out(heading('<File>'))
  }

  /** @param alone the target is this one file */
  check({ path: found, name: path, file }: Met, alone: boolean): void {
    const { console, counts, verbose, isRoot, target } = this.run
    counts.meet()
    if (verbose) console.out(alone ? '<File>\n' : place(counts))
    const pass = (why: string): void => {
      if (verbose) console.error(` "${path}"\n\t${why}\n`)
    }
    if (isLostAndFound(this.run, found)) return pass('Can not process "lost+found"')
    if (file.type !== 'regular') return pass('File is not regular file')
    if (!isRoot && file.uid !== this.run.uid) return pass(notOwn)
    if (file.size === 0) return pass('File size is 0')
    if (file.sectors === 0) return pass('File has no blocks')
    let fd: number
    try {
      fd = openHeld(file)
    } catch (error) {
      return pass(`Failed to open:${strerror(errnoOf(error) ?? 5)}`)
    }
    try {
      const { extents, runs, blocks } = fragmentsOf(fd, target.blockSize)
      if (extents.length === 0) return pass('File has no blocks')
      this.count(path, { now: extents.length, runs, blocks }, alone)
      if (alone && verbose) {
        for (const [i, { logical, physical, length }] of extents.entries()) {
          const inBlocks = (bytes: number): number => Math.floor(bytes / target.blockSize)
          console.out(
            `[ext ${i + 1}]:\tstart ${inBlocks(physical)}:\tlogical ${inBlocks(logical)}:\tlen ${inBlocks(length)}\n`,
          )
        }
      }
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      pass(`Failed to get file extents:${strerror(errnoOf(error)!)}`)
    } finally {
      closeSync(fd)
    }
  }

  private count(
    path: string,
    { now, runs, blocks }: { now: number; runs: number; blocks: number },
    alone: boolean,
  ): void {
    const { console, counts, verbose, isRoot, target } = this.run
    let best = 0
    let size = 0
    let ratio = 0
    if (isRoot) {
      best = bestCount(blocks, target.groups)
      size = Math.floor((blocks * Math.floor(target.blockSize / 1024)) / now)
      ratio = fragmentRatio(runs, best, blocks)
      counts.extentsBefore += now
      counts.extentsAfter += best
      counts.blocks += blocks
    }
    const columns = isRoot
      ? `${String(now).padStart(10)}/${String(best).padEnd(10)}${String(size).padStart(6)} KB\n`
      : `${String(now).padStart(10)}/${'-'.padEnd(10)}${'-'.padStart(7)}\n`
    const line = (name: string, width = 40): string =>
      name.length > width ? `${name}\n${' '.repeat(40)}${columns}` : name.padEnd(width) + columns
    counts.succeeded++
    if (alone) {
      if (!verbose) console.out(heading('<File>') + line(path))
      return
    }
    if (verbose) console.out(lineStart + line(`${place(counts)}${path}`))
    const at = this.worst.findIndex((other) => ratio >= other.ratio)
    if (at >= 0) this.worst.splice(at, 0, { path, now, best, size, ratio })
    else this.worst.push({ path, now, best, size, ratio })
    this.worst.length = Math.min(this.worst.length, ranks)
  }

  /** The five worst of a tree. */
  listWorst(): void {
    const { console, counts, verbose, isRoot } = this.run
    if (counts.succeeded === 0 || !isRoot) return
    if (verbose) console.out('\n')
    console.out(heading('<Fragmented files>'))
    for (const [i, { path, now, best, size }] of this.worst.entries()) {
      const columns = `${String(now).padStart(10)}/${String(best).padEnd(10)}${String(size).padStart(6)} KB\n`
      console.out(`${i + 1}. ${path.length > 37 ? `${path}\n${' '.repeat(40)}` : path.padEnd(37)}${columns}`)
    }
  }

  /** The verdict. */
  conclude(): void {
    const { console, counts, verbose, isRoot, target } = this.run
    const { given, kind } = target
    if (!isRoot) return console.out(' Done.\n')
    if (counts.succeeded === 0) {
      if (verbose) console.out('\n')
      return console.out(
        {
          device: ` In this device(${given}), none can be defragmented.\n`,
          directory: ` In this directory(${given}), none can be defragmented.\n`,
          file: ` This file(${given}) can't be defragmented.\n`,
        }[kind] + ' Done.\n',
      )
    }
    const size = Math.floor((counts.blocks * Math.floor(target.blockSize / 1024)) / counts.extentsBefore)
    const score = fragmentScore(fragmentRatio(counts.extentsBefore, counts.extentsAfter, counts.blocks))
    console.out(
      `\n Total/best extents\t\t\t\t${counts.extentsBefore}/${counts.extentsAfter}\n` +
        ` Average size per extent\t\t\t${size} KB\n` +
        ` Fragmentation score\t\t\t\t${rounded(score)}\n` +
        ' [0-30 no problem: 31-55 a little bit fragmented: 56- needs defrag]\n' +
        ` This ${kind} (${given}) ${score > boundScore ? 'needs defragmentation.' : 'does not need defragmentation.'}\n` +
        ' Done.\n',
    )
  }
}
