/**
 * A packed boot through many upgrades: each replaces some files by others of nearly
 * their size, and each is mended. Tells whether mending holds over the months, against
 * one that is never mended and one that is packed anew each time.
 *
 *   node --import tsx --conditions=bootpack-source test/bench/upgrades.ts image trace [rounds [files]]
 *
 * As root, on copies. The trace must name its files. e2fsck looks at each copy at the end.
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
import { bytes, seconds } from '../../src/text/units.js'
import { readTrace } from '../../src/trace/read-trace.js'
import { openVolume } from '../../src/volume/open-volume.js'
import { loopMount } from '../support/loop-mount.js'
import { checkImage } from '../support/images.js'
import { Random } from '../support/random.js'
import { run, scratchFolder } from '../support/tools.js'

const [image, traceFile, rounds = '20', files = '40'] = process.argv.slice(2)
if (image === undefined || traceFile === undefined) throw new Error('usage: upgrades.ts image trace [rounds [files]]')
const { reads } = await readTrace(traceFile)
const scratch = scratchFolder()
const options = { target: 'here', evict: true, metadata: true, force: false, dryRun: false }
const reference = 'hdd-7200'

/** Files of nearly the same size, all written before the first is renamed; nothing else changes. */
function upgrade(copy: string, random: Random): void {
  const mount = loopMount(copy)
  const paths = [
    ...new Set(reads.flatMap(({ kind, path }) => (kind === 'data' && path !== undefined ? [path] : []))),
  ].filter((path) => {
    const stats = lstatSync(join(mount.path, path), { throwIfNoEntry: false })
    return stats?.isFile() && stats.size > 0
  })
  const chosen = random.shuffled(paths).slice(0, Number(files))
  for (const path of chosen) {
    const text = readFileSync(join(mount.path, path))
    const size = Math.max(1, Math.round(text.length * (0.95 + random.fraction() / 10)))
    const file = openSync(join(mount.path, `${path}.new`), 'wx')
    writeSync(file, Buffer.concat([text, Buffer.alloc(Math.max(0, size - text.length), 'x')]).subarray(0, size))
    fchmodSync(file, lstatSync(join(mount.path, path)).mode & 0o7777)
    fsyncSync(file)
    closeSync(file)
  }
  for (const path of chosen) renameSync(join(mount.path, `${path}.new`), join(mount.path, path))
  mount.unmount()
  run('cp', ['--sparse=always', mount.image, copy])
  mount.remove()
}

interface Way {
  readonly copy: string
  readonly mend: boolean
  plan: Plan
  written: number
}

async function pack(copy: string, drifted?: { packed: Plan }): Promise<{ plan: Plan; written: number; ms: number }> {
  const volume = await openVolume(copy, { write: true }, engines)
  const { plan, applied, after } = await packVolume(volume, reads, { ...options, ...(drifted && { drifted }) })
  await volume.close()
  return { plan, written: applied ? plan.cost.bytesWritten : 0, ms: (after ?? plan.measure.before).modelMs[reference]! }
}

try {
  const packed = join(scratch.path, 'packed.img')
  copyFileSync(image, packed)
  const first = await pack(packed)
  const ways: Record<'left' | 'mended' | 'anew', Way> = {
    left: way('left', false),
    mended: way('mended', true),
    anew: way('anew', true),
  }
  function way(name: string, mend: boolean): Way {
    const copy = join(scratch.path, `${name}.img`)
    run('cp', ['--sparse=always', packed, copy])
    return { copy, mend, plan: first.plan, written: 0 }
  }
  const rows = [['0', seconds(first.ms), '', seconds(first.ms), '', '', seconds(first.ms), '']]
  for (let round = 1; round <= Number(rounds); round++) {
    for (const { copy } of Object.values(ways)) upgrade(copy, new Random(round))
    const volume = await openVolume(ways.left.copy, { write: false }, engines)
    const left = await checkPacking(volume, reads, { ...options, packed: first.plan })
    await volume.close()
    const looked = await openVolume(ways.mended.copy, { write: false }, engines)
    const { verdict } = await checkPacking(looked, reads, { ...options, packed: ways.mended.plan })
    await looked.close()
    const mended = await pack(ways.mended.copy, { packed: ways.mended.plan })
    const anew = await pack(ways.anew.copy)
    if (mended.written > 0) ways.mended.plan = mended.plan
    ways.mended.written += mended.written
    ways.anew.written += anew.written
    rows.push([
      String(round),
      seconds((left.mending ?? left.packing)?.beforeMs ?? 0),
      verdict,
      seconds(mended.ms),
      bytes(mended.written),
      String(ways.mended.plan.runs.length),
      seconds(anew.ms),
      bytes(anew.written),
    ])
  }
  console.log(
    table(['upgrade', 'never mended', 'check says', 'mended', 'written', 'runs', 'packed anew', 'written'], rows),
  )
  console.log(`\nIn all: mending wrote ${bytes(ways.mended.written)}, packing anew ${bytes(ways.anew.written)}.`)
  for (const { copy } of Object.values(ways)) checkImage(copy)
  console.log('e2fsck finds nothing in any of them.')
} finally {
  scratch.remove()
}
