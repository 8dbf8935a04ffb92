/**
 * QEMU's programs, none of which outlives bootpack: their standard input is a pipe that
 * bootpack holds, and a shell beside them ends them when it is gone, be it by kill -9.
 * They have a session of their own, so that Ctrl-C is bootpack's alone to answer.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { spawnSync } from 'node:child_process'

const tie = `exec 3<&0
"$@" 3<&- </dev/null &
child=$!
{ cat <&3; kill -9 $child; } >/dev/null 2>&1 &
watcher=$!
wait $child
status=$?
kill $watcher 2>/dev/null
exit $status`

export interface TiedProcess {
  readonly process: ChildProcess
  /** Exit code and what it said on standard error. */
  readonly ended: Promise<{ readonly status: number; readonly said: string }>
  /** Ends it at once. */
  kill(): void
}

/** @param onOutput told what it writes to standard output */
export function runTied(
  program: string,
  words: readonly string[],
  onOutput: (text: string) => void = () => {},
): TiedProcess {
  const child = spawn('sh', ['-c', tie, program, program, ...words], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  })
  let said = ''
  child.stdout.on('data', (bytes: Buffer) => onOutput(bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-4000)))
  child.stdin.on('error', () => {})
  const ended = new Promise<{ status: number; said: string }>((resolve) => {
    child.once('error', (error) => resolve({ status: 127, said: error.message }))
    child.once('exit', (status) => {
      child.stdin.end()
      // What it said last may still be in the pipe.
      setImmediate(() => resolve({ status: status ?? 137, said: said.trim() }))
    })
  })
  return { process: child, ended, kill: () => void child.stdin.end() }
}

/** Whether a program of qemu-utils is here. */
export const hasProgram = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
