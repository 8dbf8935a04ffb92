/**
 * Which files are programs that run. While one runs, the kernel lets nobody open it for
 * writing (ETXTBSY), and exchanging its blocks takes that. Libraries are mapped and not
 * guarded so: only what /proc/PID/exe names is.
 *
 * Two kernels (6.11 and 6.12) guarded none. So this asks the kernel about the one program
 * that may be asked about without disturbing anybody: this one.
 */
import { closeSync, constants, openSync, readdirSync, statSync } from 'node:fs'

/**
 * Inodes of the programs that run from a filesystem, as far as this process sees others:
 * all of them as root, outside of containers.
 * @param device st_dev of the filesystem
 */
export function runningPrograms(device: bigint): ReadonlySet<number> {
  const found = new Set<number>()
  if (!guardsPrograms()) return found
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      // Follows the link as the kernel means it, whatever lies at that path by now.
      const { dev, ino } = statSync(`/proc/${name}/exe`, { bigint: true })
      if (dev === device) found.add(Number(ino))
    } catch {
      // Ended meanwhile, or a thread of the kernel's own.
    }
  }
  return found
}

function guardsPrograms(): boolean {
  try {
    closeSync(openSync('/proc/self/exe', constants.O_WRONLY | constants.O_NONBLOCK))
    return false
  } catch {
    // ETXTBSY says so; anything else (a read-only disk, no right to write) says nothing.
    return true
  }
}
