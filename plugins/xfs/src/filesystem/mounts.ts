/** Which XFS filesystems are mounted, and on which of them a target is. */
import { readFileSync, statSync } from 'node:fs'
import { deviceNumber, parseMountinfo } from 'bootpack/engine'

export interface XfsMount {
  readonly mountPoint: string
  /** '/dev/sda2' */
  readonly device: string
  /** 'major:minor' */
  readonly number: string
  readonly readOnly: boolean
}

/** Each filesystem once, by its first mount that still shows it. */
export function xfsMounts(): XfsMount[] {
  const found = new Map<string, XfsMount>()
  for (const { device, mountPoint, type, source, readOnly } of parseMountinfo(
    readFileSync('/proc/self/mountinfo', 'utf8'),
  )) {
    if (type !== 'xfs' || found.has(device) || numberOf(mountPoint) !== device) continue
    found.set(device, { mountPoint, device: source, number: device, readOnly })
  }
  return [...found.values()]
}

/** The device number of what lies at a path; undefined where nothing can be looked at. */
export function numberOf(path: string): string | undefined {
  try {
    return deviceNumber(statSync(path, { bigint: true }).dev)
  } catch {
    return undefined
  }
}

/**
 * @param target anything on the filesystem, or the block device it is on
 * @returns undefined when it is on no mounted XFS
 */
export function mountOf(target: string): XfsMount | undefined {
  const stats = statSync(target, { bigint: true })
  const number = deviceNumber(stats.isBlockDevice() ? stats.rdev : stats.dev)
  return xfsMounts().find((mount) => mount.number === number)
}
