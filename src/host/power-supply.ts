/** Whether the machine runs on its battery, told by sysfs (Documentation/ABI/testing/sysfs-class-power). */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt } from './block-devices.js'

/**
 * A supply that is plugged in settles it. Without one, a battery of the machine that
 * is being discharged means battery; batteries of mice and the like do not count.
 * @param folder '/sys/class/power_supply', but for tests
 */
export function onBattery(folder = '/sys/class/power_supply'): boolean {
  let unplugged = false
  let discharging = false
  for (const name of attempt(() => readdirSync(folder)) ?? []) {
    const told = (file: string): string => attempt(() => readFileSync(join(folder, name, file), 'utf8').trim()) ?? ''
    if (told('scope') === 'Device') continue
    switch (told('type')) {
      case 'Mains':
      case 'USB':
        if (told('online') === '1') return false
        if (told('type') === 'Mains') unplugged = true
        break
      case 'Battery':
        if (told('status') === 'Discharging') discharging = true
    }
  }
  return unplugged || discharging
}
