/**
 * What this machine has. A test that needs root, a loop device or a Debian
 * package asks here first and otherwise skips with a sentence.
 */
import { spawnSync, type SpawnSyncOptions } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context } from 'mocha'

const searchPath = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin']

export const hasTool = (name: string): boolean =>
  searchPath.some((folder) => folder !== '' && existsSync(join(folder, name)))

export const isRoot = process.getuid?.() === 0

/** Skips the test, saying why, unless every tool is installed. */
export function needTools(context: Context, ...names: string[]): void {
  const missing = names.filter((name) => !hasTool(name))
  if (missing.length > 0) skip(context, `needs ${missing.join(', ')}, not installed here`)
}

/** Skips the test unless it runs as root with loop devices. */
export function needLoopMounts(context: Context): void {
  if (!isRoot) skip(context, 'needs root to mount')
  if (!existsSync('/dev/loop-control')) skip(context, 'needs loop devices, this kernel has none')
}

/** Skips the test unless another user could run the checkout's commands: every folder above it lets everybody through. */
export function needOthersCanRead(context: Context): void {
  for (
    let folder = dirname(fileURLToPath(new URL('../..', import.meta.url)));
    folder !== '/';
    folder = dirname(folder)
  ) {
    if ((statSync(folder).mode & 0o001) === 0)
      skip(context, `needs a checkout that other users can reach; ${folder} shuts them out`)
  }
}

export function skip(context: Context, why: string): never {
  console.log(`      skipped: ${why}`)
  return context.skip()
}

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; a status other than those in `ok` throws with everything it printed. */
export function run(
  command: string,
  args: readonly string[],
  options: SpawnSyncOptions & { ok?: readonly number[] } = {},
): Ran {
  const { ok = [0], ...rest } = options
  const env = { ...process.env, PATH: searchPath.join(':'), LC_ALL: 'C', TZ: 'UTC', ...rest.env }
  const result = spawnSync(command, args, { maxBuffer: 1 << 30, ...rest, env, encoding: 'utf8' })
  if (result.error) throw result.error
  const ran = { status: result.status ?? -1, stdout: String(result.stdout), stderr: String(result.stderr) }
  if (!ok.includes(ran.status)) {
    throw new Error(`${command} ${args.join(' ')} ended with ${ran.status}:\n${ran.stdout}${ran.stderr}`)
  }
  return ran
}

/** A folder of the test's own; call `remove` in `after`. */
export function scratchFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'bootpack-test-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
