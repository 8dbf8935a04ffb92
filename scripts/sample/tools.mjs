// Programs of e2fsprogs, found also where a plain user's PATH does not look.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const folders = [
  ...(process.env.PATH ?? '').split(':'),
  '/usr/sbin',
  '/sbin',
  '/usr/local/sbin',
  '/opt/homebrew/opt/e2fsprogs/sbin',
  '/usr/local/opt/e2fsprogs/sbin',
]
const find = (name) =>
  folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))

/** Those of `names` that are not installed. */
export const missingTools = (names) => names.filter((name) => !find(name))

/** Runs a program to its end. @throws with its own words when it ends with a status not in `ok` */
export function run(name, args, { ok = [0], ...options } = {}) {
  const path = name.startsWith('/') ? name : find(name)
  const { status, signal, error, stdout, stderr } = spawnSync(path, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  })
  if (error) throw error
  if (!ok.includes(status)) throw new Error(`${name} ended with ${status ?? signal}:\n${stdout}${stderr}`)
  return { status, stdout, stderr }
}
