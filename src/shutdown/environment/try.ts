/**
 * Tries an environment before it is relied on: its own programs, below its own root,
 * must start and say that they have all they need.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ioError } from '../../errors.js'

/** What exit/main.ts says when it has all it needs. */
export const readyWord = 'ready'

/** @throws io when it does not start, with what it said */
export function tryEnvironment(folder: string, node: string, home: string): void {
  const script = 'exec "$0" "$1" --try'
  const { status, error, stdout, stderr } = spawnSync(
    'chroot',
    [folder, '/bin/sh', '-c', script, node, join(home, 'dist/shutdown/exit/main.js')],
    {
      encoding: 'utf8',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/tmp', SHELL: '/bin/sh', LC_ALL: 'C' },
      timeout: 120_000,
    },
  )
  if (error === undefined && status === 0 && stdout.trim() === readyWord) return
  const said = `${stdout}\n${stderr}`.trim().split('\n').at(-1) ?? ''
  throw ioError(
    `What would run while the machine goes down does not start: ${error?.message ?? `status ${status}, ${said}`}`,
  )
}
