/**
 * How long the parts of this boot took, as `systemd-analyze` works it out of what systemd
 * tells of itself (org.freedesktop.systemd1(5)): firmware and loader are times before the
 * kernel began, the others are counted from there, all in microseconds.
 */
import { spawnSync } from 'node:child_process'
import type { BootTimes } from './figures.js'

const managerProperties = [
  'FirmwareTimestampMonotonic',
  'LoaderTimestampMonotonic',
  'InitRDTimestampMonotonic',
  'UserspaceTimestampMonotonic',
] as const

/**
 * @param manager of `systemctl show`
 * @param target  of `systemctl show default.target`
 * @returns undefined where userspace has no beginning, as in a container
 */
export function timesFrom(manager: string, target: string): BootTimes | undefined {
  const told = (text: string, name: string): number =>
    Number(new RegExp(`^${name}=(\\d+)$`, 'm').exec(text)?.[1] ?? 0) / 1000
  const [firmware, loader, initrd, userspace] = managerProperties.map((name) => told(manager, name)) as [
    number,
    number,
    number,
    number,
  ]
  const reached = told(target, 'ActiveEnterTimestampMonotonic')
  if (userspace === 0) return undefined
  return {
    ...(firmware > 0 && { firmware: firmware - loader }),
    ...(loader > 0 && { loader }),
    kernel: initrd > 0 ? initrd : userspace,
    ...(initrd > 0 && { initrd: userspace - initrd }),
    ...(reached > userspace && { userspace: reached - userspace }),
  }
}

/** @returns undefined where systemd cannot be asked */
export function timesOfThisBoot(): BootTimes | undefined {
  const show = (...words: string[]): string =>
    spawnSync('systemctl', ['show', ...words], { encoding: 'utf8' }).stdout ?? ''
  return timesFrom(
    show(`--property=${managerProperties.join(',')}`),
    show('default.target', '--property=ActiveEnterTimestampMonotonic'),
  )
}
