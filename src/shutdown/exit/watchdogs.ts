/**
 * Watchdogs that systemd has started to guard the way down, ten minutes unless told
 * otherwise. They go on counting when it has handed over, and reset the machine if
 * nobody tells them that it lives. Only those that count are touched: opening one
 * starts it. Source of the interface: the kernel's Documentation/watchdog and
 * Documentation/ABI/testing/sysfs-class-watchdog.
 */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { attempt } from '../../host/block-devices.js'

const longestWait = 10

export class Watchdogs {
  private readonly open: number[] = []
  private readonly timer: NodeJS.Timeout | undefined

  /** @param sys folder of the class, but for tests; `dev` that of the devices */
  constructor(sys = '/sys/class/watchdog', dev = '/dev', environment: NodeJS.ProcessEnv = process.env) {
    const active = activeWatchdogs(sys, dev, environment)
    for (const { device } of active) {
      const descriptor = attempt(() => openSync(device, 'w'))
      if (descriptor !== undefined) this.open.push(descriptor)
    }
    if (this.open.length === 0) return
    const least = Math.min(...active.map(({ timeout }) => timeout))
    this.timer = setInterval(() => this.feed(), (Math.min(longestWait, least / 3) || longestWait) * 1000).unref()
    this.feed()
  }

  get count(): number {
    return this.open.length
  }

  /** They go on counting: what comes after us has their time to end, or is reset. */
  leave(): void {
    clearInterval(this.timer)
    this.feed()
    for (const descriptor of this.open) attempt(() => closeSync(descriptor))
  }

  private feed(): void {
    for (const descriptor of this.open) attempt(() => writeSync(descriptor, '\0'))
  }
}

interface ActiveWatchdog {
  readonly device: string
  /** Seconds. */
  readonly timeout: number
}

function activeWatchdogs(sys: string, dev: string, environment: NodeJS.ProcessEnv): ActiveWatchdog[] {
  const names = attempt(() => readdirSync(sys)) ?? []
  const told = (name: string, file: string): string | undefined =>
    attempt(() => readFileSync(join(sys, name, file), 'utf8').trim())
  const active = names
    .filter((name) => told(name, 'state') === 'active')
    .map((name) => ({ device: join(dev, name), timeout: Number(told(name, 'timeout')) || longestWait * 3 }))
  const tells = names.some((name) => told(name, 'state') !== undefined)
  // A kernel whose sysfs does not tell: systemd hands down what it has set.
  const { WATCHDOG_USEC: microseconds, WATCHDOG_DEVICE: device = join(dev, 'watchdog0') } = environment
  if (tells || !(Number(microseconds) > 0)) return active
  return [{ device, timeout: Number(microseconds) / 1e6 }]
}
