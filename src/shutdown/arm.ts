/**
 * Gives an order: from here on the machine carries it out the next time it goes down.
 * Everything that can be known beforehand is looked at first, and what will run then is
 * tried now.
 */
import { randomBytes } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { PinnedRoot } from '../collect/setup/pinned-root.js'
import { ioError, isCodeOf, refused, unsupported, usageError } from '../errors.js'
import { escapePath } from '../text/escape-path.js'
import { estimateSeconds, type Measured } from './estimate.js'
import { refuseMachine, refuseMemory } from './fitness.js'
import { putOrder, takeOrder } from './order-files.js'
import { describeMount, mountsFor } from './order-mounts.js'
import { readOrder, type Order, type OrderedCommand, type OrderedMount, type OrderWord } from './order.js'
import { stateFolder } from './places.js'
import type { Tried } from './try-environment.js'
import { unitName, unitText } from './unit.js'

/** Bytes of memory beyond what was seen: a plan may be larger by then, and the kernel needs some. */
const spareMemory = 96 << 20

export interface OrderRequest {
  readonly command: OrderedCommand
  readonly words: readonly OrderWord[]
  /** Contents of the files it needs, by name. */
  readonly inputs: ReadonlyMap<string, Uint8Array>
  /** Files it writes, by name: where they go. */
  readonly outputs: ReadonlyMap<string, string>
  readonly filesystem: OrderedMount & { readonly uuid: string }
  readonly preloadTrace?: string
  /** Seconds. */
  readonly limit: number
  readonly measured: Omit<Measured, 'environment'> & { readonly memory: number }
}

export interface Armed {
  readonly order: Order
  /** Absolute paths. */
  readonly written: readonly string[]
}

/**
 * The filesystem a target is on, if it can be packed at shutdown.
 * @throws refused, unsupported
 */
export function fitFilesystem(mountPoint: string): OrderedMount {
  refuseMachine()
  const mount = describeMount(mountPoint)
  if (mount.type !== 'ext4')
    throw unsupported(
      'not-ext4',
      `What is mounted at ${escapePath(mountPoint)} is ${escapePath(mount.type)}: only ext4 is packed at shutdown.`,
    )
  return mount
}

/**
 * @param program words that start bootpack here: Node, and bootpack's entry
 * @throws refused when it would take longer than it may, or the machine cannot; usage
 */
export function arm(request: OrderRequest, program: readonly [string, string]): Armed {
  const mounts = mountsFor(stateFolder)
  const outputs = [...request.outputs].map(([name, to]) => ({ name, to: placeOf(to, mounts) }))
  const tried = tryNow(program)
  const memory = tried.bytes + request.measured.memory + spareMemory
  refuseMemory(memory)
  const estimate = estimateSeconds({ ...request.measured, environment: tried.seconds })
  if (estimate > request.limit)
    throw refused(
      'takes-too-long',
      `It would take about ${estimate} s, and the machine may be kept from going down for ${request.limit} s.`,
      `Allow more with --at-most ${Math.ceil((estimate * 1.5) / 60) * 60}, or pack less (--max-bytes, --granularity range).`,
    )
  const home = dirname(dirname(program[1]))
  const order: Order = {
    version: 1,
    id: randomBytes(16).toString('hex'),
    made: new Date().toISOString(),
    command: request.command,
    words: request.words,
    inputs: [...request.inputs.keys()],
    outputs,
    filesystem: request.filesystem,
    mounts,
    limit: request.limit,
    estimate,
    memory,
    ...(request.preloadTrace !== undefined && { preloadTrace: request.preloadTrace }),
    folders: readOrder()?.folders ?? [],
    tries: 0,
  }
  const template = readFileSync(join(home, 'share/shutdown', unitName), 'utf8')
  return putAndStart(order, request.inputs, unitText(template, program))
}

function putAndStart(order: Order, inputs: OrderRequest['inputs'], unit: string): Armed {
  const root = PinnedRoot.open('/')
  try {
    const before = readOrder()
    if (before) takeOrder(root, before)
    const written = putOrder(root, { order, inputs, unit })
    try {
      systemctl('daemon-reload')
      systemctl('start', unitName)
    } catch (error) {
      takeOrder(root, readOrder())
      spawnSync('systemctl', ['daemon-reload'])
      throw error
    }
    return { order, written }
  } finally {
    root.close()
  }
}

/** @throws usage when a file could not be put there: it must be on a filesystem that is mounted again */
function placeOf(path: string, mounts: readonly OrderedMount[]): string {
  const folder = realFolder(dirname(path))
  const to = join(folder, basename(path))
  const needed = mountsFor(folder)
  if (needed.some(({ mountPoint }) => !mounts.some((each) => each.mountPoint === mountPoint)))
    throw usageError(
      'output-elsewhere',
      `${escapePath(path)} is on a filesystem that is not mounted again at shutdown.`,
      `Name a file below ${dirname(stateFolder)}.`,
    )
  if (existsSync(to) && realpathSync(to) !== to)
    throw refused('not-a-file', `${escapePath(path)} is a symbolic link.`, 'Name the file it leads to.')
  return to
}

/** Ours may not be there yet. @throws usage when another one is not */
function realFolder(path: string): string {
  if (existsSync(path)) return realpathSync(path)
  if (path === dirname(stateFolder)) return path
  throw usageError('no-folder', `There is no folder ${escapePath(path)}.`, 'Make it first, or write elsewhere.')
}

/** In a process of its own, whose mounts nobody sees. */
function tryNow([node, entry]: readonly [string, string]): Tried {
  const { status, error, stdout, stderr } = spawnSync(node, [entry, 'shutdown', 'prepare', '--try', '--json'], {
    encoding: 'utf8',
  })
  let told: Partial<Tried> & { error?: { code?: string; message: string; next?: string } } = {}
  try {
    told = JSON.parse(stdout) as typeof told
  } catch {
    // Then there is only what it complained of.
  }
  if (status === 0 && typeof told.bytes === 'number' && typeof told.seconds === 'number')
    return { bytes: told.bytes, seconds: told.seconds }
  const why = told.error?.message ?? error?.message ?? stderr.trim().split('\n').at(-1) ?? `status ${status}`
  if (told.error?.next !== undefined) {
    const { code } = told.error
    throw refused(isCodeOf('refused', code) ? code : 'not-ready', why, told.error.next)
  }
  throw ioError(why)
}

function systemctl(...words: string[]): void {
  const { status, error, stderr } = spawnSync('systemctl', words, { encoding: 'utf8' })
  if (error || status !== 0) throw ioError(`systemctl ${words.join(' ')} failed: ${error?.message ?? stderr.trim()}`)
}
