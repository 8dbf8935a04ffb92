/** Whether systemd has come to the end of the boot. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

/** systemd's own way of telling that it is the init of this system, sd_booted(3). */
export const systemdRuns = (): boolean => existsSync('/run/systemd/system')

/**
 * @param unit  'default.target'
 * @param tasks gets the process that asks, so that its reads are left out
 * @returns true when the unit is active, or cannot be asked about
 */
export async function isActive(unit: string, tasks: Set<number>): Promise<boolean> {
  const child = spawn('systemctl', ['is-active', '--quiet', '--', unit], { stdio: 'ignore' })
  if (child.pid !== undefined) tasks.add(child.pid)
  return await new Promise((resolve) => {
    child.on('error', () => resolve(true))
    child.on('close', (code) => resolve(code === 0))
  })
}
