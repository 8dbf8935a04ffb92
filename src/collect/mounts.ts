/** Which mounted filesystem a recorded device number means, and which one a path lies on. */
import { realpathSync } from 'node:fs'
import { usageError } from '../errors.js'
import { escapePath } from '../text/escape-path.js'

/** As the kernel lists it in /proc/self/mountinfo. */
export interface Mount {
  /** 'major:minor', as page-cache events name it too. */
  readonly device: string
  /** The folder of the filesystem that is shown. */
  readonly root: string
  readonly mountPoint: string
  readonly type: string
  readonly source: string
}

/** Filesystems whose contents come from a disk: they have a device number or name a device. */
export const isOnDisk = ({ device, source }: Mount): boolean => !device.startsWith('0:') || source.startsWith('/')

/**
 * For each device the mount that shows most of it: all, where there is such a mount,
 * else the shortest folder. Of several the one mounted last, which hides the others
 * where they are at the same place.
 * @param mounts in the kernel's order
 */
export function mountsByDevice(mounts: readonly Mount[]): Map<string, Mount> {
  const best = new Map<string, Mount>()
  for (const mount of mounts) {
    if (!isOnDisk(mount)) continue
    const known = best.get(mount.device)
    if (!known || mount.root.length <= known.root.length) best.set(mount.device, mount)
  }
  return best
}

/**
 * The mount a path lies on.
 * @throws usage when nothing is there or it lies on no disk
 */
export function mountOf(path: string, mounts: readonly Mount[]): Mount {
  let real: string
  try {
    real = realpathSync(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw usageError(
      'no-such-target',
      `${escapePath(path)} cannot be looked at (${code ?? String(cause)}).`,
      'Name a folder on a mounted filesystem.',
    )
  }
  let best: Mount | undefined
  for (const mount of mounts) {
    if (isBelow(real, mount.mountPoint) && (!best || mount.mountPoint.length >= best.mountPoint.length)) best = mount
  }
  if (!best || !isOnDisk(best)) {
    throw usageError(
      'not-on-disk',
      `${escapePath(path)} lies on no disk${best ? ` but on ${escapePath(best.type)}` : ''}.`,
      'Name a folder on a mounted disk filesystem.',
    )
  }
  return best
}

const isBelow = (path: string, folder: string): boolean =>
  folder === '/' || path === folder || path.startsWith(`${folder}/`)

/** A path as seen in the mount, counted from the root of the filesystem; undefined outside the mount. */
export function pathOnFilesystem(path: string, { mountPoint, root }: Mount): string | undefined {
  if (!isBelow(path, mountPoint)) return undefined
  const rest = mountPoint === '/' ? path : path.slice(mountPoint.length)
  const whole = root === '/' ? rest : root + (rest === '/' ? '' : rest)
  return whole === '' ? '/' : whole
}

/** The other way round: where a path of the filesystem is seen; undefined outside the folder that is shown. */
export function pathInMount(path: string, { mountPoint, root }: Mount): string | undefined {
  if (!isBelow(path, root)) return undefined
  const rest = root === '/' ? path : path.slice(root.length)
  return mountPoint === '/' ? (rest === '' ? '/' : rest) : mountPoint + (rest === '/' ? '' : rest)
}
