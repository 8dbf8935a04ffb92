import { expect } from 'chai'
import { decide, mostTries, resume, settle } from '../../src/auto/machine.js'
import { parseState, steps, type AutoState } from '../../src/auto/state.js'
import { Random } from '../support/random.js'
import { ModelledMachine } from './modelled-machine.js'

const rounds = 300

describe('auto', () => {
  it('takes each step once where nothing goes wrong', async () => {
    const machine = new ModelledMachine(new Random(1))
    await machine.goOn()
    for (let n = 0; n < 12; n++) await machine.boot()
    expect(machine.log.slice(0, 5)).to.deep.equal(['record', 'merge', 'preload', 'order', 'unrecord'])
    expect(machine.log.slice(5).every((task) => task === 'mend')).to.equal(true)
    expect(machine.packings).to.equal(1)
    expectWatching(machine)
  })

  it('comes to the same end whenever the power goes', async function () {
    this.timeout(60_000)
    for (let seed = 1; seed <= rounds; seed++) {
      const machine = new ModelledMachine(new Random(seed))
      machine.cuts = 0.02 + (seed % 5) * 0.03
      for (let n = 0; n < 25; n++) await machine.boot()
      machine.cuts = 0
      for (let n = 0; n < 20; n++) await machine.boot()
      expectWatching(machine, seed)
    }
  })

  it('never orders packing while it is ordered, and never packs whole what is packed but after a cut', async () => {
    for (let seed = 1; seed <= rounds; seed++) {
      const machine = new ModelledMachine(new Random(seed))
      for (let n = 0; n < 30; n++) await machine.boot()
      expect(
        machine.log.filter((task) => task === 'order'),
        `seed ${seed}`,
      ).to.have.length(1)
      expect(machine.packings).to.equal(1)
    }
  })

  it('takes everything back but the layout and its plan, from any step, whenever the power goes', async () => {
    for (let seed = 1; seed <= rounds; seed++) {
      const machine = await somewhere(seed)
      machine.state = { ...machine.state!, step: 'clearing', tries: 0 }
      const { layout, plan } = machine
      await backToRest(machine)
      expect(machine.state, `seed ${seed}`).to.equal(undefined)
      expect([machine.recording, machine.preload, machine.profile, machine.units]).to.deep.equal([
        false,
        false,
        false,
        false,
      ])
      expect(machine.order).to.equal(undefined)
      // What was ordered may have been carried out by a shutdown that came before it was taken back.
      if (layout === 'packed') expect(machine.layout).to.equal('packed')
      if (plan) expect(machine.plan).to.equal(true)
    }
  })

  it('takes the layout back, too, when asked to', async () => {
    for (let seed = 1; seed <= rounds; seed++) {
      const machine = await somewhere(seed)
      machine.state = { ...machine.state!, step: 'undoing', forget: true, tries: 0 }
      await backToRest(machine)
      expect(machine.state, `seed ${seed}`).to.equal(undefined)
      expect([machine.layout, machine.plan, machine.preload, machine.recording]).to.deep.equal([
        'aged',
        false,
        false,
        false,
      ])
    }
  })

  it('leaves alone what was there before', async () => {
    const machine = new ModelledMachine(new Random(3))
    machine.recording = machine.preload = true
    machine.state = { ...machine.state!, ours: { recording: false, preload: false, folders: [] } }
    for (let n = 0; n < 20; n++) await machine.boot()
    machine.state = { ...machine.state, step: 'clearing' }
    await backToRest(machine)
    expect([machine.recording, machine.preload]).to.deep.equal([true, true])
  })

  it('halts when a step fails again and again, and goes on when somebody says so', async () => {
    const machine = new ModelledMachine(new Random(4))
    machine.failures = 1
    for (let n = 0; n < mostTries; n++) await machine.boot()
    expect(machine.state).to.deep.include({ step: 'halted', from: 'recording' })
    expect(machine.state!.trouble).to.deep.equal({ message: 'record failed' })
    machine.failures = 0
    machine.state = resume(machine.state!)
    for (let n = 0; n < 20; n++) await machine.boot()
    expectWatching(machine)
  })

  it('packs without reading in advance where that cannot be had', () => {
    let state: AutoState = { ...new ModelledMachine(new Random(5)).state!, step: 'preloading' }
    for (let n = 0; n < mostTries; n++) state = settle(state, 'preload', { status: 5, message: 'no form' })
    expect(state).to.deep.include({ step: 'ordering', trouble: { message: 'no form' }, tries: 0 })
  })

  it('does not wait where waiting is no help', () => {
    const state: AutoState = { ...new ModelledMachine(new Random(6)).state!, step: 'ordering' }
    const after = settle(state, 'order', {
      status: 5,
      code: 'takes-too-long',
      message: 'It would take 400 s.',
      next: 'Allow more.',
    })
    expect(after).to.deep.include({
      step: 'halted',
      from: 'ordering',
      trouble: { message: 'It would take 400 s.', next: 'Allow more.' },
    })
  })

  it('waits while somebody else has ordered something', () => {
    const machine = new ModelledMachine(new Random(7))
    const state: AutoState = { ...machine.state!, step: 'ordering' }
    const facts = { ...machine.facts(), order: { command: 'apply', made: '2020-01-01T00:00:00.000Z' } }
    expect(decide(state, facts).kind).to.equal('wait')
  })

  it('reads its state back as it was written, and takes nothing else for it', () => {
    const state = new ModelledMachine(new Random(8)).state!
    for (const step of steps) {
      const each: AutoState = { ...state, step, ...(step === 'halted' && { from: 'merging' as const }) }
      expect(parseState(JSON.stringify(each))).to.deep.equal(each)
    }
    const text = JSON.stringify(state)
    for (let length = 0; length < text.length; length++) expect(parseState(text.slice(0, length))).to.equal(undefined)
    for (const bad of [
      'null',
      '[]',
      '{"version":2}',
      JSON.stringify({ ...state, step: 'else' }),
      JSON.stringify({ ...state, begun: 'x' }),
    ])
      expect(parseState(bad)).to.equal(undefined)
  })
})

function expectWatching(machine: ModelledMachine, seed = 0): void {
  expect(machine.state?.step, `seed ${seed}: ${machine.log.join(' ')}`).to.equal('watching')
  expect(machine.layout).to.equal('packed')
  expect([machine.preload, machine.plan, machine.recording]).to.deep.equal([true, true, false])
}

/** A machine that has come as far as it has, and may lose its power further on. */
async function somewhere(seed: number): Promise<ModelledMachine> {
  const random = new Random(seed)
  const machine = new ModelledMachine(random)
  machine.cuts = 0.05
  const many = Math.floor(random.fraction() * 20)
  for (let n = 0; n < many; n++) await machine.boot()
  return machine
}

async function backToRest(machine: ModelledMachine): Promise<void> {
  for (let n = 0; n < 15; n++) await machine.boot()
  machine.cuts = 0
  for (let n = 0; n < 15; n++) await machine.boot()
}
