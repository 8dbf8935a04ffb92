/** The mounts of this system, in every namespace that can be seen. */
import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, names, readText } from './block-devices.js'
import { parseMountinfo, type Mount } from './mountinfo.js'

/** The mounts of every mount namespace whose processes may be looked at, ours first. */
export function allMounts(): Mount[] {
  const mounts = parseMountinfo(readText('/proc/self/mountinfo'))
  const seen = new Set([attempt(() => readlinkSync('/proc/self/ns/mnt'))])
  const key = (mount: Mount): string => `${mount.device} ${mount.mountPoint} ${mount.source}`
  const known = new Set(mounts.map(key))
  for (const process of names('/proc')) {
    if (!/^\d+$/.test(process)) continue
    const namespace = attempt(() => readlinkSync(join('/proc', process, 'ns/mnt')))
    if (namespace === undefined || seen.has(namespace)) continue
    seen.add(namespace)
    for (const mount of parseMountinfo(readText(join('/proc', process, 'mountinfo')))) {
      if (known.has(key(mount))) continue
      known.add(key(mount))
      mounts.push(mount)
    }
  }
  return mounts
}
