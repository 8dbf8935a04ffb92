/** Where a target's files are put: below the mount point of a mounted filesystem, or in an image that is mounted for it. */
import { lstatSync } from 'node:fs'
import { PinnedRoot } from '../collect/setup/pinned-root.js'
import { hasSystemd } from '../collect/setup/boot-loader.js'
import { refused } from '../errors.js'
import { findMounted } from '../mounted/engine/filesystem.js'
import type { SystemHas } from '../preload/install-targets.js'
import { resolveTarget } from '../volume/target.js'
import { withMountedImage } from './mounted-image.js'

export interface PutPlace {
  readonly root: PinnedRoot
  readonly mountPoint: string
  /** Whether it was mounted for this, in a namespace of this process. */
  readonly image: boolean
}

/**
 * Opens the root folder of the target's system for writing.
 * @throws as withMountedImage and PinnedRoot do
 */
export async function withSystem<Result>(
  given: string,
  partition: number | undefined,
  use: (place: PutPlace) => Result,
): Promise<Result> {
  const target = resolveTarget(given)
  const mounted = target.kind === 'file' ? undefined : findMounted(target)
  if (mounted) return withRoot(mounted.mountPoint, false, use)
  return withMountedImage(target.path, partition, (mountPoint) => withRoot(mountPoint, true, use))
}

function withRoot<Result>(mountPoint: string, image: boolean, use: (place: PutPlace) => Result): Result {
  const root = PinnedRoot.open(mountPoint)
  try {
    return use({ root, mountPoint, image })
  } finally {
    root.close()
  }
}

/** @throws refused when /etc is on another filesystem than the root, where a boot could not read the list so early */
export function needEtcOnRoot({ mountPoint }: PutPlace): void {
  const etc = lstatSync(`${mountPoint}/etc`, { throwIfNoEntry: false })
  if (!etc?.isDirectory())
    throw refused(
      'no-etc',
      'There is no folder /etc on this filesystem: it is not the root of a system.',
      'Name the root filesystem of a system.',
    )
  if (etc.dev !== lstatSync(mountPoint).dev) {
    throw refused(
      'etc-elsewhere',
      '/etc is on another filesystem than the root: the list could not be read so early.',
      'Name the filesystem that is mounted as the root.',
    )
  }
}

export const systemHas = (root: PinnedRoot): SystemHas => ({
  initramfsTools:
    ['usr/sbin/update-initramfs', 'sbin/update-initramfs'].some((path) => root.has(path)) &&
    root.has('etc/initramfs-tools/.'),
  dracut:
    ['usr/bin/dracut', 'usr/sbin/dracut', 'sbin/dracut', 'bin/dracut'].some((path) => root.has(path)) &&
    root.has('usr/lib/dracut/modules.d/.'),
  systemd: hasSystemd(root),
})
