/** Runs a command of bootpack's own command line, and tells how far it is. */
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { createInterface } from 'node:readline'

/** What `Progress` writes to the descriptor it is given (cli/session/progress.ts). */
export interface Step {
  readonly step: string
  readonly done: number
  readonly total: number
}

export interface CommandRun {
  /** 128 and the signal for one that was killed. */
  readonly status: number
  /** What it printed, if that was JSON. */
  readonly report: unknown
  /** The last line it wrote to standard error. */
  readonly complaint: string
}

export interface CommandRequest {
  /** Of bootpack. */
  readonly home: string
  readonly words: readonly string[]
  /** Where what it says is kept. */
  readonly log: string
  readonly onStep: (step: Step) => void
  /** Asks for an orderly end. */
  readonly signal: AbortSignal
  /** Milliseconds it has for that before it is ended anyway, which its journal outlives. */
  readonly patience: number
}

const progressDescriptor = 3
const killedBySignal = 128 + 9

export async function runCommand(request: CommandRequest): Promise<CommandRun> {
  const { home, words, log, onStep, signal, patience } = request
  const child = spawn(process.execPath, [join(home, 'bin/bootpack.js'), ...words, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, BOOTPACK_PROGRESS_FD: String(progressDescriptor), TERM: 'dumb', LC_ALL: 'C' },
  })
  let out = ''
  let complaint = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    appendFileSync(log, text)
    complaint = text.trim().split('\n').at(-1) ?? complaint
  })
  createInterface({ input: child.stdio[progressDescriptor] as Readable }).on('line', (line) => {
    const step = parseStep(line)
    if (step) onStep(step)
  })
  let killer: NodeJS.Timeout | undefined
  const stop = (): void => {
    child.kill('SIGTERM')
    killer ??= setTimeout(() => child.kill('SIGKILL'), patience)
  }
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  const status = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(1))
    child.on('close', (code) => resolve(code ?? killedBySignal))
  })
  signal.removeEventListener('abort', stop)
  clearTimeout(killer)
  appendFileSync(log, out)
  return { status, report: parseJson(out), complaint }
}

function parseStep(line: string): Step | undefined {
  const step = parseJson(line) as Partial<Step> | undefined
  return typeof step?.step === 'string'
    ? { step: step.step, done: Number(step.done), total: Number(step.total) }
    : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
