/** A machine on paper, whose power may go between any two things that are written to its disk. */
import type { World } from '../../src/auto/advance.js'
import { advance } from '../../src/auto/advance.js'
import type { Ended, Facts, Task } from '../../src/auto/machine.js'
import type { AutoState } from '../../src/auto/state.js'
import type { Random } from '../support/random.js'

class PowerCut extends Error {}

export class ModelledMachine {
  state: AutoState | undefined
  recording = false
  preload = false
  profile = false
  plan = false
  mended = false
  units = true
  layout: 'aged' | 'packed' = 'aged'
  order: { command: string; made: string; drifted: boolean } | undefined
  outcome: Facts['outcome']
  recorded: { started: string; trace: string }[] = []
  /** Commands that came to their end. */
  readonly log: string[] = []
  /** How often the root was packed whole. */
  packings = 0
  private clock = 1.7e12
  private boots = 0
  /** 0 to 1. */
  cuts = 0
  failures = 0

  private readonly random: Random

  constructor(random: Random) {
    this.random = random
    this.state = {
      version: 1,
      step: 'recording',
      begun: this.now(),
      boots: 2,
      proofs: 3,
      atMost: 300,
      ours: { recording: true, preload: true, folders: [] },
      tries: 0,
    }
  }

  /** One boot, what is done in it, and its end; as after a cut, too. */
  async boot(days = 1): Promise<void> {
    this.clock += days * 24 * 3600 * 1000
    const started = this.now()
    try {
      if (this.recording) {
        this.maybeCut()
        this.recorded.push({ started, trace: `boot-${++this.boots}` })
      }
      await this.goOn()
      this.maybeCut()
      this.goDown()
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error
    }
  }

  async goOn(): Promise<void> {
    if (!this.units) return
    await advance(this.world())
    if (!this.state) this.units = false
  }

  private world(): World {
    return {
      read: () => this.state,
      write: (state) => {
        this.maybeCut()
        this.state = JSON.parse(JSON.stringify(state)) as AutoState
        this.maybeCut()
      },
      facts: () => this.facts(),
      run: (task) => Promise.resolve(this.run(task)),
      clear: (state) => {
        this.maybeCut()
        this.profile = this.mended = false
        if (state.forget) this.plan = false
        this.recorded = []
        this.maybeCut()
        this.state = undefined
        this.maybeCut()
        this.units = false
      },
    }
  }

  facts(): Facts {
    const { recording, preload, profile, plan, mended, recorded, order, outcome } = this
    return {
      now: this.now(),
      recording,
      preload,
      profile,
      plan,
      mended,
      recorded,
      ...(order && { order }),
      ...(outcome && { outcome }),
    }
  }

  private run(task: Task): Ended {
    this.maybeCut()
    if (this.random.fraction() < this.failures) return { status: 1, message: `${task} failed` }
    this.log.push(task)
    switch (task) {
      case 'record':
        this.recording = true
        break
      case 'unrecord':
        this.recording = false
        break
      case 'merge':
        this.profile = true
        break
      case 'preload':
        this.preload = true
        break
      case 'unpreload':
        this.preload = false
        break
      case 'order':
        this.order = { command: 'pack', made: this.now(), drifted: false }
        break
      case 'mend':
        if (this.random.fraction() < 0.5) return { status: 4 }
        this.order = { command: 'pack', made: this.now(), drifted: true }
        break
      case 'undo':
        this.order = { command: 'undo', made: this.now(), drifted: false }
        break
      case 'cancel':
        this.order = undefined
        break
    }
    this.maybeCut()
    return { status: task === 'record' ? 3 : 0 }
  }

  private goDown(): void {
    const { order } = this
    if (!order) return
    const chance = this.random.fraction()
    if (chance < 0.2) {
      this.outcome = { command: order.command, kind: 'not-this-time', when: this.now(), armed: true, reason: 'battery' }
      return
    }
    if (order.command === 'undo') this.layout = 'aged'
    else {
      this.layout = 'packed'
      if (order.drifted) this.mended = true
      else {
        this.plan = true
        this.packings++
      }
    }
    // The power may go when all is moved and nothing is written down yet: then it is done once more.
    this.maybeCut()
    this.outcome = { command: order.command, kind: chance < 0.4 ? 'partial' : 'done', when: this.now(), armed: false }
    this.order = undefined
  }

  private maybeCut(): void {
    this.clock += 1000
    if (this.random.fraction() < this.cuts) throw new PowerCut()
  }

  private now(): string {
    return new Date(this.clock).toISOString()
  }
}
