/**
 * The loop devices there are, and what each reads: told by the kernel with numbers where
 * the device may be opened, else by a path in sysfs that may lead elsewhere by now.
 */
import { basename, join } from 'node:path'
import { loopStatus, type LoopStatus } from '../kernel/loop-status.js'
import { deviceNumber, names, packedDevice, readText, resolve, statOf, type Identity } from './block-devices.js'

export interface LoopDevice {
  /** Its folder in sysfs. */
  readonly folder: string
  /** 'major:minor'. */
  readonly device: string
  /** The path of what it reads, as the kernel knows it. */
  readonly backing: string
  /** What it reads; undefined when only the path is known and that leads nowhere from here. */
  readonly over: Pick<LoopStatus, 'device' | 'inode' | 'rdev'> | undefined
  /** Bytes of that which are left out in front, and those it gives out. */
  readonly offset: number
  readonly size: number
}

type AskLoop = (path: string, rdev: bigint) => LoopStatus | undefined

/** @param ask the kernel, for numbers; a sysfs of a test has no devices */
export function attachedLoops(sys: string, ask: AskLoop = sys === '/sys' ? loopStatus : () => undefined): LoopDevice[] {
  const loops: LoopDevice[] = []
  for (const name of names(join(sys, 'block'))) {
    const folder = resolve(join(sys, 'block', name))
    if (folder === undefined) continue
    const backing = readText(join(folder, 'loop/backing_file')).replace(/\n$/, '')
    const device = readText(join(folder, 'dev')).trim()
    if (backing === '' || device === '') continue
    const status = ask(join('/dev', basename(folder)), packedDevice(device))
    loops.push({
      folder,
      device,
      backing,
      over: status ?? behind(backing),
      offset: status?.offset ?? Number(readText(join(folder, 'loop/offset'))),
      size: Number(readText(join(folder, 'size'))) * 512,
    })
  }
  return loops
}

function behind(path: string): LoopDevice['over'] {
  const stats = statOf(path)
  return stats && { device: stats.dev, inode: stats.ino, rdev: stats.rdev }
}

/**
 * Whether a loop device reads from a file or device. Where the kernel does not say and
 * its path leads nowhere (unlinked, or of another mount namespace), it may have been
 * another name of the same file; the sizes then decide whether to fear that.
 */
export function readsFrom({ over, offset, size }: LoopDevice, below: Identity): 'yes' | 'no' | 'perhaps' {
  if (over === undefined) {
    const sizesAgree = below.kind === 'file' && offset + size <= below.size && offset + size > below.size - 4096
    return sizesAgree ? 'perhaps' : 'no'
  }
  // A regular file has no device number of its own.
  if (below.kind === 'block') return over.rdev !== 0n && deviceNumber(over.rdev) === below.device ? 'yes' : 'no'
  return over.rdev === 0n && over.device === below.device && over.inode === below.inode ? 'yes' : 'no'
}
