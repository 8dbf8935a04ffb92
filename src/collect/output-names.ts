/**
 * A trace is about one filesystem, a recording may be about several: the first gets
 * the name that was asked for, the others the same with their mount point before it, so
 * that `boot-*.trace.gz` names the traces of one filesystem.
 */
import { basename, dirname, join } from 'node:path'

/**
 * @param output      'boot.trace.gz'
 * @param mountPoints of the filesystems, the main one first
 * @returns a name for each: 'boot.trace.gz', 'home-boot.trace.gz'; all different
 */
export function outputNames(output: string, mountPoints: readonly string[]): string[] {
  const taken = new Set<string>()
  return mountPoints.map((mountPoint, i) => {
    let name = i === 0 ? output : tagged(output, tagOf(mountPoint))
    for (let n = 2; taken.has(name); n++) name = tagged(output, `${tagOf(mountPoint)}-${n}`)
    taken.add(name)
    return name
  })
}

const tagOf = (mountPoint: string): string =>
  mountPoint
    .replace(/[^\w.]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64) || 'root'

const tagged = (output: string, tag: string): string => join(dirname(output), `${tag}-${basename(output)}`)
