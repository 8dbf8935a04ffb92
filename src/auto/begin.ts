/** Looks whether it can be done here, and begins. */
import { spawnSync } from 'node:child_process'
import type { PinnedRoot } from '../collect/setup/pinned-root.js'
import { refused, usageError } from '../errors.js'
import { onBattery } from '../host/power-supply.js'
import { fitFilesystem } from '../shutdown/arm.js'
import { escapePath } from '../text/escape-path.js'
import { gatherFacts } from './facts.js'
import { resume, type Ended } from './machine.js'
import { stateFile } from './places.js'
import type { AutoState } from './state.js'
import { readState, thisMachine, writeState, type Options } from './this-machine.js'
import { putUnits, removeUnits, serviceName, timerName } from './units.js'

export interface Wishes {
  readonly boots: number
  readonly proofs: number
  readonly atMost: number
}

const keepTimer = 'etc/systemd/system/bootpack-keep.timer'

/**
 * @throws usage for another target than the root; refused, unsupported: why it cannot be done on this machine
 */
export function refuseAuto(root: PinnedRoot, target: string): void {
  if (target !== '/')
    throw usageError(
      'not-the-root',
      `auto is for the root of this machine, and ${escapePath(target)} is something else.`,
      'Say: bootpack auto /',
    )
  fitFilesystem('/')
  if (onBattery())
    throw refused(
      'on-battery',
      'This machine runs on its battery, and packing a disk is nothing to be cut off from its power.',
      'Plug it in, and say it again.',
    )
  if (root.has(keepTimer))
    throw refused(
      'kept-already',
      'A timer keeps the boot of this machine packed already, and auto does that in its own way.',
      'Take it away first: bootpack collect setup --keep --remove',
    )
}

export interface Begun {
  readonly state: AutoState
  /** Absolute paths; empty when it was begun before. */
  readonly written: readonly string[]
  /** What is left for a person to do. */
  readonly todo: readonly string[]
}

/**
 * Begins, or goes on where it was halted.
 * @throws refused when it is at work already; what the first command throws
 */
export async function begin(options: Options, wishes: Wishes): Promise<Begun | Ended> {
  const { root, program } = options
  const before = readState(root)
  if (before) {
    const state = resume(before)
    writeState(root, { ...state, atMost: wishes.atMost })
    systemctl('start', '--no-block', serviceName)
    return { state, written: [], todo: [] }
  }
  const facts = gatherFacts(root)
  const state: AutoState = {
    version: 1,
    step: 'recording',
    begun: facts.now,
    ...wishes,
    ours: { recording: !facts.recording, preload: !facts.preload, folders: [] },
    tries: 0,
  }
  writeState(root, state)
  const ended: Ended = facts.recording ? { status: 0 } : await thisMachine(options).run('record', state, facts)
  if (ended.status !== 0 && ended.status !== 3) {
    root.remove(stateFile)
    return ended
  }
  try {
    const { written, made } = putUnits(root, program)
    writeState(root, { ...state, ours: { ...state.ours, folders: made } })
    systemctl('daemon-reload')
    systemctl('start', timerName)
    return { state, written: [...written, `/${stateFile}`], todo: ended.todo ?? [] }
  } catch (error) {
    removeUnits(root)
    root.remove(stateFile)
    throw error
  }
}

const systemctl = (...words: string[]): void => void spawnSync('systemctl', words, { stdio: 'ignore' })
