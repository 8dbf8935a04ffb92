/** The three things `collect setup` does: show, apply, remove. */
import { realpathSync } from 'node:fs'
import { existsSync } from 'node:fs'
import { release } from 'node:os'
import { unsupported } from '../../errors.js'
import { pageSize } from '../../kernel/page-size.js'
import {
  bufferMiB,
  byRegisters,
  eventsThatFit,
  kernelArguments,
  takesProbe,
  thisMachine,
  unknownMachine,
} from './kernel-arguments.js'
import { PinnedRoot } from './pinned-root.js'
import { keepTimerName } from './keep-units.js'
import { refreshMachine, switchTimer } from './refresh.js'
import { needRootProgram, rootProgramTrouble } from './root-program.js'
import { applySetup, planSetup, removeSetup, type SetupFile } from './setup.js'
import { findBootLoader, type BootLoader } from './boot-loader.js'

export interface SetupRequest {
  readonly action: 'show' | 'apply' | 'remove'
  /** Root folder of the system. */
  readonly root: string
  /** Words that start bootpack there; by default `self` on this machine, else where packages put it. */
  readonly program?: readonly string[]
  /** Words that start this very program. */
  readonly self: readonly string[]
  /** Pages a boot is expected to read. */
  readonly events: number
  /** MiB of the buffer per processor, instead of what `events` and the memory give. */
  readonly buffer?: number
  /** Have the kernel tell which inodes a boot loads, too: what `pack --inodes` needs to know. */
  readonly inodes?: boolean
}

export interface SetupReport {
  readonly action: SetupRequest['action']
  /** Kernel arguments, as they have to be written where they are put in by hand. */
  readonly arguments: string
  readonly bootLoader: BootLoader['name']
  /** Per processor. */
  readonly bufferMiB: number
  /** Pages it has room for, and bytes of one. */
  readonly events: number
  readonly pageBytes: number
  /** What belongs to it, and how it was found; empty after `remove`. */
  readonly files: readonly (SetupFile & { readonly shown: string })[]
  /** Paths as a person sees them. */
  readonly written: readonly string[]
  readonly removed: readonly string[]
  /** What is left for a person to do. */
  readonly todo: readonly string[]
  /** Whether all that was asked for was done; false where the arguments have to be put in by hand, or nothing runs the unit. */
  readonly complete: boolean
}

/** @throws as planSetup, applySetup, removeSetup and refreshMachine do */
export function runSetup(request: SetupRequest): SetupReport {
  const root = PinnedRoot.open(request.root)
  try {
    const here = realpathSync(request.root) === '/'
    const size = request.buffer ?? bufferMiB(here ? thisMachine() : unknownMachine, request.events)
    const found = findBootLoader(root)
    if (request.inodes && here && request.action !== 'remove') needProbes()
    const args = kernelArguments(size, request.inodes, (probe) =>
      found.noDollar ? byRegisters(probe, process.arch) : probe,
    )
    const common = {
      action: request.action,
      arguments: found.byHand ? found.byHand(args) : args,
      bufferMiB: size,
      events: eventsThatFit(size),
      pageBytes: here ? pageSize() : smallestPage,
    }
    if (request.action === 'remove') {
      const { removed, loader } = removeSetup(root, (changed, any) => {
        if (!here) return
        refreshMachine(changed, undefined, any)
        if (any) switchTimer(keepTimerName, false)
      })
      const todo = removed.length === 0 || (here && loader.refresh) ? [] : [leftToRemove(loader, here)]
      return {
        ...common,
        bootLoader: loader.name,
        files: [],
        written: [],
        removed: removed.map((path) => root.shown(path)),
        todo,
        complete: todo.length === 0 || loader.name !== 'by-hand',
      }
    }
    const program = request.program ?? (here ? request.self : [installedProgram(root)])
    if (request.action === 'apply') needRootProgram(root, program, here)
    const setup = planSetup(root, { args, program })
    const { loader, systemd, files } = setup
    const written =
      request.action === 'show'
        ? []
        : applySetup(root, setup, (changed, any) => {
            if (here) refreshMachine(changed, args, any)
          })
    return {
      ...common,
      bootLoader: loader.name,
      files: files.map((file) => ({ ...file, shown: root.shown(file.path) })),
      written: written.map((path) => root.shown(path)),
      removed: [],
      todo: [
        ...(request.action === 'show' ? rootProgramTrouble(root, program, here) : []),
        ...leftToDo(loader, systemd, here),
      ],
      complete: loader.name !== 'by-hand' && systemd,
    }
  } finally {
    root.close()
  }
}

/** Bytes of a page where nothing is known of the machine. */
const smallestPage = 4096

/** @throws unsupported when the kernel that runs here could not be told which inodes to record */
function needProbes(): void {
  const kernel = release()
  if (!takesProbe(kernel))
    throw unsupported(
      'no-kprobe-argument',
      `This kernel, ${kernel}, takes no probe from its command line; 5.3 and later do.`,
      'Leave out --inodes.',
    )
  // What only root may look into is not judged.
  const tracing = '/sys/kernel/tracing'
  if (existsSync(`${tracing}/README`) && !existsSync(`${tracing}/kprobe_events`))
    throw unsupported(
      'no-kprobes',
      `This kernel, ${kernel}, was built without kprobes, and nothing else tells which inodes are loaded.`,
      'Leave out --inodes, or boot a kernel that has CONFIG_KPROBE_EVENTS.',
    )
}

/** Where packages put it. */
export function installedProgram(root: PinnedRoot): string {
  const found = ['usr/local/bin/bootpack', 'usr/bin/bootpack'].find((path) => root.has(path))
  return `/${found ?? 'usr/bin/bootpack'}`
}

function leftToDo({ name, hint, refresh }: BootLoader, systemd: boolean, here: boolean): string[] {
  const todo: string[] = []
  if (name === 'by-hand') todo.push(`The arguments have to be put in by hand: ${hint}.`)
  else if (!here || !refresh) todo.push(`Then${here ? '' : ' in that system'}: ${hint}.`)
  if (!systemd) todo.push('There is no systemd to run the unit: run `bootpack collect boot` when the boot is over.')
  return todo
}

const leftToRemove = ({ name, hint }: BootLoader, here: boolean): string =>
  name === 'by-hand'
    ? `If the kernel arguments were put in by hand, take them out the same way: ${hint}.`
    : `Then${here ? '' : ' in that system'}: ${hint}.`
