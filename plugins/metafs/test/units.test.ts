import { expect } from 'chai'
import { extent, type Extent } from 'bootpack/engine'
import { Random } from '../../../test/support/random.js'
import { Errno } from '../src/fuse/errno.js'
import { parseNumbers } from '../src/files/order-file.js'
import { Place } from '../src/files/place.js'
import { parseMetaMounts } from '../src/mount/mounts.js'
import {
  childrenOf,
  commonNodes,
  inodeNodes,
  inodeOfName,
  isDirectory,
  nodeOf,
  numberOf,
  parentOf,
  type CommonKind,
  type InodeKind,
  type Node,
} from '../src/tree/node-number.js'
import { common } from '../src/tree/orders.js'
import { Turns } from '../src/tree/turns.js'

describe('the place of a descriptor', () => {
  it('goes on at the end of the last text, and anywhere else is a block', () => {
    const place = new Place()
    const block = (position: number, strict = true): number => place.at(position, strict).block
    expect(block(500)).to.equal(500)
    place.went(500, 40, 9000)
    expect(block(540)).to.equal(9000)
    expect(block(500), 'the same again').to.equal(500)
    expect(block(541)).to.equal(541)
    expect(() => block(520)).to.throw(Errno)
    expect(block(520, false), 'writers never go back').to.equal(520)
    place.went(540, 10, 12_000, 'rest of a line\n')
    expect(place.at(550, true)).to.deep.equal({ block: 12_000, rest: 'rest of a line\n' })
    expect(place.at(520, true), 'only the last text counts').to.deep.equal({ block: 520, rest: '' })
  })

  it('jumps to the first block not told of', () => {
    const place = new Place()
    place.went(0, 12, 777)
    expect(place.jump(12)).to.equal(777)
    expect(place.at(12, true).block, 'after the jump positions are blocks').to.equal(12)
  })
})

describe('the numbers of nodes', () => {
  const every: Node[] = [
    ...(Object.keys(commonNodes) as CommonKind[]).map((kind) => ({ kind })),
    ...[1, 12, 4_294_967_295].flatMap((inode) =>
      (Object.keys(inodeNodes) as InodeKind[]).map((kind) => ({ kind, inode })),
    ),
  ]

  it('say what they stand for', () => {
    for (const node of every) expect(nodeOf(numberOf(node))).to.deep.equal(node)
    expect(new Set(every.map(numberOf)).size).to.equal(every.length)
    expect(nodeOf(0)).to.equal(undefined)
    expect(nodeOf(31)).to.equal(undefined)
    expect(nodeOf(32 * 12 + 31)).to.equal(undefined)
    expect(numberOf({ kind: 'root' }), 'as the kernel knows it').to.equal(1)
  })

  it('make a tree', () => {
    for (const node of every) {
      const parent = parentOf(node)
      expect(isDirectory(parent)).to.equal(true)
      if (node.kind === 'root' || node.kind === 'node') continue
      expect(
        childrenOf(parent).map((child) => child.node),
        node.kind,
      ).to.deep.include(node)
    }
  })

  it('take inode numbers as they are written', () => {
    expect(inodeOfName('12')).to.equal(12)
    for (const name of ['', '0', '012', '-1', '1.5', '1e3', '12 ', '99999999999', 'x'])
      expect(inodeOfName(name), name).to.equal(undefined)
  })
})

describe('orders', () => {
  it('are decimal numbers in one line', () => {
    expect(parseNumbers('12\n')).to.deep.equal([12])
    expect(parseNumbers('12')).to.deep.equal([12])
    expect(parseNumbers(' 12\t7 \n')).to.deep.equal([12, 7])
    for (const text of ['', '\n', '1\n2\n', '0x10', '-1', '1.5', '12a', '1e3', '9999999999999999'])
      expect(parseNumbers(text), JSON.stringify(text)).to.equal(undefined)
  })

  it('relocate what both files have, against a count block by block', () => {
    const random = new Random(4711)
    const mapping = (): Extent[] => {
      const extents: Extent[] = []
      for (let at = random.below(4); at < 60;) {
        const length = random.between(1, 8)
        extents.push(extent(at, 1000 + at * 3, length))
        at += length + random.below(5)
      }
      return extents
    }
    const has = (extents: readonly Extent[], block: number): boolean =>
      extents.some(({ logical, length }) => block >= logical && block < logical + length)
    for (let round = 0; round < 300; round++) {
      const [a, b, end] = [mapping(), mapping(), random.between(0, 70)]
      const runs = common(a, b, end)
      for (let block = 0; block < 80; block++) {
        const expected = block < end && has(a, block) && has(b, block)
        expect(
          runs.some(({ logical, length }) => block >= logical && block < logical + length),
          `round ${round}, block ${block}`,
        ).to.equal(expected)
      }
      for (let i = 1; i < runs.length; i++)
        expect(runs[i]!.logical, 'neighbours are joined').to.be.above(runs[i - 1]!.logical + runs[i - 1]!.length)
    }
  })
})

describe('turns', () => {
  it('come one at a time in the order asked for; who is called off leaves', async () => {
    const turns = new Turns()
    const log: string[] = []
    const work = (name: string) => async (): Promise<void> => {
      log.push(`${name} begins`)
      await new Promise((resolve) => setTimeout(resolve, 5))
      log.push(`${name} ends`)
    }
    const controller = new AbortController()
    const still = new AbortController().signal
    const first = turns.take(still, work('first'))
    const second = turns.take(controller.signal, work('second')).catch((error: Errno) => error.errno)
    const failing = turns
      .take(still, () => Promise.reject(new Error('on purpose')))
      .catch((error: Error) => error.message)
    const last = turns.take(still, work('last'))
    controller.abort()
    expect(await Promise.all([first, second, failing, last])).to.deep.equal([
      undefined,
      'EINTR',
      'on purpose',
      undefined,
    ])
    expect(log).to.deep.equal(['first begins', 'first ends', 'last begins', 'last ends'])
  })
})

describe('mountinfo', () => {
  it('tells meta filesystems from others, blanks and all', () => {
    const text = [
      '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
      '40 22 0:50 / /mnt/my\\040meta rw,nosuid - fuse.bootpack-metafs /dev/sda1 rw,user_id=0',
      '41 22 0:51 / /mnt/other rw - fuse.sshfs host: rw',
      '42 22 0:52 / /mnt/\\303\\251 ro shared:5 master:2 - fuse.bootpack-metafs disk\\134x.img rw',
      '',
    ].join('\n')
    expect(parseMetaMounts(Buffer.from(text))).to.deep.equal([
      { directory: '/mnt/my meta', source: '/dev/sda1' },
      { directory: '/mnt/é', source: 'disk\\x.img' },
    ])
  })
})
