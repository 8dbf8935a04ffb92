import { expect } from 'chai'
import { BootpackError } from '../../src/errors.js'
import { applyPlan, undoPlan } from '../../src/pack/apply-plan.js'
import { packVolume } from '../../src/pack/pack-volume.js'
import { progressOf } from '../../src/pack/plan-progress.js'
import { verifyPlan } from '../../src/pack/verify-plan.js'
import { createPlan } from '../../src/plan/create-plan.js'
import { parsePlan, planText } from '../../src/plan/plan-file.js'
import type { Plan } from '../../src/plan/plan.js'
import { PaperDisk } from '../support/paper-disk.js'
import { Killed, PaperVolume } from '../support/paper-volume.js'
import { Random } from '../support/random.js'

const options = { target: 'paper', evict: true, metadata: true, goal: 100 } as const

async function plannedDisk(
  seed: number,
  used = 0.9,
): Promise<{ volume: PaperVolume; plan: Plan; trace: { kind: 'data'; path: string; off: number }[] }> {
  const disk = new PaperDisk({ seed, blocks: 2500, used, longestPiece: 10 })
  const volume = new PaperVolume(disk)
  const order = disk.random.shuffled(Array.from({ length: disk.files }, (_, i) => i + 1)).slice(0, 20)
  const trace = order.map((inode) => ({ kind: 'data' as const, path: `/${inode}`, off: 0 }))
  return { volume, trace, plan: (await createPlan(volume, trace, options)).plan }
}

const pictureOf = (volume: PaperVolume): string => JSON.stringify(volume.disk.held)

async function untilKilled(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof Killed)) throw error
  }
}

describe('applying a plan', () => {
  it('finishes a plan that was killed at any point, however often', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const { volume, plan } = await plannedDisk(seed, seed % 2 ? 0.97 : 0.8)
      const random = new Random(seed)
      for (let kill = 0; kill < 4; kill++) {
        volume.movesLeft = random.between(0, 60)
        await untilKilled(applyPlan(plan, volume, { force: false }))
      }
      volume.movesLeft = Infinity
      const result = await applyPlan(plan, volume, { force: false })
      expect(result, `seed ${seed}`).to.include({ begun: true, complete: true, interrupted: false })
      expect(await verifyPlan(plan, volume), `seed ${seed}`).to.include({ complete: true })
    }
  })

  it('undoes a plan exactly, from wherever it was killed', async () => {
    for (let seed = 20; seed <= 32; seed++) {
      const { volume, plan } = await plannedDisk(seed, seed % 2 ? 0.97 : 0.8)
      const before = pictureOf(volume)
      const random = new Random(seed)
      volume.movesLeft = random.between(0, plan.rounds.flat().length + 10)
      await untilKilled(applyPlan(plan, volume, { force: false }))
      volume.movesLeft = random.between(0, 20)
      await untilKilled(undoPlan(plan, volume, {}))
      volume.movesLeft = Infinity
      const result = await undoPlan(plan, volume, {})
      expect(result.complete, `seed ${seed}`).to.equal(true)
      expect(pictureOf(volume), `seed ${seed}`).to.equal(before)
    }
  })

  it('tries again what could not be moved, as long as some of it can, there and back', async () => {
    for (let seed = 60; seed <= 72; seed++) {
      const { volume, plan } = await plannedDisk(seed, 0.7)
      const before = pictureOf(volume)
      const random = new Random(seed)
      // In the first pass only: one that moves nothing is the last.
      let asked = 0
      volume.refuses = () => asked++ < plan.rounds.flat().length && random.chance(0.3)
      const there = await applyPlan(plan, volume, { force: false })
      expect(there, `seed ${seed}`).to.include({ complete: true, interrupted: false })
      expect(there.unmoved, `seed ${seed}`).to.deep.equal([])
      expect(there.movedBlocks, `seed ${seed}`).to.equal(
        plan.rounds.flat().reduce((sum, { length }) => sum + length, 0),
      )
      expect((await undoPlan(plan, volume, {})).complete, `seed ${seed}`).to.equal(true)
      expect(pictureOf(volume), `seed ${seed}`).to.equal(before)
    }
  })

  it('ends when nothing more can be moved, and names it once', async () => {
    const { volume, plan } = await plannedDisk(73)
    const stuck = plan.rounds.flat().at(-1)!.inode
    let asked = 0
    volume.refuses = ({ inode }) => {
      asked++
      return inode === stuck
    }
    const result = await applyPlan(plan, volume, { force: false })
    expect(result.complete).to.equal(false)
    expect(result.unmoved.map(({ inode }) => inode)).to.include(stuck)
    const names = result.unmoved.map((run) => JSON.stringify(run))
    expect(names.length).to.be.at.most(plan.rounds.flat().length)
    expect(asked).to.be.at.most(plan.rounds.flat().length * 4)
  })

  it('undoes what it can and names what it cannot when an old place was taken', async () => {
    const { volume, plan } = await plannedDisk(40)
    await applyPlan(plan, volume, { force: false })
    const lost = plan.rounds.flat().find(({ from }) => volume.disk.held[from] === undefined)!
    volume.disk.held[lost.from] = { inode: 999_999, logical: 0 }
    const result = await undoPlan(plan, volume, {})
    expect(result.complete).to.equal(false)
    expect(result.unmoved.map(({ inode }) => inode)).to.include(lost.inode)
    expect(result.unmoved[0]!.reason).to.equal('taken')
  })

  it('stops between moves when asked and says so', async () => {
    const { volume, plan } = await plannedDisk(41)
    const aborter = new AbortController()
    const result = await applyPlan(plan, volume, {
      force: false,
      signal: aborter.signal,
      onProgress: () => aborter.abort(),
    })
    expect(result).to.include({ interrupted: true, complete: false })
    expect(await applyPlan(plan, volume, { force: false })).to.include({ complete: true })
  })

  it('refuses a plan for files that somebody else moved since', async () => {
    const { volume, plan } = await plannedDisk(42)
    const move = plan.rounds[0]![0]!
    const free = volume.disk.held.findIndex((held) => held === undefined)
    volume.disk.held[free] = volume.disk.held[move.from]
    volume.disk.held[move.from] = undefined
    const before = pictureOf(volume)
    let thrown: unknown
    await applyPlan(plan, volume, { force: false }).catch((error: unknown) => {
      thrown = error
    })
    expect(thrown).to.be.instanceOf(BootpackError).with.property('code', 'stale-plan')
    expect(pictureOf(volume)).to.equal(before)
  })

  it('leaves such files where they are on a filesystem in use, and moves the others', async () => {
    const { volume, plan } = await plannedDisk(42)
    volume.atRest = false
    const move = plan.rounds[0]![0]!
    const targets = new Set<number>(
      plan.rounds.flat().flatMap(({ to, length }) => Array.from({ length }, (_, i) => to + i)),
    )
    const free = volume.disk.held.findIndex((held, block) => held === undefined && !targets.has(block))
    volume.disk.held[free] = volume.disk.held[move.from]
    volume.disk.held[move.from] = undefined
    const result = await applyPlan(plan, volume, { force: false })
    expect(result).to.include({ begun: true, complete: false, interrupted: false })
    expect(result.unmoved.map(({ inode, kind, reason }) => [inode, kind, reason])).to.deep.include([
      move.inode,
      move.kind,
      'changed',
    ])
    expect(result.movedBlocks).to.be.above(0)
    expect(volume.disk.held[free], 'the block somebody moved').to.deep.include({ inode: move.inode })
  })

  it('refuses a plan for another filesystem', async () => {
    const { plan } = await plannedDisk(43)
    const other = new PaperVolume(new PaperDisk({ seed: 1, blocks: 1000, used: 0.5, longestPiece: 4 }))
    let thrown: unknown
    await applyPlan(plan, other, { force: false }).catch((error: unknown) => {
      thrown = error
    })
    expect(thrown).to.be.instanceOf(BootpackError).with.property('code', 'other-volume')
  })

  it('writes nothing when nothing is gained, unless forced', async () => {
    const { volume, plan, trace } = await plannedDisk(44)
    await applyPlan(plan, volume, { force: false })
    const before = pictureOf(volume)
    const again = await packVolume(volume, trace, { ...options, force: false, dryRun: false })
    expect(again.worthwhile).to.equal(false)
    expect(again.applied).to.equal(undefined)
    expect(pictureOf(volume)).to.equal(before)
  })

  it('measures after packing what it predicted before', async () => {
    const { volume, trace } = await plannedDisk(45)
    const { plan, after } = await packVolume(volume, trace, { ...options, force: false, dryRun: false })
    expect(after).to.deep.equal(plan.measure.predicted)
    expect((await progressOf(plan, volume)).remaining).to.deep.equal([])
  })
})

describe('a plan file', () => {
  it('survives a round trip and is the same for the same input', async () => {
    const { plan } = await plannedDisk(50)
    const text = planText(plan)
    expect(parsePlan(text)).to.deep.equal(JSON.parse(JSON.stringify(plan)))
    expect(planText((await plannedDisk(50)).plan)).to.equal(text)
    expect(planText(parsePlan(text))).to.equal(text)
  })

  it('is refused with the move that is wrong', async () => {
    const { plan } = await plannedDisk(51)
    const broken = (
      change: (copy: { rounds: Record<string, unknown>[][] } & Record<string, unknown>) => void,
    ): string => {
      const copy = JSON.parse(planText(plan)) as { rounds: Record<string, unknown>[][] } & Record<string, unknown>
      change(copy)
      return JSON.stringify(copy)
    }
    const cases: [string, string, RegExp][] = [
      ['a plan that ends too early', planText(plan).slice(0, -100), /not complete JSON/],
      [
        'another version',
        broken((copy) => {
          copy['version'] = 2
        }),
        /version 1/,
      ],
      [
        'a block outside',
        broken((copy) => {
          copy.rounds[0]![0]!['to'] = 1e9
        }),
        /move 1 of round 1: lies outside/,
      ],
      [
        'a negative block',
        broken((copy) => {
          copy.rounds[0]![0]!['from'] = -1
        }),
        /from is not a whole number/,
      ],
      [
        'a run outside',
        broken((copy) => {
          copy['runs'] = [{ start: 5, length: 1e9 }]
        }),
        /run 1 lies outside/,
      ],
      [
        'a run without a start',
        broken((copy) => {
          copy['runs'] = [{ length: 1 }]
        }),
        /run 1 lies outside/,
      ],
      [
        'a run that is none',
        broken((copy) => {
          copy['runs'] = [null]
        }),
        /run 1 is missing or no object/,
      ],
      [
        'an unknown kind',
        broken((copy) => {
          copy.rounds[0]![0]!['kind'] = 'inode'
        }),
        /unknown kind/,
      ],
      [
        'two moves to one place',
        broken((copy) => {
          copy.rounds[0]!.push(copy.rounds[0]![0]!)
        }),
        /another move's target/,
      ],
      [
        'a target that is a source',
        broken((copy) => {
          copy.rounds[0]!.push({ ...copy.rounds[0]![0]!, to: copy.rounds[0]![0]!['from'], from: 0 })
        }),
        /also a source/,
      ],
    ]
    for (const [name, text, problem] of cases) {
      expect(() => parsePlan(text), name)
        .to.throw(BootpackError, problem)
        .with.property('exitCode', 6)
    }
  })

  it('is bad usage when it is none, and not supported when it is of a later version', async () => {
    const { plan } = await plannedDisk(51)
    for (const text of [
      '',
      '{',
      '[]',
      'null',
      '7',
      '/etc/fstab\n',
      '{"bootpack":"trace","version":1}',
      '\0'.repeat(99),
    ])
      expect(() => parsePlan(text), JSON.stringify(text))
        .to.throw(BootpackError, /is no plan/)
        .with.property('exitCode', 2)
    expect(() => parsePlan(planText({ ...plan, version: 3 as never })))
      .to.throw(BootpackError, /The plan has version 3; this bootpack reads versions 1 and 2/)
      .with.property('exitCode', 5)
  })
})
