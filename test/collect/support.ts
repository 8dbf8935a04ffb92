/** Running the program as last built, and what it must not leave behind. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Context } from 'mocha'
import type { TraceHeader, TraceRead } from '../../src/trace/model/trace.js'
import { needLoopMounts, run, skip, type Ran } from '../support/tools.js'

export const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname

export const tracing = '/sys/kernel/tracing'

/** @param ok exit codes that are no surprise */
export const bootpack = (args: readonly string[], ok: readonly number[] = [0], cwd?: string): Ran =>
  run(process.execPath, [launcher, ...args], { ok, ...(cwd !== undefined && { cwd }) })

/** Skips unless loop devices can be mounted and the kernel can be asked which pages it reads. */
export function needTracing(context: Context): void {
  needLoopMounts(context)
  if (!existsSync(`${tracing}/events/filemap/mm_filemap_add_to_page_cache`))
    skip(context, 'needs tracefs with page-cache events')
}

/** Trace instances of this program. */
export const instances = (): string[] =>
  readdirSync(`${tracing}/instances`).filter((name) => name.startsWith('bootpack-'))

export function readBack(file: string): { header: TraceHeader; reads: TraceRead[] } {
  const bytes = readFileSync(file)
  const [header, ...reads] = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes)
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
  return { header: header as TraceHeader, reads: reads as TraceRead[] }
}

export interface Started {
  readonly pid: number
  readonly ended: Promise<{ code: number | null }>
  /** What it has written to stderr so far. */
  stderr(): string
}

/** The program in the background. */
export function start(args: readonly string[]): Started {
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (piece: Buffer) => {
    stderr += piece.toString()
  })
  return {
    pid: child.pid!,
    stderr: () => stderr,
    ended: new Promise((resolve) => child.on('close', (code) => resolve({ code }))),
  }
}

/** Waits until something holds, at most ten seconds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let n = 0; n < 200; n++) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`waited too long until ${what}`)
}
