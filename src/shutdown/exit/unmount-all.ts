/**
 * Takes everything away that is mounted below the former root, and that itself. Other
 * processes are gone by now but for those that a root may need (systemd spares what is
 * called '@…'); what still holds something is named.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { BootpackError } from '../../errors.js'
import { attempt } from '../../host/block-devices.js'
import { parseMountinfo, parseSwaps, type Mount } from '../../host/mountinfo.js'
import { failedWith } from '../../kernel/errno.js'
import { unmount } from '../../kernel/unmount.js'
import { swapOff } from '../../kernel/swapoff.js'

/** What may be out of the tree and still in use: nothing is kept on it. */
const inMemory = new Set([
  ...['proc', 'sysfs', 'devtmpfs', 'tmpfs', 'ramfs', 'devpts', 'securityfs', 'cgroup', 'cgroup2', 'pstore', 'bpf'],
  ...['efivarfs', 'debugfs', 'tracefs', 'configfs', 'fusectl', 'hugetlbfs', 'mqueue', 'autofs', 'binfmt_misc'],
  ...['rpc_pipefs', 'nsfs', 'selinuxfs'],
])

export interface StillHeld {
  readonly mountPoint: string
  /** Names and numbers of processes; empty when it is none that can be seen. */
  readonly by: readonly string[]
}

/** @param root where the machine's former root is: paths of swap files were below it */
export function swapOffAll(root: string): void {
  for (const path of parseSwaps(readFileSync('/proc/swaps', 'utf8')))
    for (const each of [path, join(root, path)]) attempt(() => swapOff(each))
}

/** @returns what could not be unmounted; undefined when nothing is left at `root` and below */
export function unmountAll(root: string): StillHeld | undefined {
  // What lies below something that is mounted twice shows when the upper one is gone.
  for (let rounds = 0; rounds < 5; rounds++) {
    const mounts = below(root)
    if (mounts.length === 0) return undefined
    for (const { mountPoint, type } of mounts.reverse()) takeAway(mountPoint, inMemory.has(type))
  }
  const left = below(root).at(-1)
  return left && { mountPoint: left.mountPoint, by: holders(root) }
}

/** In the order they were mounted in. */
const below = (root: string): Mount[] =>
  parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).filter(
    ({ mountPoint }) => mountPoint === root || mountPoint.startsWith(`${root}/`),
  )

function takeAway(mountPoint: string, mayStay: boolean): void {
  try {
    if (unmount(mountPoint, 'idle') || !mayStay) return
    unmount(mountPoint, 'detach')
  } catch (error) {
    if (error instanceof BootpackError || failedWith(error, 'EINVAL', 'ENOENT')) return
    throw error
  }
}

/** Processes that run from, work in, or have something open below a folder. */
export function holders(root: string, proc = '/proc'): string[] {
  const found: string[] = []
  for (const name of attempt(() => readdirSync(proc)) ?? []) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    const folder = join(proc, name)
    const descriptors = attempt(() => readdirSync(join(folder, 'fd'))) ?? []
    const links = ['root', 'cwd', 'exe', ...descriptors.map((each) => `fd/${each}`)]
    const holds = links.some((link) => {
      const leadsTo = attempt(() => readlinkSync(join(folder, link)))
      return leadsTo !== undefined && (leadsTo === root || leadsTo.startsWith(`${root}/`))
    })
    if (holds) found.push(`${(attempt(() => readFileSync(join(folder, 'comm'), 'utf8')) ?? '?').trim()} (${name})`)
  }
  return found
}
