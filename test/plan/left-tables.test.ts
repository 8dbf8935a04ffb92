import { expect } from 'chai'
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import type { BootRead } from '../../src/measure/boot-read.js'
import { leaveTables } from '../../src/plan/inodes/remap-table-reads.js'
import type { FixedRun } from '../../src/volume/volume.js'
import { Random } from '../support/random.js'

/** 8 inodes in a block, tables of 40 blocks at 100 and at 500, and the kernel's stretches shortened to 4 blocks. */
const tableRead = (inode: number): BlockRun => {
  const block = (inode <= 320 ? 100 : 460) + Math.floor((inode - 1) / 8)
  return blockRun(block - (block % 4), 4)
}
const fixedRuns: FixedRun[] = [
  { ...blockRun(90, 10), kind: 'block-bitmap' },
  { ...blockRun(100, 40), kind: 'inode-table' },
  { ...blockRun(500, 40), kind: 'inode-table' },
]
const blocksOf = (run: BlockRun): number[] => Array.from({ length: run.length }, (_, i) => run.start + i)

describe('inode tables that were left', () => {
  it('are not read for those who left if all who were looked at are told, and everything else is read as before, compared block by block', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed)
      const numbers = random.shuffled(Array.from({ length: 640 }, (_, i) => i + 1))
      const moved = new Map(Array.from({ length: random.between(1, 12) }, () => [numbers.pop()!, numbers.pop()!]))
      const stayed = Array.from({ length: random.below(12) }, () => numbers.pop()!)
      const told = random.chance(0.5)
      const reads: BootRead[] = []
      const unread = random.shuffled([...moved.keys(), ...stayed])
      for (let i = 0; i < 60; i++) {
        if (random.chance(0.6))
          reads.push({ kind: 'device', inode: 0, block: random.between(85, 545), length: random.between(1, 20) })
        else
          reads.push({
            t: i,
            kind: random.pick(
              told ? (['data', 'directory', 'inode'] as const) : (['data', 'directory', 'tree'] as const),
            ),
            inode: random.pick(unread),
            block: random.below(9),
            length: 1,
          })
      }
      const left = new Set(
        !reads.some(({ kind }) => kind === 'inode')
          ? []
          : [...moved.values()].flatMap((inode) => blocksOf(tableRead(inode))),
      )
      for (const inode of stayed) for (const block of blocksOf(tableRead(inode))) left.delete(block)
      const expected: (string | number)[] = []
      const met = new Set<number>()
      for (const read of reads) {
        if (read.kind === 'device') {
          expected.push(
            ...blocksOf(blockRun(read.block, read.length)).filter(
              (block) =>
                !left.has(block) ||
                !fixedRuns.slice(1).some(({ start, length }) => block >= start && block < start + length),
            ),
          )
          continue
        }
        if (moved.has(read.inode) && !met.has(read.inode)) expected.push(...blocksOf(tableRead(read.inode)))
        met.add(read.inode)
        expected.push(`${read.kind} of ${read.inode}`)
      }
      const got = leaveTables(reads, moved, stayed, tableRead, { fixedRuns }).flatMap((read): (string | number)[] =>
        read.kind === 'device' ? blocksOf(blockRun(read.block, read.length)) : [`${read.kind} of ${read.inode}`],
      )
      expect(got, `seed ${seed}`).to.deep.equal(expected)
    }
  })
})
