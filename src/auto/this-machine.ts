/** `auto` on the machine it runs on: its state on the disk, and bootpack's own commands as programs. */
import { spawn, spawnSync } from 'node:child_process'
import { readNotes, removeNotes } from '../boots/notes.js'
import { privateFile, privateFolder } from '../collect/boot-traces.js'
import type { PinnedRoot } from '../collect/setup/pinned-root.js'
import { takeOutcomes } from '../shutdown/order-files.js'
import type { World } from './advance.js'
import { wordsFor } from './commands.js'
import { gatherFacts } from './facts.js'
import { recordedSince, type Ended } from './machine.js'
import { folder, mended, plan, profile, stateFile } from './places.js'
import { parseState, type AutoState } from './state.js'
import { removeUnits, timerName } from './units.js'

export interface Options {
  /** '/' */
  readonly root: PinnedRoot
  /** Words that start bootpack. */
  readonly program: readonly [string, string]
  readonly signal: AbortSignal
  /** Gets each command before it is run. */
  readonly onCommand: (words: readonly string[]) => void
}

export function thisMachine({ root, program, signal, onCommand }: Options): World & { removed: string[] } {
  const removed: string[] = []
  return {
    removed,
    read: () => readState(root),
    write: (state) => writeState(root, state),
    facts: () => gatherFacts(root),
    run: async (task, state, facts) => {
      const words = wordsFor(task, state, facts)
      onCommand(words)
      const ended = await runCommand([...program, ...words], signal)
      if (task !== 'record' || !noProbes.has(ended.code ?? '')) return ended
      // A kernel that cannot tell which inodes are loaded.
      return runCommand([...program, ...words.filter((word) => word !== '--inodes')], signal)
    },
    clear: (state) => {
      removed.push(...clear(root, state))
    },
  }
}

const noProbes = new Set(['no-kprobes', 'no-kprobe-argument'])

export function readState(root: PinnedRoot): AutoState | undefined {
  const found = root.find(stateFile)
  return found?.kind === 'file' ? parseState(found.text) : undefined
}

export function writeState(root: PinnedRoot, state: AutoState): void {
  root.makeFolders(folder, privateFolder)
  root.sweep(stateFile)
  root.writeFile(stateFile, `${JSON.stringify(state, null, 2)}\n`, privateFile)
}

/** @returns absolute paths */
function clear(root: PinnedRoot, state: AutoState): string[] {
  const facts = gatherFacts(root)
  const mine = recordedSince(facts, state.begun)
  const notes = readNotes(root).filter(({ trace, started }) => trace === undefined || started >= state.begun)
  const files = [...mine.map(({ trace }) => trace.slice(1)), profile, mended, ...(state.forget ? [plan] : [])]
  const removed = files.filter((path) => root.remove(path)).map((path) => `/${path}`)
  removed.push(
    ...removeNotes(
      root,
      notes.map(({ bootId }) => bootId),
    ),
    ...(facts.order ? [] : takeOutcomes(root)),
  )
  // The units last, with which the next boot goes on if the power goes before.
  if (root.remove(stateFile)) removed.push(`/${stateFile}`)
  removed.push(...takeUnits(root))
  const folders = [...new Set([folder, ...state.ours.folders])].sort().reverse()
  removed.push(...folders.filter((path) => root.removeEmptyFolder(path)).map((path) => `/${path}`))
  return removed
}

/** Removes the units of ours, and systemd's knowledge of them. @returns absolute paths */
export function takeUnits(root: PinnedRoot): string[] {
  const removed = removeUnits(root)
  if (removed.length === 0) return removed
  spawnSync('systemctl', ['stop', timerName])
  spawnSync('systemctl', ['daemon-reload'])
  return removed
}

/** Runs bootpack with --json, and says what it ended with. */
function runCommand(words: readonly string[], signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(words[0]!, [...words.slice(1), '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
    let told = ''
    const pass = (): void => void child.kill('SIGTERM')
    signal.addEventListener('abort', pass, { once: true })
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      told += text
    })
    child.on('error', (error) => resolve({ status: 1, message: error.message }))
    child.on('close', (status) => {
      signal.removeEventListener('abort', pass)
      if (signal.aborted) return resolve({ status: 130 })
      resolve({ status: status ?? 1, ...complaint(told) })
    })
  })
}

function complaint(told: string): Omit<Ended, 'status'> {
  try {
    const { error, todo } = JSON.parse(told) as {
      error?: { code?: string; message?: string; next?: string }
      todo?: readonly string[]
    }
    return {
      ...(error?.code !== undefined && { code: error.code }),
      ...(error?.message !== undefined && { message: error.message }),
      ...(error?.next !== undefined && { next: error.next }),
      ...(todo && todo.length > 0 && { todo }),
    }
  } catch {
    return {}
  }
}
