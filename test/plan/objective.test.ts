import { expect } from 'chai'
import { blockRun } from '../../src/layout/run.js'
import { diskModels, modelOf } from '../../src/measure/disk-model.js'
import { measureLayout } from '../../src/measure/measure.js'
import { bootsPerPacking, noticeableShare, objectiveFor } from '../../src/plan/objective.js'
import { bootItems } from '../../src/plan/resolve/boot-items.js'
import { pack } from '../../src/plan/place/packing.js'
import { PaperDisk, paperTrees } from '../support/paper-disk.js'

describe('the objective', () => {
  const disk = new PaperDisk({ seed: 3, blocks: 3000, used: 0.7, longestPiece: 8 })
  const boot = disk.bootOf([3, 9, 4, 17, 1, 30])
  const { items } = bootItems(boot, new Set(['data']), { metadata: true, granularity: 'file', trees: paperTrees })
  const geometry = disk.geometry()

  for (const model of diskModels) {
    it(`weighs boots saved against writing on ${model.name}, every number from the model`, () => {
      const objective = objectiveFor(model)
      const packing = pack(disk.snapshot(), {
        boot,
        items,
        goal: blockRun(1000, 1).start,
        exact: false,
        evict: true,
        objective,
      })!
      const before = measureLayout(boot.reads, boot.layout, geometry, 0, [model])
      const ways = packing.rounds.flatMap((round) =>
        round.flatMap(({ from, to, length }) => [blockRun(from, length), blockRun(to, length)]),
      )
      const writing = model.milliseconds(ways, geometry.blockSize, geometry.blockCount)
      const after = packing.predicted.modelMs[model.name]!
      expect(writing).to.be.greaterThan(0)
      expect(objective.totalMs(packing, geometry)).to.be.closeTo(bootsPerPacking * after + writing, 1e-9)
      const balance = objective.weigh({
        measure: { before, predicted: packing.predicted },
        rounds: packing.rounds,
        cost: packing.cost,
        volume: geometry,
      })
      const net = bootsPerPacking * (before.modelMs[model.name]! - after) - writing
      expect(balance.netMs).to.be.closeTo(net, 1e-9)
      expect(balance.worthIt).to.equal(net > 0)
    })
  }

  it('calls better only what falls by more than a model can tell apart', () => {
    const { isBetter } = objectiveFor()
    const measure = measureLayout(boot.reads, boot.layout, geometry)
    const with_ = (ms: number): typeof measure => ({ ...measure, modelMs: { ...measure.modelMs, 'hdd-7200': ms } })
    expect(isBetter(with_(1000 * (1 - noticeableShare) - 0.01), with_(1000))).to.equal(true)
    expect(isBetter(with_(1000 * (1 - noticeableShare)), with_(1000))).to.equal(false)
    expect(isBetter(with_(1000), with_(1000))).to.equal(false)
  })

  it('measures by a disk of one’s own besides those everybody is shown, and by no disk that was not measured', () => {
    const own = modelOf({ kind: 'flash', name: 'my-card', requestMs: 2, megabytesPerSecond: 10, source: 'test' })
    const objective = objectiveFor(own)
    const measure = measureLayout(boot.reads, boot.layout, geometry, 0, objective.models)
    expect(Object.keys(measure.modelMs)).to.deep.equal([...diskModels.map(({ name }) => name), 'my-card'])
    expect(objective.bootMs(measure)).to.equal(measure.modelMs['my-card'])
    expect(() => objective.bootMs(measureLayout(boot.reads, boot.layout, geometry))).to.throw(TypeError, 'my-card')
  })
})
