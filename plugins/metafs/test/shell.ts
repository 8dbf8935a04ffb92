/**
 * Clients of a mount that this process serves: run as programs of their own and waited
 * for without blocking, since who waits in a system call cannot answer.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import type { Context } from 'mocha'
import { isRoot, skip } from '../../../test/support/tools.js'

export interface ShellResult {
  /** As a shell counts: 128 and more for signals. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export function needFuse(context: Context): void {
  if (!isRoot) skip(context, 'needs root to mount')
  if (!existsSync('/dev/fuse')) skip(context, 'needs /dev/fuse, this kernel has none')
}

/**
 * The script goes to the directory by itself: a spawn with a directory of the mount would
 * wait for the child to have gone there, and the child for this process.
 */
export const start = (script: string, directory: string): ChildProcess =>
  spawn('bash', ['-c', `cd "$0" && { ${script}\n}`, directory], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' },
  })

export function finished(child: ChildProcess, milliseconds = 20_000): Promise<ShellResult> {
  return new Promise((resolve, reject) => {
    let [stdout, stderr] = ['', '']
    child.stdout?.on('data', (data: Buffer) => {
      stdout += data.toString('latin1')
    })
    child.stderr?.on('data', (data: Buffer) => {
      stderr += data.toString('latin1')
    })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`still running after ${milliseconds} ms: ${child.spawnargs.join(' ')}\n${stdout}${stderr}`))
    }, milliseconds)
    child.once('error', reject)
    child.once('close', (status, signal) => {
      clearTimeout(timer)
      resolve({ status: status ?? (signal === 'SIGKILL' ? 137 : 128), stdout, stderr })
    })
  })
}

export const sh = (script: string, directory: string): Promise<ShellResult> => finished(start(script, directory))

/** The output of a script that must succeed. */
export async function output(script: string, directory: string): Promise<string> {
  const { status, stdout, stderr } = await sh(script, directory)
  if (status !== 0) throw new Error(`${script}\nended with ${status}:\n${stdout}${stderr}`)
  return stdout
}

export const isMounted = (directory: string): boolean =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === directory)

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds))
