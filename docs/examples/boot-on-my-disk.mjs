// How long the reads of a boot take on a disk of one's own making: here a drum that
// needs 20 ms for every read which does not begin where the last one ended, whatever
// the distance, and reads 2 MB in a second.
//
//     node docs/examples/boot-on-my-disk.mjs disk.img boot.trace
import { measureLayout, openTarget, readTrace, resolveTrace } from 'bootpack'

const drum = {
  name: 'drum',
  source: 'made up for this example',
  milliseconds(reads, blockSize) {
    let time = 0
    let head
    for (const { start, length } of reads) {
      if (start !== head) time += 20
      time += (length * blockSize) / 2000
      head = start + length
    }
    return time
  },
}

const [target, traceFile] = process.argv.slice(2)
const volume = await openTarget(target, { write: false })
try {
  const { reads } = await readTrace(traceFile)
  const boot = await resolveTrace(reads, volume)
  const measured = measureLayout(boot.reads, boot.layout, volume.geometry(), boot.missing.length, [drum])
  console.log(`${measured.seeks} seeks, ${(measured.modelMs.drum / 1000).toFixed(1)} s on the drum`)
} finally {
  await volume.close()
}
