import { expect } from 'chai'
import { Buddy, floorLog2 } from '../../src/mballoc/buddy.js'
import { GroupLists } from '../../src/mballoc/group-lists.js'
import { forSeeds } from './seeds.js'

describe('buddy bitmaps', () => {
  it('make one maximal chunk of a free group whose size is a power of two', () => {
    const buddy = new Buddy(64)
    expect(buddy.largestFreeOrder).to.equal(-1)
    expect(buddy.setFree(0, 64)).to.equal(64)
    expect(buddy.largestFreeOrder).to.equal(6)
    expect([0, 1, 2, 3, 4, 5, 6].map((order) => buddy.maximalChunks(order))).to.deep.equal([0, 0, 0, 0, 0, 0, 1])
  })

  it('split it into one chunk of each order when its first block is taken, and join it again', () => {
    const buddy = new Buddy(64)
    buddy.setFree(0, 64)
    expect(buddy.setUsed(0, 1)).to.equal(1)
    expect([0, 1, 2, 3, 4, 5, 6].map((order) => buddy.maximalChunks(order))).to.deep.equal([1, 1, 1, 1, 1, 1, 0])
    buddy.setFree(0, 1)
    expect(buddy.maximalChunks(6)).to.equal(1)
  })

  it('cut a group whose size is no power of two into the chunks of its binary digits', () => {
    const buddy = new Buddy(8 + 4 + 1)
    buddy.setFree(0, 13)
    expect([0, 1, 2, 3].map((order) => buddy.maximalChunks(order))).to.deep.equal([1, 0, 1, 1])
    buddy.checkInvariants()
  })

  it('agree with an array of blocks after any sequence of changes', () => {
    forSeeds(150, (random) => {
      const size = random.pick([1, 2, 7, 31, 32, 33, 64, 100, 129, 256])
      const buddy = new Buddy(size)
      const blocks = new Array<boolean>(size).fill(false)
      for (let step = 0; step < 30; step++) {
        const start = random.below(size)
        const length = random.between(1, size - start)
        const free = random.chance(0.55)
        const differ = blocks.slice(start, start + length).filter((block) => block !== free).length
        expect(free ? buddy.setFree(start, length) : buddy.setUsed(start, length)).to.equal(differ)
        blocks.fill(free, start, start + length)
        buddy.checkInvariants()
        expect(buddy.free).to.equal(blocks.filter(Boolean).length)
        const from = random.below(size)
        const next = (wanted: boolean): number => (blocks.indexOf(wanted, from) + size + 1) % (size + 1)
        expect(buddy.nextFree(from), 'next free').to.equal(next(true))
        expect(buddy.nextUsed(from), 'next used').to.equal(next(false))
        const isFree = (order: number, chunk: number): boolean =>
          (chunk + 1) * 2 ** order <= size && blocks.slice(chunk * 2 ** order, (chunk + 1) * 2 ** order).every(Boolean)
        for (let order = 0; order <= floorLog2(size); order++) {
          for (let chunk = 0; chunk < size >>> order; chunk++)
            expect(buddy.isFreeChunk(order, chunk)).to.equal(isFree(order, chunk))
        }
      }
    })
  })

  it('notice damage', () => {
    const buddy = new Buddy(64)
    buddy.setFree(3, 40)
    const { levels } = buddy as unknown as { levels: Uint32Array[] }
    levels[2]![0]! ^= 4
    expect(() => buddy.checkInvariants()).to.throw('chunk 2 of order 2')
  })
})

describe('lists of groups', () => {
  it('name the nearest group of at least an order, both ways, as a scan does', () => {
    forSeeds(60, (random) => {
      const groups = random.pick([1, 5, 32, 33, 100])
      const lists = new GroupLists(6, groups)
      const orders = new Array<number>(groups).fill(-1)
      for (let step = 0; step < 60; step++) {
        const group = random.below(groups)
        orders[group] = random.between(-1, 6)
        lists.move(group, orders[group]!)
        lists.checkInvariants()
        const order = random.between(0, 7)
        const [a, b] = [random.below(groups), random.below(groups)]
        const inside = orders.map((_, i) => i).filter((i) => orders[i]! >= order && i >= a && i <= b)
        expect(lists.next(order, a, b)).to.equal(inside[0] ?? -1)
        expect(lists.previous(order, b, a)).to.equal(inside.at(-1) ?? -1)
      }
    })
  })
})
