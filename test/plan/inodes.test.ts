import { expect } from 'chai'
import { fsBlock } from '../../src/layout/block.js'
import { exchangesTowards, numbersAfter } from '../../src/plan/inodes/permutation.js'
import { chooseSlots, type SlotRequest } from '../../src/plan/inodes/slot-window.js'
import { slotState } from '../../src/volume/capabilities.js'
import { Random } from '../support/random.js'
import { objectiveFor } from '../../src/plan/objective.js'

const { weights } = objectiveFor()

describe('exchanges of numbers', () => {
  it('bring everyone where they belong, whatever cycles there are, and back', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed)
      const slots = Array.from({ length: random.between(2, 40) }, (_, i) => 100 + i)
      const now = random.shuffled(slots).slice(0, random.between(1, slots.length))
      const to = random.shuffled(slots).slice(0, now.length)
      const members = now.map((number, index) => ({ now: number, to: to[index]! }))
      const walk = (steps: typeof members): Map<number, number> => {
        const place = new Map(members.map((member) => [member, member.now]))
        for (const { inode, to: target } of exchangesTowards(steps)) {
          for (const [member, at] of place)
            if (at === inode) place.set(member, target)
            else if (at === target) place.set(member, inode)
        }
        return new Map([...place].map(([member, at]) => [member.now, at]))
      }
      const reached = walk(members)
      for (const member of members) expect(reached.get(member.now), `seed ${seed}`).to.equal(member.to)
      expect(exchangesTowards(members).length, `seed ${seed}`).to.be.at.most(members.length)
      const used = new Set(now)
      const after = numbersAfter(exchangesTowards(members), (number) => used.has(number))
      for (const member of members) expect(after.get(member.now) ?? member.now, `seed ${seed}`).to.equal(member.to)
      // From anywhere on the way the same end is reached.
      const cut = random.between(0, exchangesTowards(members).length)
      const halfway = new Map(members.map((member) => [member, member.now]))
      for (const { inode, to: target } of exchangesTowards(members).slice(0, cut)) {
        for (const [member, at] of halfway)
          if (at === inode) halfway.set(member, target)
          else if (at === target) halfway.set(member, inode)
      }
      const rest = [...halfway].map(([member, at]) => ({ now: at, to: member.to }))
      expect(exchangesTowards(rest).length, `seed ${seed}`).to.be.at.most(
        members.length - Math.min(cut, members.length) + 1,
      )
    }
  })
})

describe('the slots for the inodes of a boot', () => {
  /** Tables of up to three groups, the boot's inodes anywhere. */
  function request(random: Random): SlotRequest {
    const inodesPerBlock = random.pick([4, 8, 16])
    const tables = [0, 1, 2].slice(0, random.between(1, 3)).map((group) => ({
      firstInode: group * 64 + 1,
      start: fsBlock(random.chance(0.5) ? 10 + (group * 64) / inodesPerBlock : 10 + group * 500),
      states: Uint8Array.from({ length: random.pick([64, 64, 40, 8]) }, () => random.pick([0, 0, 1, 1, 1, 2])),
    }))
    const wanted: number[] = []
    for (const { firstInode, states } of tables)
      states.forEach((state, slot) => {
        if (state === slotState.movable && random.chance(0.3)) wanted.push(firstInode + slot)
      })
    for (let i = random.below(4); i > 0; i--) wanted.push(1000 + i)
    return {
      wanted: random.shuffled(wanted),
      tables,
      goal: fsBlock(random.below(2000)),
      inodesPerBlock,
      blockCount: 2000,
      weights,
    }
  }

  it('are the cheapest stretch there is, found by trying all of them', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const input = request(new Random(seed))
      const { wanted, tables, goal, inodesPerBlock, blockCount } = input
      const line = tables.flatMap(({ firstInode, start, states }) =>
        [...states].map((state, slot) => ({
          number: firstInode + slot,
          block: start + Math.floor(slot / inodesPerBlock),
          begins: slot % inodesPerBlock === 0,
          usable: state !== slotState.fixed,
          other: state === slotState.movable && !wanted.includes(firstInode + slot),
        })),
      )
      const count = Math.min(wanted.length, line.filter(({ usable }) => usable).length)
      let best = Infinity
      let expected: number[] = []
      line.forEach(({ begins }, first) => {
        if (!begins || count === 0) return
        const taken: number[] = []
        let end = first
        while (end < line.length && taken.length < count) {
          if (line[end]!.usable) taken.push(line[end]!.number)
          end++
        }
        if (taken.length < count) return
        const stretch = line.slice(first, end)
        const breaks = stretch.filter(({ block }, i) => block - (line[first + i - 1]?.block ?? block) > 1).length
        const cost =
          stretch.filter(({ other }) => other).length +
          inodesPerBlock * new Set(stretch.map(({ block }) => block)).size +
          (4 * count * Math.abs(stretch[0]!.block - goal)) / blockCount +
          (breaks * count) / 8
        if (cost < best - 1e-9) {
          best = cost
          expected = taken
        }
      })
      const chosen = chooseSlots(input)
      expect(chosen, `seed ${seed}`).to.have.length(count)
      expect(chosen, `seed ${seed}: cost ${best}`).to.deep.equal(expected)
    }
  })

  it('are none where every slot is kept', () => {
    expect(
      chooseSlots({ wanted: [], tables: [], goal: fsBlock(0), inodesPerBlock: 16, blockCount: 10, weights }),
    ).to.deep.equal([])
    expect(
      chooseSlots({
        wanted: [5],
        tables: [{ firstInode: 1, start: fsBlock(1), states: Uint8Array.of(2, 2, 2, 2, 2) }],
        goal: fsBlock(0),
        inodesPerBlock: 4,
        blockCount: 10,
        weights,
      }),
    ).to.deep.equal([5])
  })
})
