import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { tryFallocate } from '../../src/kernel/fallocate.js'
import { fiemap } from '../../src/kernel/fiemap.js'
import { syncFilesystem } from '../../src/kernel/syncfs.js'
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import { AllocatorSettings } from '../../src/mounted/settings/allocator-settings.js'
import { pointAt } from '../../src/mounted/reserve/anchor.js'
import { heldBy } from '../../src/mounted/reserve/donor-file.js'
import { claimBlocks, type ClaimContext } from '../../src/mounted/reserve/claim.js'
import { Holdings } from '../../src/mounted/reserve/reservation.js'
import { openLive } from '../../src/mounted/engine/open.js'
import { SettingsRecord } from '../../src/mounted/settings/record.js'
import { freeSpace, groupRun } from '../../src/mounted/view/space-map.js'
import { resolveTarget } from '../../src/volume/target.js'
import { loopMount, type LoopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools, run } from '../support/tools.js'
import { age, randomFrom } from './aged.js'

const block = 4096

describe('live: claiming', () => {
  let mount: LoopMount
  let context: ClaimContext
  let record: SettingsRecord

  before(async function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'dumpe2fs')
    mount = loopMount({ size: 1 << 30, blockSize: block })
    age(mount.path, { blockSize: block, crumbs: 4000, files: 20, seed: 11 })
    const volume = await openLive(resolveTarget(mount.path), false)
    const geometry = volume.geometry()
    await volume.close()
    record = SettingsRecord.open('7:999999')
    context = {
      root: openSync(mount.path, constants.O_RDONLY | constants.O_DIRECTORY),
      geometry,
      holdings: new Holdings(mount.path, block),
      settings: new AllocatorSettings(mount.sysfs, record, geometry.groupCount),
    }
  })
  afterEach(() => {
    context.holdings.close()
    syncFilesystem(context.root)
  })
  after(() => {
    if (!mount) return
    closeSync(context.root)
    record.close()
    mount.check()
    mount.remove()
  })

  const all = (): BlockRun => blockRun(0, context.geometry.blockCount)
  const freeByDumpe2fs = (): RunSet => {
    syncFilesystem(context.root)
    return RunSet.of(
      [...run('dumpe2fs', [mount.device]).stdout.matchAll(/^ {2}Free blocks: (.*)$/gm)].flatMap(([, list]) =>
        [...list!.matchAll(/(\d+)(?:-(\d+))?/g)].map(([, from, to]) =>
          blockRun(Number(from), Number(to ?? from) - Number(from) + 1),
        ),
      ),
    )
  }

  it('gets every free block it is asked for, and nothing else stays held', () => {
    const random = randomFrom(5)
    const before = freeByDumpe2fs()
    const free = freeSpace(context.root, block, all())
    const wanted = new RunSet()
    for (const hole of free) {
      if (random() < 0.5) continue
      const from = Math.floor(random() * Math.min(hole.length, 200))
      wanted.add(blockRun(hole.start + from, 1 + Math.floor(random() * Math.min(300, hole.length - from))))
    }
    const settings = mount.settings()
    expect([...claimBlocks(context, wanted)]).to.deep.equal([])
    expect([...context.holdings.blocks()]).to.deep.equal([...wanted])
    expect(mount.settings()).to.deep.equal(settings)
    // dumpe2fs agrees that exactly these are gone; a handful of blocks may be in our own extent trees.
    const left = freeByDumpe2fs()
    for (const run of wanted) expect(left.intersects(run)).to.equal(false)
    expect(before.blocks - wanted.blocks - left.blocks).to.be.within(0, 20)
    context.holdings.close()
    expect([...freeByDumpe2fs()]).to.deep.equal([...before])
  })

  it('says what is in use', () => {
    syncFilesystem(context.root)
    const free = freeSpace(context.root, block, all())
    const hole = free.longest()!
    const wanted = RunSet.of([blockRun(hole.start, 10), blockRun(0, 3)])
    expect([...claimBlocks(context, wanted)]).to.deep.equal([blockRun(0, 3)])
    expect([...context.holdings.blocks()]).to.deep.equal([blockRun(hole.start, 10)])
  })

  it('reaches groups that one anchor does not, in leaps', () => {
    const { settings, holdings, geometry } = context
    settings.change()
    try {
      for (const target of [250_000, 90_000, 40_000, 1000]) {
        const group = groupRun(geometry, target)
        // Pretending that an anchor reaches little more than a group.
        const pointed = pointAt(group, holdings, 40_000)
        expect(pointed, String(target)).to.not.equal(undefined)
        if (target === 250_000) expect(pointed!.taken.length).to.be.above(5)
        // A request there lands in the group.
        expect(tryFallocate(pointed!.arena.fd, 'allocate', pointed!.logical * block, block)).to.equal(0)
        const [landed] = heldBy(pointed!.arena, pointed!.logical, 1, block)
        expect(landed!.start).to.be.within(group.start, group.start + group.length - 1)
        holdings.add(landed!)
        // What the holdings say is what the kernel says.
        for (const held of holdings.within(all())) {
          const [extent] = fiemap(held.arena.fd, { from: held.logical * block, to: (held.logical + 1) * block })
          expect(extent!.physical / block + held.logical - extent!.logical / block).to.equal(held.start)
        }
      }
    } finally {
      settings.restore()
    }
  })

  it('does what it can with few descriptors, and says what it could not', () => {
    const program = `
      import { openLive } from './src/mounted/engine/open.js'
      import { resolveTarget } from './src/volume/target.js'
      import { RunSet } from './src/layout/run-set.js'
      const volume = await openLive(resolveTarget(${JSON.stringify(mount.path)}), true)
      const free = RunSet.of(await volume.freeRuns(0, volume.geometry().blockCount))
      const holes = [...free]
      const moves = []
      for (const name of ${JSON.stringify(Array.from({ length: 300 }, (_, n) => `/many/f${n}`))}) {
        const { file } = await volume.lookup(name)
        const [extent] = await volume.extents(file)
        const hole = holes.shift()
        moves.push({ inode: file.inode, kind: 'data', logical: 0, length: 1, from: extent.physical, to: hole.start + hole.length - 1 })
      }
      const tally = {}
      for await (const { status, reason } of volume.relocate(moves, { reserved: [] })) tally[reason ?? status] = (tally[reason ?? status] ?? 0) + 1
      await volume.close()
      console.log(JSON.stringify(tally))`
    run('mkdir', [join(mount.path, 'many')])
    for (let n = 0; n < 300; n++) writeFileSync(join(mount.path, 'many', `f${n}`), Buffer.alloc(block, n))
    run('sync', ['--file-system', mount.path])
    const ran = run(
      'sh',
      ['-c', `ulimit -n 380 && exec "$0" --import=tsx --input-type=module -e "$1"`, process.execPath, program],
      { cwd: new URL('../..', import.meta.url).pathname },
    )
    const { moved = 0, 'no-space': none = 0 } = JSON.parse(ran.stdout) as Record<string, number>
    expect(moved + none).to.equal(300)
    expect(moved).to.be.above(50)
    for (let n = 0; n < 300; n++)
      expect(readFileSync(join(mount.path, 'many', `f${n}`)).equals(Buffer.alloc(block, n))).to.equal(true)
  })
})
