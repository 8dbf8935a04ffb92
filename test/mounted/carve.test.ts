import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { pageSize } from '../../src/kernel/page-size.js'
import { syncFilesystem } from '../../src/kernel/syncfs.js'
import { fileBlock, fsBlock } from '../../src/layout/block.js'
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import { AllocatorSettings } from '../../src/mounted/settings/allocator-settings.js'
import { carveFile } from '../../src/mounted/exchange/swap-in.js'
import { claimBlocks } from '../../src/mounted/reserve/claim.js'
import { Holdings } from '../../src/mounted/reserve/reservation.js'
import { openLive } from '../../src/mounted/engine/open.js'
import { SettingsRecord } from '../../src/mounted/settings/record.js'
import { freeSpace } from '../../src/mounted/view/space-map.js'
import { resolveTarget } from '../../src/volume/target.js'
import { filefrag, loopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools } from '../support/tools.js'

/** Says that it holds everything, so that a move is begun that cannot be finished. */
class Boastful extends Holdings {
  override holds(_run: BlockRun): boolean {
    return true
  }
}

describe('live: a move that cannot be finished', () => {
  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'e2fsck', 'filefrag')
  })

  for (const blockSize of [4096, 1024]) {
    it(`is taken back whole, with ${blockSize} byte blocks`, async () => {
      const mount = loopMount({ size: 128 << 20, blockSize })
      const record = SettingsRecord.open('7:999998')
      try {
        const path = join(mount.path, 'file')
        const fd = openSync(path, 'w')
        const contents = Buffer.concat(Array.from({ length: 40 }, (_, n) => Buffer.alloc(blockSize, n + 1)))
        writeSync(fd, contents)
        closeSync(fd)
        const volume = await openLive(resolveTarget(mount.path), false)
        const geometry = volume.geometry()
        await volume.close()
        const before = filefrag(path)
        expect(before).to.have.length(1)
        const root = openSync(mount.path, constants.O_RDONLY | constants.O_DIRECTORY)
        const holdings = new Boastful(mount.path, blockSize)
        syncFilesystem(root)
        const hole = freeSpace(root, blockSize, blockRun(0, geometry.blockCount)).longest()!
        // All but the last five blocks of the target; begun in the middle of a page.
        const to = hole.start + 101
        const settings = new AllocatorSettings(mount.sysfs, record, geometry.groupCount)
        expect(claimBlocks({ root, geometry, holdings, settings }, RunSet.of([blockRun(to, 25)])).size).to.equal(0)
        const file = openSync(path, 'r')
        const inode = fstatSync(file).ino
        closeSync(file)
        const held = [...holdings.blocks()]
        const move = (logical: number, length: number) => ({
          inode,
          kind: 'data' as const,
          logical: fileBlock(logical),
          length,
          from: fsBlock(before[0]!.physical + logical),
          to: fsBlock(to),
        })
        const carve = (logical: number, length: number) => {
          const carved = carveFile(
            {
              root,
              blockSize,
              blocksPerPage: pageSize() / blockSize,
              holdings,
              swapFiles: new Set(),
              onMoved: () => {},
            },
            inode,
            [move(logical, length)],
          )
          syncFilesystem(root)
          carved.finish()
          return carved.outcomes[0]
        }
        expect(carve(3, 30)).to.include({ status: 'skipped', reason: 'taken' })
        expect(filefrag(path)).to.deep.equal(before)
        expect([...holdings.blocks()]).to.deep.equal(held)
        // What is held is as good as before.
        expect(carve(2, 25)).to.include({ status: 'moved' })
        expect(filefrag(path).find(({ logical }) => logical === 2)).to.include({ physical: to, length: 25 })
        expect(readFileSync(path).equals(contents)).to.equal(true)
        holdings.close()
        closeSync(root)
        mount.check()
        mount.mount()
        expect(readFileSync(path).equals(contents)).to.equal(true)
      } finally {
        record.close()
        mount.remove()
      }
    })
  }
})
