// The shape of the free space: how many free runs there are of each size, and how much
// of the free space they hold, as e2freefrag tells.
//
//     node docs/examples/free-space.mjs disk.img
import { openTarget } from 'bootpack'
import { fsBlock } from 'bootpack/engine'
import { bytes, count, table } from 'bootpack/text'

const volume = await openTarget(process.argv[2], { write: false })
try {
  const { blockSize, blockCount, firstDataBlock } = volume.geometry()
  const runs = await volume.freeRuns(fsBlock(firstDataBlock), fsBlock(blockCount))
  const free = runs.reduce((sum, { length }) => sum + length, 0)
  const classes = new Map()
  for (const { length } of runs) {
    const upTo = 2 ** Math.floor(Math.log2(length))
    const { number = 0, blocks = 0 } = classes.get(upTo) ?? {}
    classes.set(upTo, { number: number + 1, blocks: blocks + length })
  }
  const rows = [...classes]
    .sort(([a], [b]) => a - b)
    .map(([from, { number, blocks }]) => [
      `${bytes(from * blockSize)} and more`,
      count(number),
      count(blocks),
      `${((100 * blocks) / free).toFixed(1)} %`,
    ])
  console.log(table(['free runs of', 'number', 'blocks', 'of the free space'], rows))
  console.log(`${count(free)} blocks are free in ${count(runs.length)} runs.`)
} finally {
  await volume.close()
}
