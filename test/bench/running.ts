/**
 * What a plan promises for a filesystem in use, and what packing reaches: programs that
 * run cannot be moved, and are those a boot reads. On a copy of an image, mounted through
 * a loop device, with every program of the boot set started from it:
 *
 * - a plan that was made before they ran, carried out while they run: what a planner that
 *   does not look would promise, and reach;
 * - a plan made while they run, carried out while they run.
 *
 *   node --import tsx --conditions=bootpack-source test/bench/running.ts image trace
 *
 * As root. Contents are hashed before and after, and e2fsck looks at the end.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openLive } from '../../src/mounted/engine/open.js'
import { applyPlan } from '../../src/pack/apply-plan.js'
import { measureNow } from '../../src/pack/pack-volume.js'
import { createPlan } from '../../src/plan/create-plan.js'
import { groupByReason } from '../../src/report/stay-lines.js'
import { readTrace } from '../../src/trace/read-trace.js'
import { resolveTarget } from '../../src/volume/target.js'
import { differences, footprints } from '../mounted/aged.js'
import { loopMount } from '../support/loop-mount.js'

const model = 'hdd-7200'
const [image, traceFile] = process.argv.slice(2)
if (image === undefined || traceFile === undefined) throw new Error('Give an image and a trace.')
const trace = (await readTrace(traceFile)).reads

for (const looks of [false, true]) {
  const mount = loopMount(image)
  try {
    const before = footprints(mount.path)
    const volume = await openLive(resolveTarget(mount.path), true)
    const options = { target: mount.path, evict: true, metadata: true }
    const early = await createPlan(volume, trace, options)
    const programs = early.boot.files
      .flatMap((inode) => early.boot.layout.get(inode)!.path ?? [])
      .filter((path) => isProgram(join(mount.path, path)))
    const stop = await start(programs.map((path) => join(mount.path, path)))
    const { plan, boot } = looks ? await createPlan(volume, trace, options) : early
    const began = performance.now()
    const applied = await applyPlan(plan, volume, { force: true })
    const took = (performance.now() - began) / 1000
    const after = await measureNow(boot, volume, plan)
    await volume.close()
    await stop()
    const lost = differences(before, footprints(mount.path), true)
    mount.check()
    const seconds = (ms: number): string => (ms / 1000).toFixed(2)
    const { before: was, predicted } = plan.measure
    const left = groupByReason(applied.unmoved)
    console.log(
      `${looks ? 'planned while they run' : 'planned before they ran'}: ${programs.length} programs; ` +
        `${seconds(was.modelMs[model]!)} s before, ${seconds(predicted.modelMs[model]!)} s promised, ${seconds(after.modelMs[model]!)} s reached; ` +
        `seeks ${was.seeks}, ${predicted.seeks}, ${after.seeks}; ${took.toFixed(1)} s; ` +
        `not moved: ${left.map(({ reason, what }) => `${what} ${reason}`).join(', ') || 'nothing'}`,
    )
    console.log(lost.length === 0 ? '  contents as before, e2fsck finds nothing' : `  LOST: ${lost.join('; ')}`)
  } finally {
    mount.remove()
  }
}

function isProgram(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats?.isFile() || (stats.mode & 0o111) === 0 || !/\/(s?bin|systemd|udev)\/[^/]+$/.test(path)) return false
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(4)
    readSync(fd, head, 0, 4, 0)
    return head.toString('latin1') === '\x7fELF'
  } finally {
    closeSync(fd)
  }
}

async function start(programs: readonly string[]): Promise<() => Promise<void>> {
  const others = new URL('../mounted/others.py', import.meta.url).pathname
  const child = spawn('python3', [others, 'run', ...programs], { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return async () => {
    child.stdin.end()
    await new Promise((resolve) => child.once('exit', resolve))
  }
}
