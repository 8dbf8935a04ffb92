import { join } from 'node:path'
import { expect } from 'chai'
import { openImage } from '../../src/ext4/engine/open-image.js'
import { openLive } from '../../src/mounted/engine/open.js'
import { undoPlan } from '../../src/pack/apply-plan.js'
import { packVolume } from '../../src/pack/pack-volume.js'
import { createPlan, type PlanOptions } from '../../src/plan/create-plan.js'
import { resolveTarget } from '../../src/volume/target.js'
import type { Volume } from '../../src/volume/volume.js'
import { filefrags, loopMount, type LoopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools } from '../support/tools.js'
import { age, differences, footprints, randomFrom } from './aged.js'

const block = 4096

describe('live: packing', () => {
  let master: LoopMount
  let paths: string[]

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'e2fsck', 'filefrag')
    master = loopMount({ size: 256 << 20, blockSize: block })
    const random = randomFrom(17)
    paths = age(master.path, { blockSize: block, crumbs: 9000, files: 200, seed: 17 })
      .filter(() => random() < 0.7)
      .sort(() => random() - 0.5)
    master.unmount()
  })
  after(() => master?.remove())

  const trace = (): { path: string; off: number; kind: 'data' }[] =>
    paths.map((path) => ({ path, off: 0, kind: 'data' }))
  const options = (more: Partial<PlanOptions>): PlanOptions => ({
    target: 'here',
    evict: true,
    metadata: false,
    ...more,
  })

  function places(mount: LoopMount, of: readonly string[]): Map<string, string> {
    const fragments = filefrags(of.map((path) => join(mount.path, path)))
    return new Map(of.map((path) => [path, JSON.stringify(fragments.get(join(mount.path, path)))]))
  }

  function breaks(mount: LoopMount): number {
    let [count, end] = [0, -1]
    for (const fragments of filefrags(paths.map((path) => join(mount.path, path))).values()) {
      for (const { physical, length } of fragments) {
        if (end >= 0 && physical !== end) count++
        end = physical + length
      }
    }
    return count
  }

  it('plans on a mounted filesystem what it plans on its image', async () => {
    for (const more of [
      { evict: true },
      { evict: false },
      { evict: true, goal: 9000 },
      { evict: true, goal: 'auto' as const },
      { evict: true, directory: '/folder2' },
    ]) {
      const mount = loopMount(master.image)
      const live = await openLive(resolveTarget(mount.path), false)
      const fromLive = (await createPlan(live, trace(), options(more))).plan
      await live.close()
      mount.remove()
      const image = await openImage(master.image, { write: false })
      // The image engine could move more kinds of blocks: as one that cannot, it decides the same.
      const asLive = new Proxy(image, {
        get: (target, name: keyof Volume) => {
          const value = name === 'moves' ? live.moves : target[name]
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      const fromImage = (await createPlan(asLive, trace(), options(more))).plan
      await image.close()
      expect(fromLive.rounds.flat().length, JSON.stringify(more)).to.be.above(50)
      const { partition: _, ...identity } = fromImage.volume
      expect(fromLive.volume).to.deep.equal(identity)
      for (const key of Object.keys(fromImage) as (keyof typeof fromImage)[]) {
        if (key !== 'volume')
          expect(JSON.stringify(fromLive[key]), `${key} with ${JSON.stringify(more)}`).to.equal(
            JSON.stringify(fromImage[key]),
          )
      }
    }
  })

  it('leaves no break, moves others out of the way, and undoes it all', async () => {
    const mount = loopMount(master.image)
    try {
      const before = footprints(mount.path)
      const everybody = [...before.keys()].filter((path) => path !== '/')
      const placed = places(mount, everybody)
      const settings = mount.settings()
      expect(breaks(mount)).to.be.above(100)
      // In the middle of the small files that were kept.
      const crumbs = everybody.filter((path) => path.startsWith('/crumbs/'))
      const starts = [...filefrags(crumbs.map((path) => join(mount.path, path))).values()]
        .map((fragments) => fragments[0]!.physical)
        .sort((a, b) => a - b)
      const goal = starts[Math.floor(starts.length / 2)]!
      const volume = await openLive(resolveTarget(mount.path), true)
      const { plan, applied, after } = await packVolume(volume, trace(), {
        ...options({ goal }),
        force: false,
        dryRun: false,
      })
      expect(plan.cost.evictedBlocks).to.be.above(100)
      expect(applied).to.include({ complete: true, interrupted: false })
      expect(applied!.unmoved).to.deep.equal([])
      expect(after!.seeks).to.equal(0)
      expect(breaks(mount)).to.equal(0)
      const undone = await undoPlan(plan, volume, {})
      expect(undone.unmoved).to.deep.equal([])
      await volume.close()
      expect(places(mount, everybody)).to.deep.equal(placed)
      expect(mount.settings()).to.deep.equal(settings)
      expect(differences(before, footprints(mount.path), true)).to.deep.equal([])
      mount.check()
    } finally {
      mount.remove()
    }
  })
})
