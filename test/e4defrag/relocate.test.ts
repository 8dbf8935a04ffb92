import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { filefrags, loopMount, type LoopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools, run } from '../support/tools.js'
import { age, differences, footprints } from '../mounted/aged.js'
import { e4defrag } from './run.js'

const block = 4096

/** Files in the order given: where one does not begin where the last one ended, by filefrag. */
function breaks(paths: readonly string[]): number {
  const fragments = filefrags(paths)
  let count = 0
  let end: number | undefined
  for (const path of paths) {
    for (const { physical, length } of fragments.get(path)!) {
      if (end !== undefined && physical !== end) count++
      end = physical + length
    }
  }
  return count
}

/** Regular files below a folder in the order of the walk: what readdir gives, unsorted, a folder when it is met. */
const walkOrder = (folder: string): string[] =>
  run('find', [folder, '-xdev', '-type', 'f', '-size', '+0', '-print0'])
    .stdout.split('\0')
    .filter((path) => path !== '')

const firstBlock = (mount: LoopMount, path: string): number =>
  Number(
    run('debugfs', ['-R', `blocks ${path}`, mount.device])
      .stdout.trim()
      .split(/\s+/)[0],
  )

describe('e4defrag -r', () => {
  let master: LoopMount

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'e2fsck', 'filefrag', 'debugfs', 'find')
    master = loopMount({ size: 256 << 20, blockSize: block })
    age(master.path, { blockSize: block, crumbs: 5000, files: 240, seed: 3 })
    master.unmount()
  })
  after(() => master?.remove())

  async function onCopy(work: (mount: LoopMount) => void): Promise<void> {
    const mount = loopMount(master.image)
    try {
      const settings = mount.settings()
      const before = footprints(mount.path)
      work(mount)
      expect(mount.settings()).to.deep.equal(settings)
      expect(differences(before, footprints(mount.path))).to.deep.equal([])
      mount.check()
      mount.mount()
      expect(differences(before, footprints(mount.path))).to.deep.equal([])
    } finally {
      mount.remove()
    }
  }

  it('puts the files below a directory behind each other in the order of the walk', () =>
    onCopy((mount) => {
      const folder = join(mount.path, 'folder3')
      const order = walkOrder(folder)
      expect(order).to.have.length.above(30)
      expect(breaks(order)).to.be.above(20)
      const printed = e4defrag(['-r', folder])
      expect(printed.error).to.equal('')
      expect(printed.status).to.equal(0)
      expect(breaks(order)).to.equal(0)
      expect(printed.out).to.contain(`Goal: block ${firstBlock(mount, '/folder3')}\n`)
      expect(printed.out).to.contain(`Success:\t\t\t[ ${order.length}/${order.length} ]`)
      expect(printed.out).to.match(/Breaks in this order:\t+\d+->0\n/)
      const again = e4defrag(['-r', folder])
      expect(again.out).to.contain('Nothing to do: they lie behind each other.')
      expect(again.status).to.equal(0)
      expect(breaks(order)).to.equal(0)
    }))

  it('moves others out of the way with -f, and lands nearer to the directory', () =>
    onCopy((mount) => {
      const folder = join(mount.path, 'folder3')
      const order = walkOrder(folder)
      const crumbs = readdirSync(join(mount.path, 'crumbs')).length
      expect(crumbs).to.be.above(100)
      const printed = e4defrag(['-rf', '-v', folder])
      expect(printed.error).to.equal('')
      expect(printed.status).to.equal(0)
      expect(breaks(order)).to.equal(0)
      const goal = firstBlock(mount, '/folder3')
      const start = filefrags(order).get(order[0]!)![0]!.physical
      expect(Math.abs(start - goal)).to.be.below(40_000)
      expect(printed.out.match(/\[ OK \]/g)).to.have.length(order.length)
      expect(printed.out).to.match(/ Run: \d+ blocks from \d+\n/)
    }))

  it('takes the order of a trace, and the rest behind it', () =>
    onCopy((mount) => {
      const folder = join(mount.path, 'folder5')
      const order = walkOrder(folder)
      const wanted = [order[30]!, order[2]!, order[17]!, order[5]!]
      const trace = join(mount.path, '..', 'order')
      writeFileSync(
        trace,
        [...wanted, '/nowhere', join(mount.path, 'folder1/file41')]
          .map((path) => path.slice(path.startsWith(mount.path) ? mount.path.length : 0))
          .join('\n') + '\n',
      )
      const printed = e4defrag(['-r', '--trace', trace, folder])
      expect(printed.status, printed.error).to.equal(0)
      expect(breaks([...wanted, ...order.filter((path) => !wanted.includes(path))])).to.equal(0)
    }))

  it('takes a whole device, and several directories', () =>
    onCopy((mount) => {
      const printed = e4defrag(['-r', join(mount.path, 'folder1'), join(mount.path, 'folder2')])
      expect(printed.status).to.equal(0)
      for (const name of ['folder1', 'folder2']) expect(breaks(walkOrder(join(mount.path, name)))).to.equal(0)
      expect(printed.out.match(/Success:/g)).to.have.length(2)
    }))

  it('refuses what it cannot do, and says so', () =>
    onCopy((mount) => {
      const file = join(mount.path, 'folder1', 'file41')
      expect(e4defrag(['-r', file])).to.include({ status: 1, error: `-r takes directories\n "${file}"\n` })
      mkdirSync(join(mount.path, 'vacant'))
      const vacant = e4defrag(['-r', join(mount.path, 'vacant')])
      expect(vacant.status).to.equal(1)
      expect(vacant.out).to.contain('No file to move.')
      expect(e4defrag(['-r', '/proc']).error).to.contain('not ext4')
      run('rmdir', [join(mount.path, 'vacant')])
    }))

  it('tells which files stayed, and why', () => {
    const mount = loopMount(master.image)
    const folder = join(mount.path, 'f\u00f6lder 1')
    const file = join(folder, 'file41')
    try {
      run('mv', [join(mount.path, 'folder1'), folder])
      run('chattr', ['+i', file])
      const printed = e4defrag(['-rv', folder])
      run('chattr', ['-i', file])
      expect(printed.status).to.equal(0)
      const count = walkOrder(folder).length
      expect(printed.out).to.contain(Buffer.from('/f\u00f6lder 1/file42:').toString('latin1'))
      expect(printed.out).to.contain(`Success:\t\t\t[ ${count - 1}/${count} ]`)
      expect(printed.error).to.contain('immutable')
      mount.check()
    } finally {
      mount.remove()
    }
  })
})
