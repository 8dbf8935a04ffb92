/**
 * A packed boot of which some files are replaced as an upgrade replaces them (all new
 * files written and flushed, then each renamed over the old one): what the next boot
 * loses, what mending writes and gives back, on the mount and on the image.
 *
 *   node --import tsx --conditions=bootpack-source test/bench/drift.ts image trace [files...]
 *
 * As root, on copies. The trace must name its files. Contents of every file are hashed
 * before and after mending; e2fsck looks at the end.
 */
import {
  closeSync,
  copyFileSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { engines } from '../../src/engines.js'
import { checkPacking } from '../../src/pack/check-packing.js'
import { packVolume } from '../../src/pack/pack-volume.js'
import type { Plan } from '../../src/plan/plan.js'
import { table } from '../../src/text/table.js'
import { bytes, count, seconds } from '../../src/text/units.js'
import { readTrace } from '../../src/trace/read-trace.js'
import { openVolume } from '../../src/volume/open-volume.js'
import { differences, footprints } from '../mounted/aged.js'
import { loopMount } from '../support/loop-mount.js'
import { Random } from '../support/random.js'
import { run, scratchFolder } from '../support/tools.js'

const [image, traceFile, ...numbers] = process.argv.slice(2)
if (image === undefined || traceFile === undefined) throw new Error('usage: drift.ts image trace [files...]')
const { reads } = await readTrace(traceFile)
const scratch = scratchFolder()
const packed = join(scratch.path, 'packed.img')
const options = { target: 'here', evict: true, metadata: true }
const reference = 'hdd-7200'

async function pack(target: string, drifted?: { packed: Plan }): Promise<{ plan: Plan; afterMs: number }> {
  const volume = await openVolume(target, { write: true }, engines)
  try {
    const { plan, after } = await packVolume(volume, reads, {
      ...options,
      force: false,
      dryRun: false,
      ...(drifted && { drifted }),
    })
    return { plan, afterMs: (after ?? plan.measure.before).modelMs[reference]! }
  } finally {
    await volume.close()
  }
}

function replace(root: string, paths: readonly string[]): number {
  let written = 0
  for (const path of paths) {
    const [text, { mode }] = [readFileSync(join(root, path)), lstatSync(join(root, path))]
    const file = openSync(join(root, `${path}.dpkg-new`), 'wx')
    written += writeSync(file, text)
    fchmodSync(file, mode & 0o7777)
    fsyncSync(file)
    closeSync(file)
  }
  for (const path of paths) renameSync(join(root, `${path}.dpkg-new`), join(root, path))
  run('sync', ['-f', root])
  return written
}

try {
  copyFileSync(image, packed)
  const first = await pack(packed)
  console.log(
    `packed: ${bytes(first.plan.cost.bytesWritten)} written, ${seconds(first.plan.measure.before.modelMs[reference]!)} before, ${seconds(first.afterMs)} after (${reference})\n`,
  )
  const rows: string[][] = []
  for (const number of numbers.length > 0 ? numbers.map(Number) : [10, 50, 150]) {
    const mount = loopMount(packed)
    const files = [
      ...new Set(reads.flatMap(({ kind, path }) => (kind === 'data' && path !== undefined ? [path] : []))),
    ].filter((path) => {
      const stats = lstatSync(join(mount.path, path), { throwIfNoEntry: false })
      return stats?.isFile() && stats.size > 0
    })
    const written = replace(mount.path, new Random(number).shuffled(files).slice(0, number))
    const before = footprints(mount.path)
    mount.unmount()
    for (const engine of ['mount', 'image'] as const) {
      const copy = join(scratch.path, 'drifted.img')
      copyFileSync(mount.image, copy)
      const own = engine === 'mount' ? loopMount(copy) : undefined
      const target = own?.path ?? copy
      const volume = await openVolume(target, { write: false }, engines)
      const found = await checkPacking(volume, reads, { ...options, packed: first.plan })
      await volume.close()
      const mended = await pack(target, { packed: first.plan })
      const after = own ?? loopMount(copy)
      const lost = differences(before, footprints(after.path), true)
      after.check()
      after.remove()
      rows.push([
        `${number} of ${bytes(written)}, ${engine}`,
        count(found.drifted.length),
        seconds(found.mending?.beforeMs ?? 0),
        found.verdict,
        bytes(found.packing?.bytesWritten ?? 0),
        bytes(mended.plan.cost.bytesWritten),
        seconds(mended.afterMs),
        lost.length === 0 ? 'equal' : lost.join('; '),
      ])
    }
    mount.remove()
  }
  console.log(
    table(['replaced', 'left the run', 'boot', 'verdict', 'anew writes', 'mending wrote', 'boot', 'contents'], rows),
  )
} finally {
  scratch.remove()
}
