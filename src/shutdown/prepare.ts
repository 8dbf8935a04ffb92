/**
 * What the unit runs when the machine goes down, while its disk is still mounted: puts
 * the environment together in memory, tries it, and leaves it where systemd looks for
 * one. Whatever hinders it is written down, and the machine goes down as ever.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, realpathSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { privateFile, privateFolder } from '../collect/boot-traces.js'
import { PinnedRoot } from '../collect/setup/pinned-root.js'
import { BootpackError } from '../errors.js'
import { memoryFigure } from '../host/memory.js'
import { onBattery } from '../host/power-supply.js'
import { mount } from '../kernel/mount.js'
import { unmount } from '../kernel/unmount.js'
import { addEntry, addOrder, buildEnvironment, type Program } from './environment/build.js'
import { tryEnvironment } from './environment/try.js'
import { describeMount, mountsFor } from './order-mounts.js'
import { rewriteOrder, takeOrder } from './order-files.js'
import { mostTries, readOrder, type Order } from './order.js'
import { outcomeText, type Outcome } from './outcome.js'
import { environmentFolder, names, nextFolder, orderFolder, stateFolder } from './places.js'

/** Seconds beyond its own limit after which process 1 no longer waits for the program. */
const grace = 120

export type Prepared =
  { readonly prepared: true; readonly bytes: number } | { readonly prepared: false; readonly why: string }

/** The targets systemd goes down by; a soft reboot keeps the kernel and goes another way. */
const targets = ['reboot.target', 'poweroff.target', 'halt.target', 'kexec.target']

/** @returns what came of it; throws nothing but bugs */
export function prepareShutdown(program: Program): Prepared {
  if (!goingDown()) return { prepared: false, why: 'the machine is not going down' }
  const root = PinnedRoot.open('/')
  let order: Order | undefined
  try {
    order = readOrder()
    if (!order) return { prepared: false, why: 'nothing is ordered' }
    const hindrance = hindranceNow(order)
    if (hindrance !== undefined) return notThisTime(root, order, hindrance)
    if (order.tries >= mostTries) return giveUp(root, order, `it was begun ${order.tries} times and came to no end`)
    order = { ...order, tries: order.tries + 1, ...whereItIsNow(order) }
    rewriteOrder(root, order)
    return { prepared: true, bytes: putEnvironment(order, program) }
  } catch (error) {
    if (!(error instanceof BootpackError)) throw error
    if (order) return giveUp(root, order, error.message)
    return { prepared: false, why: error.message }
  } finally {
    root.close()
  }
}

function goingDown(): boolean {
  const { stdout } = spawnSync('systemctl', ['list-jobs', '--no-legend', '--plain'], { encoding: 'utf8' })
  return (stdout ?? '').split('\n').some((line) => targets.includes(line.trim().split(/\s+/)[1] ?? ''))
}

function hindranceNow({ memory }: Order): string | undefined {
  if (onBattery()) return 'the machine runs on its battery'
  const available = memoryFigure('MemAvailable') ?? 0
  // What is swapped out comes back into memory first.
  const swapped = (memoryFigure('SwapTotal') ?? 0) - (memoryFigure('SwapFree') ?? 0)
  if (available - swapped < memory)
    return `${Math.round(Math.max(0, available - swapped) / 1e6)} MB of memory are available, and it takes ${Math.round(memory / 1e6)}`
  return undefined
}

/** Names of devices change from boot to boot. @throws refused when the filesystem is not there */
function whereItIsNow({ filesystem }: Order): Pick<Order, 'filesystem' | 'mounts'> {
  const now = describeMount(filesystem.mountPoint)
  return { filesystem: { ...now, uuid: filesystem.uuid }, mounts: mountsFor(stateFolder) }
}

/** @returns bytes of memory it takes */
function putEnvironment(order: Order, program: Program): number {
  const home = realpathSync(program.home)
  const others = existsSync(join(environmentFolder, 'shutdown'))
  const aside = `${environmentFolder}-others`
  mkdirSync(environmentFolder, { recursive: true, mode: 0o755 })
  if (others) {
    mkdirSync(aside, privateFolder)
    mount({ source: environmentFolder, target: aside, flags: ['bind'] })
  }
  mount({
    source: 'bootpack',
    target: environmentFolder,
    type: 'tmpfs',
    flags: ['noSetuid'],
    options: `mode=0755,size=${order.memory}`,
  })
  try {
    const bytes = buildEnvironment(environmentFolder, program)
    addOrder(environmentFolder, order)
    writeFileSync(join(environmentFolder, orderFolder, 'limit'), `${order.limit + grace}\n`)
    tryEnvironment(environmentFolder, realpathSync(program.node), home)
    if (others) mount({ source: aside, target: join(environmentFolder, nextFolder), flags: ['bind'] })
    addEntry(environmentFolder, home)
    return bytes
  } catch (error) {
    if (!unmount(environmentFolder, 'idle')) unmount(environmentFolder, 'detach')
    throw error
  } finally {
    if (others) {
      unmount(aside, 'detach')
      rmdirSync(aside)
    }
  }
}

const notThisTime = (root: PinnedRoot, order: Order, why: string): Prepared =>
  writeOutcome(root, order, 'not-this-time', why, true)

function giveUp(root: PinnedRoot, order: Order, why: string): Prepared {
  const prepared = writeOutcome(root, order, 'failed', why, false)
  takeOrder(root, order)
  return prepared
}

function writeOutcome(root: PinnedRoot, order: Order, kind: Outcome['kind'], why: string, armed: boolean): Prepared {
  const { id, command } = order
  const outcome: Outcome = {
    version: 1,
    id,
    command,
    kind,
    reason: why,
    when: new Date().toISOString(),
    seconds: 0,
    written: [],
    armed,
  }
  root.writeFile(`${stateFolder.slice(1)}/${names.outcome}`, outcomeText(outcome), privateFile)
  return { prepared: false, why }
}
