/**
 * kill -9 in the middle of packing a mounted filesystem, and power cuts.
 *
 * A child packs; at a random moment it is stopped, the device's bytes are copied as
 * a power cut would leave them, and it is killed. Then
 *
 * - the copy, recovered by the kernel's journal replay, must pass e2fsck and hold
 *   every file as it was;
 * - on the filesystem itself every file must be as it was; a second run must put
 *   back the allocator's settings, finish the packing to no break at all, and leave
 *   nothing for e2fsck.
 *
 *   node --import tsx --conditions=bootpack-source test/crash/live-kill.ts [rounds] [seed]
 */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLive } from '../../src/mounted/engine/open.js'
import { packVolume } from '../../src/pack/pack-volume.js'
import { resolveTarget } from '../../src/volume/target.js'
import { age, differences, footprints, randomFrom, type Footprint } from '../mounted/aged.js'
import { loopMount, type LoopMount } from '../support/loop-mount.js'
import { run } from '../support/tools.js'

export interface KillResult {
  readonly seed: number
  readonly rounds: number
  /** Rounds in which the child died while it was packing, and those that found changed settings. */
  readonly killedAtWork: number
  readonly settingsLeftChanged: number
  readonly powerCuts: number
  /** What was wrong, in words; empty when nothing was lost. */
  readonly failures: readonly string[]
}

const blockSize = 4096
const repository = new URL('../..', import.meta.url).pathname

/** The packing, as the child does it too. */
export async function packFiles(
  mountPoint: string,
  paths: readonly string[],
): Promise<{ seeks: number; complete: boolean }> {
  const volume = await openLive(resolveTarget(mountPoint), true)
  try {
    const result = await packVolume(
      volume,
      paths.map((path) => ({ path, off: 0, kind: 'data' as const })),
      { target: mountPoint, evict: true, metadata: false, force: false, dryRun: false },
    )
    return { seeks: (result.after ?? result.plan.measure.before).seeks, complete: result.applied?.complete ?? true }
  } finally {
    await volume.close()
  }
}

export async function killRounds(rounds: number, seed: number): Promise<KillResult> {
  const random = randomFrom(seed)
  const failures: string[] = []
  let killedAtWork = 0
  let settingsLeftChanged = 0
  let powerCuts = 0
  const master = loopMount({ size: 256 << 20, blockSize })
  try {
    const paths = age(master.path, { blockSize, crumbs: 8000, files: 300, seed })
    const before = footprints(master.path)
    master.unmount()
    // How long packing takes undisturbed, so that the moments cover all of it.
    const whole = loopMount(master.image)
    const began = performance.now()
    const undisturbed = await packFiles(whole.path, paths)
    const length = performance.now() - began
    whole.remove()
    if (undisturbed.seeks !== 0) failures.push(`undisturbed: ${undisturbed.seeks} breaks`)
    for (let round = 0; round < rounds; round++) {
      const mount = loopMount(master.image)
      const cut = `${mount.image}.cut`
      try {
        const settings = mount.settings()
        const killed = await killOnce(mount, paths, random() * length * 0.8, cut)
        const lost = (what: string, found: readonly string[]): void => {
          failures.push(...found.map((each) => `round ${round}, ${what}: ${each}`))
        }
        if (killed.atWork) killedAtWork++
        if (JSON.stringify(mount.settings()) !== JSON.stringify(settings)) settingsLeftChanged++
        if (killed.copied) {
          powerCuts++
          lost('after the power cut', recover(cut, before))
        }
        lost('after the kill', differences(before, footprints(mount.path), true))
        const second = await packFiles(mount.path, paths)
        if (second.seeks !== 0 || !second.complete) lost('the second run', [`${second.seeks} breaks left`])
        if (JSON.stringify(mount.settings()) !== JSON.stringify(settings))
          lost('the second run', ['settings were not put back'])
        lost('in the end', differences(before, footprints(mount.path), true))
        mount.check()
      } catch (error) {
        failures.push(`round ${round}: ${error instanceof Error ? error.message : String(error)}`)
      } finally {
        rmSync(cut, { force: true })
        mount.remove()
      }
    }
  } finally {
    master.remove()
  }
  return { seed, rounds, killedAtWork, settingsLeftChanged, powerCuts, failures }
}

/** Packs in a child until `after` milliseconds of work, then ends it. */
async function killOnce(
  mount: LoopMount,
  paths: readonly string[],
  after: number,
  cut: string,
): Promise<{ atWork: boolean; copied: boolean }> {
  const list = join(mount.image, '..', 'paths.json')
  writeFileSync(list, JSON.stringify(paths))
  const program = `
    import { readFileSync } from 'node:fs'
    import { packFiles } from '${repository}test/crash/live-kill.ts'
    console.log('at work')
    await packFiles(${JSON.stringify(mount.path)}, JSON.parse(readFileSync(${JSON.stringify(list)}, 'utf8')))`
  const child = spawn(
    process.execPath,
    ['--import=tsx', '--conditions=bootpack-source', '--input-type=module', '-e', program],
    { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
  await Promise.race([sleep(after), ended])
  child.kill('SIGSTOP')
  const copied = copyQuiet(mount, cut)
  child.kill('SIGKILL')
  return { atWork: (await ended) === 'SIGKILL', copied }
}

/**
 * The bytes of the device at one moment: copied again when something was written
 * meanwhile (the journal's own thread does now and then).
 */
function copyQuiet(mount: LoopMount, to: string): boolean {
  const written = (): string =>
    readFileSync(join('/sys/class/block', mount.device.slice('/dev/'.length), 'stat'), 'utf8')
      .trim()
      .split(/\s+/)
      .slice(4, 9)
      .join(' ')
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = written()
    run('cp', ['--reflink=never', '--sparse=always', mount.image, to])
    if (written() === before) return true
  }
  return false
}

/** Mounts the copy, so that the kernel replays the journal, and looks. */
function recover(image: string, before: ReadonlyMap<string, Footprint>): string[] {
  const mount = loopMount(image)
  try {
    const found = differences(before, footprints(mount.path), true)
    mount.unmount()
    const check = spawnSync('e2fsck', ['-fn', mount.image], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${process.env['PATH']}:/sbin:/usr/sbin` },
    })
    if (check.status !== 0) found.push(`e2fsck: ${check.stdout}`)
    return found
  } finally {
    mount.remove()
  }
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const result = await killRounds(Number(process.argv[2] ?? 50), Number(process.argv[3] ?? Date.now() % 1e9))
  console.log(JSON.stringify(result, null, 2))
  process.exitCode = result.failures.length > 0 ? 1 : 0
}
