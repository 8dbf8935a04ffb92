/** Whether this machine goes down the way that is needed, asked before anything is promised. */
import { existsSync, readFileSync } from 'node:fs'
import { refused, unsupported } from '../errors.js'
import { attempt } from '../host/block-devices.js'
import { parseMountinfo } from '../host/mountinfo.js'
import { memoryFigure } from '../host/memory.js'
import { escapePath } from '../text/escape-path.js'

/** systemd's program that does it, where distributions have it. */
const shutdownPrograms = ['/usr/lib/systemd/systemd-shutdown', '/lib/systemd/systemd-shutdown']

/** Filesystems that lie on others: what is below is not what is seen. */
const layered = new Set(['overlay', 'aufs', 'unionfs'])

const byHand = 'Pack it from another system instead: boot a live medium, and run bootpack on the unmounted device.'

/**
 * @throws refused, unsupported: with what is missing
 */
export function refuseMachine(): void {
  if (process.geteuid?.() !== 0)
    throw refused('needs-root', 'Arranging what happens when the machine goes down is for root.', 'Run it with sudo.')
  if (inContainer())
    throw unsupported(
      'container',
      'This is a container: its filesystems are not its own to unmount.',
      'Run it on the host.',
    )
  if (!existsSync('/run/systemd/system') || !shutdownPrograms.some((path) => existsSync(path)))
    throw unsupported(
      'no-systemd',
      'This machine is not run by systemd, which hands over to such work when everything is down.',
      byHand,
    )
  refuseRoot()
}

function refuseRoot(): void {
  const root = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))
    .filter(({ mountPoint }) => mountPoint === '/')
    .at(-1)
  if (existsSync('/run/ostree-booted'))
    throw unsupported(
      'ostree',
      'The root of this machine is a deployment of ostree, which goes down with its own layers mounted.',
      byHand,
    )
  if (root && layered.has(root.type))
    throw unsupported(
      'layered-root',
      `The root of this machine is ${escapePath(root.type)}, on other filesystems.`,
      byHand,
    )
}

function inContainer(): boolean {
  const environment = attempt(() => readFileSync('/proc/1/environ', 'latin1')) ?? ''
  return (
    existsSync('/run/systemd/container') ||
    existsSync('/.dockerenv') ||
    existsSync('/run/.containerenv') ||
    environment.split('\0').some((each) => /^container=./.test(each))
  )
}

/** @param bytes of memory it takes @throws refused when the machine has too little of it */
export function refuseMemory(bytes: number): void {
  const total = memoryFigure('MemTotal') ?? 0
  // What the kernel itself and a few processes need stays out of it.
  if (total * 0.85 >= bytes) return
  throw refused(
    'little-memory',
    `It takes ${Math.round(bytes / 1e6)} MB of memory while the machine goes down, and this one has ${Math.round(total / 1e6)}.`,
    byHand,
  )
}
