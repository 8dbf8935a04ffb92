/**
 * Packing on a mounted filesystem: 1000 fragmented files on an aged 2 GB filesystem.
 *
 * - at a free goal: the files go to the largest free stretch, nobody else moves;
 * - at an occupied goal: the first block of their directory, others move away;
 * - time per file of e4defrag, ours and mainline's, on the same tree in one run.
 *
 * Breaks and seek distance are counted from filefrag; contents are hashed before and
 * after; e2fsck looks at the end.
 *
 *   node --import tsx --conditions=bootpack-source test/bench/live-pack.ts [image list]
 *
 * As root, after the build. With an image and a list of paths (one a line) that image
 * is packed with eviction instead, on a copy.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLive } from '../../src/mounted/engine/open.js'
import { packVolume, type PackResult } from '../../src/pack/pack-volume.js'
import { resolveTarget } from '../../src/volume/target.js'
import { age, differences, footprints } from '../mounted/aged.js'
import { filefrags, loopMount, type LoopMount } from '../support/loop-mount.js'
import { run } from '../support/tools.js'

interface Order {
  readonly extents: number
  readonly breaks: number
  readonly seekDistance: number
}

/** Files read whole in this order, by filefrag. */
function measure(mount: LoopMount, paths: readonly string[]): Order {
  let [extents, breaks, seekDistance] = [0, 0, 0]
  let end: number | undefined
  for (let from = 0; from < paths.length; from += 500) {
    for (const fragments of filefrags(paths.slice(from, from + 500).map((path) => join(mount.path, path))).values()) {
      for (const { physical, length } of fragments) {
        extents++
        if (end !== undefined && physical !== end) {
          breaks++
          seekDistance += Math.abs(physical - end)
        }
        end = physical + length
      }
    }
  }
  return { extents, breaks, seekDistance }
}

async function pack(
  mount: LoopMount,
  paths: readonly string[],
  options: { evict: boolean; goal?: number },
): Promise<PackResult> {
  const volume = await openLive(resolveTarget(mount.path), true)
  try {
    return await packVolume(
      volume,
      paths.map((path) => ({ path, off: 0, kind: 'data' as const })),
      { target: mount.path, metadata: false, force: false, dryRun: false, ...options },
    )
  } finally {
    await volume.close()
  }
}

async function timed(
  name: string,
  source: LoopMount | string,
  paths: readonly string[],
  options: { evict: boolean; goal?: number },
): Promise<void> {
  const mount = loopMount(typeof source === 'string' ? source : source.image)
  try {
    const before = footprints(mount.path)
    const old = measure(mount, paths)
    const settings = JSON.stringify(mount.settings())
    const began = performance.now()
    const { plan, applied } = await pack(mount, paths, options)
    const took = performance.now() - began
    const now = measure(mount, paths)
    const lost = differences(before, footprints(mount.path))
    if (JSON.stringify(mount.settings()) !== settings) lost.push('settings changed')
    mount.check()
    const { placedBlocks, evictedBlocks } = plan.cost
    console.log(
      `${name}: ${line(old)} -> ${line(now)}; ${placedBlocks} blocks placed, ${evictedBlocks} of others moved, ${plan.rounds.length} rounds, ${(took / 1000).toFixed(1)} s, goal ${plan.goal.block}, runs ${plan.runs.map(({ start, length }) => `${start}+${length}`).join(' ')}`,
    )
    for (const { start, length, causes } of plan.gaps)
      console.log(`  gap of ${length} blocks at ${start}: ${causes.join(', ')}`)
    for (const { path, inode, reason } of applied?.unmoved ?? []) console.log(`  stayed: ${path ?? inode}: ${reason}`)
    console.log(
      lost.length === 0
        ? '  contents and attributes as before, settings as before, e2fsck finds nothing'
        : `  LOST: ${lost.join('; ')}`,
    )
  } finally {
    mount.remove()
  }
}

const line = ({ extents, breaks, seekDistance }: Order): string =>
  `${extents} extents, ${breaks} breaks, ${seekDistance} blocks`

/** Milliseconds, on a copy of its own. */
function defragment(master: LoopMount, command: readonly string[], paths: readonly string[]): number {
  const mount = loopMount(master.image)
  try {
    const began = performance.now()
    run(command[0]!, [...command.slice(1), mount.path], { ok: [0, 1] })
    const took = performance.now() - began
    console.log(`  afterwards: ${line(measure(mount, paths))}`)
    mount.check()
    return took
  } finally {
    mount.remove()
  }
}

const [image, list] = process.argv.slice(2)
if (image !== undefined && list !== undefined) {
  const wanted = readFileSync(list, 'utf8')
    .split('\n')
    .filter((path) => path.startsWith('/'))
  const look = loopMount(image)
  const here = new Set(footprints(look.path).keys())
  look.remove()
  const paths = wanted.filter((path) => here.has(path))
  await timed(`${paths.length} files with eviction`, image, paths, { evict: true })
} else {
  const master = loopMount({ size: 2 * 1024 ** 3, blockSize: 4096 })
  try {
    const paths = age(master.path, { blockSize: 4096, crumbs: 120_000, files: 1000, seed: 1 })
    run('fallocate', ['--length', `${900 << 20}`, join(master.path, 'bulk')])
    run('sync', ['--file-system', master.path])
    master.unmount()
    await timed('free goal', master, paths, { evict: false, goal: 400_000 })
    await timed('goal of their directory, with eviction', master, paths, { evict: true })
    await timed('occupied goal, with eviction', master, paths, { evict: true, goal: 60_000 })
    const program = new URL('../../bin/e4defrag.js', import.meta.url).pathname
    for (let turn = 0; turn < 2; turn++) {
      const theirs = defragment(master, ['e4defrag'], paths)
      const ours = defragment(master, [process.execPath, program], paths)
      console.log(
        `e4defrag of the tree: mainline ${theirs.toFixed(0)} ms, ours ${ours.toFixed(0)} ms, ${(ours / theirs).toFixed(2)}x`,
      )
    }
  } finally {
    master.remove()
  }
}
