/**
 * A trace is about one filesystem, a recording may be about several: the first gets
 * the name that was asked for, the others the same with their mount point in it.
 */
import { basename, dirname, join } from 'node:path'

/**
 * @param output      'boot.trace.gz'
 * @param mountPoints of the filesystems, the main one first
 * @returns a name for each: 'boot.trace.gz', 'boot-home.trace.gz'; all different
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
  mountPoint.replace(/[^\w.]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64) || 'root'

/** Before the ending, which may be double: '.trace.gz'. */
function tagged(output: string, tag: string): string {
  const name = basename(output)
  const ending = /(?:\.trace)?(?:\.gz)?$/.exec(name)![0]
  const stem = name.slice(0, name.length - ending.length)
  return join(dirname(output), `${stem}-${tag}${ending}`)
}
