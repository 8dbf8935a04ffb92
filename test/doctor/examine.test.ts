import { expect } from 'chai'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deviceAt } from '../../src/doctor/device-kind.js'
import { examine, freeSpaceHistogram } from '../../src/doctor/examine.js'
import { engines } from '../../src/engines.js'
import { blockRun } from '../../src/layout/run.js'
import { makeImage } from '../support/images.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

describe('doctor', () => {
  const scratch = scratchFolder()
  after(scratch.remove)

  it('describes an image and counts its free space as e2freefrag does', async function () {
    needTools(this, 'mke2fs', 'e2freefrag')
    const image = join(scratch.path, 'a.img')
    makeImage(image, { size: 64 << 20, blockSize: 4096 })
    const hash = createHash('sha256').update(readFileSync(image)).digest('hex')
    const found = await examine(image, engines)
    expect(found.refusals).to.deep.equal([])
    expect(found.engine).to.equal('ext4-image')
    const { stdout } = run('e2freefrag', [image])
    expect(found.filesystem!.freeBlocks).to.equal(Number(/Free blocks: (\d+)/.exec(stdout)![1]))
    expect(createHash('sha256').update(readFileSync(image)).digest('hex'), 'nothing was written').to.equal(hash)
  })

  it('says why an image cannot be packed, and how it could', async function () {
    needTools(this, 'mke2fs', 'debugfs')
    const image = join(scratch.path, 'errors.img')
    makeImage(image, { size: 16 << 20, debugfs: ['ssv state 2'] })
    const found = await examine(image, engines)
    expect(found.refusals.map(({ doing, code }) => [doing, code])).to.deep.equal([['write', 'has-errors']])
    expect(found.refusals[0]!.next).to.match(/e2fsck/)
    expect(found.verdict).to.match(/cannot be packed as it is/)
  })

  it('says what something else is', async () => {
    const file = join(scratch.path, 'text')
    writeFileSync(file, 'no filesystem')
    const found = await examine(file, engines)
    expect(found.refusals[0]).to.include({ doing: 'read' })
    expect(found.filesystem).to.equal(undefined)
  })

  it('tells disks apart by what sysfs says of them', () => {
    const make = (name: string, rotational: string, partition?: string): string => {
      const folder = join(scratch.path, 'sys/devices', name)
      mkdirSync(join(folder, 'queue'), { recursive: true })
      writeFileSync(join(folder, 'queue/rotational'), `${rotational}\n`)
      if (partition) mkdirSync(join(folder, partition))
      const link = join(scratch.path, `link-${name}`)
      symlinkSync(partition ? join(folder, partition) : folder, link)
      return link
    }
    expect(deviceAt(make('sda', '1', 'sda2'))).to.deep.equal({ kind: 'rotational', name: 'sda' })
    expect(deviceAt(make('nvme0n1', '0'))).to.deep.equal({ kind: 'solid-state', name: 'nvme0n1' })
    expect(deviceAt(make('nbd3', '0'))).to.deep.equal({ kind: 'network', name: 'nbd3' })
    expect(deviceAt(make('vda', '1'))).to.deep.equal({ kind: 'virtual', name: 'vda' })
    expect(deviceAt(join(scratch.path, 'absent'))).to.deep.equal({ kind: 'unknown' })
  })

  it('puts free runs into classes by powers of two', () => {
    expect(freeSpaceHistogram([1, 2, 3, 4, 7, 8].map((length, i) => blockRun(i * 100, length)))).to.deep.equal([
      { least: 1, most: 1, runs: 1, blocks: 1 },
      { least: 2, most: 3, runs: 2, blocks: 5 },
      { least: 4, most: 7, runs: 2, blocks: 11 },
      { least: 8, most: 15, runs: 1, blocks: 8 },
    ])
  })
})
