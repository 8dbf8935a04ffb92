/** Files that boot loaders find by block number: their block lists point at what would move away. */
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const folders = ['boot/grub', 'boot/grub2', 'boot/extlinux', 'boot/syslinux', 'grub', 'grub2', 'extlinux', 'syslinux']
const files = ['boot/map', 'ldlinux.sys', 'boot/ldlinux.sys']
const mostFiles = 10_000

/** Inodes of a mounted filesystem. */
export function bootLoaderInodes(mountPoint: string): ReadonlySet<number> {
  const found = new Set<number>()
  const device = lstatSync(mountPoint).dev
  const queue = [...folders, ...files]
  for (let next = queue.shift(); next !== undefined && found.size < mostFiles; next = queue.shift()) {
    const stats = lstatSync(join(mountPoint, next), { throwIfNoEntry: false })
    if (stats?.dev !== device) continue
    if (stats.isFile()) found.add(stats.ino)
    if (stats.isDirectory()) queue.push(...readdirSync(join(mountPoint, next)).map((name) => join(next, name)))
  }
  return found
}
