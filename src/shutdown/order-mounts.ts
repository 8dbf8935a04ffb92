/** Filesystems of the machine, as they can be mounted once more when all has been unmounted. */
import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { refused, unsupported, usageError } from '../errors.js'
import { parseMountinfo, type Mount } from '../host/mountinfo.js'
import { escapePath } from '../text/escape-path.js'
import type { OrderedMount } from './order.js'

/** What the kernel shows of a device that is mounted: sysfs knows its name, whatever it was mounted by. */
function deviceOf({ device }: Mount): string | undefined {
  try {
    const path = `/dev/${basename(readlinkSync(join('/sys/dev/block', device))).replaceAll('!', '/')}`
    return statSync(path).isBlockDevice() ? path : undefined
  } catch {
    return undefined
  }
}

/**
 * @param mountPoint where a whole filesystem is mounted
 * @throws refused when nothing is mounted there; unsupported when it is on no block device, or only a folder of it shows
 */
export function describeMount(mountPoint: string): OrderedMount {
  const text = readFileSync('/proc/self/mountinfo', 'utf8')
  const found = parseMountinfo(text).filter((mount) => mount.mountPoint === mountPoint)
  const mount = found.at(-1)
  const shown = escapePath(mountPoint)
  if (!mount)
    throw usageError('not-mounted', `Nothing is mounted at ${shown}.`, 'Name the mount point of a filesystem.')
  const device = deviceOf(mount)
  if (device === undefined)
    throw unsupported('no-block-device', `What is mounted at ${shown} (${mount.type}) is on no block device.`)
  if (mount.root !== '/')
    throw refused('partly-mounted', `Only a folder of its filesystem is mounted at ${shown}.`, 'Mount all of it.')
  return { mountPoint, device, type: mount.type, options: mount.options }
}

/**
 * The root and what is mounted on the way from it to a folder, outermost first.
 * @throws as describeMount does
 */
export function mountsFor(folder: string): OrderedMount[] {
  const points = new Set(
    parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).map(({ mountPoint }) => mountPoint),
  )
  const parts = folder.split('/').filter((part) => part !== '')
  const onTheWay = parts.map((_, n) => `/${parts.slice(0, n + 1).join('/')}`).filter((path) => points.has(path))
  return ['/', ...onTheWay].map(describeMount)
}
