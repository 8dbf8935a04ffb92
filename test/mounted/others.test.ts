/** One file that somebody else holds, changes, runs or removes never stops the rest. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { openGuarded } from '../../src/mounted/exchange/file-guard.js'
import { openLive } from '../../src/mounted/engine/open.js'
import { applyPlan, undoPlan, type ApplyResult } from '../../src/pack/apply-plan.js'
import { packVolume, type PackResult } from '../../src/pack/pack-volume.js'
import { createPlan } from '../../src/plan/create-plan.js'
import type { Plan } from '../../src/plan/plan.js'
import { resolveTarget } from '../../src/volume/target.js'
import type { Volume } from '../../src/volume/volume.js'
import { filefrag, loopMount, type LoopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools, run, skip } from '../support/tools.js'
import { age, differences, footprints, type Footprint } from './aged.js'

const others = new URL('others.py', import.meta.url).pathname
const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const somebody = 12345

describe('live: others at work', function () {
  this.timeout(120_000)
  let master: LoopMount
  let paths: string[]
  let mount: LoopMount
  let original: Map<string, Footprint>
  const at: ChildProcess[] = []

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'e2fsck', 'filefrag', 'python3')
    master = loopMount({ size: 160 << 20, blockSize: 4096 })
    paths = age(master.path, { blockSize: 4096, crumbs: 4000, files: 120, seed: 23 })
    // A program of many pieces that a boot reads.
    const program = readFileSync('/bin/sleep')
    for (const name of ['idle', 'worker']) {
      const path = join(master.path, name)
      writeFileSync(path, '')
      for (let from = 0; from < program.length; from += 8192) {
        writeFileSync(path, program.subarray(from, from + 8192), { flag: 'a' })
        writeFileSync(join(master.path, `between-${name}-${from}`), Buffer.alloc(4096))
        run('sync', ['-f', master.path])
      }
      chmodSync(path, 0o755)
      paths.splice(40, 0, `/${name}`)
    }
    master.unmount()
  })
  after(() => master?.remove())

  beforeEach(() => {
    mount = loopMount(master.image)
    // Somebody who is not root works there too.
    chmodSync(join(mount.path, '..'), 0o755)
    for (const path of paths) chownSync(join(mount.path, path), somebody, somebody)
    original = footprints(mount.path)
  })
  afterEach(() => {
    for (const child of at.splice(0)) child.kill('SIGKILL')
    mount.remove()
  })

  const full = (path: string): string => join(mount.path, path)
  const trace = (): { path: string; off: number; kind: 'data' }[] =>
    paths.map((path) => ({ path, off: 0, kind: 'data' }))
  const planning = { target: 'here', evict: true, metadata: false }

  async function withVolume<Result>(use: (volume: Volume) => Promise<Result>): Promise<Result> {
    const volume = await openLive(resolveTarget(mount.path), true)
    try {
      return await use(volume)
    } finally {
      await volume.close()
    }
  }
  const pack = (): Promise<PackResult> =>
    withVolume((volume) => packVolume(volume, trace(), { ...planning, force: false, dryRun: false }))

  /** Another process; resolves once it is at work. */
  async function start(...words: string[]): Promise<ChildProcess & { end: () => Promise<string> }> {
    const child = spawn('python3', [others, ...words], { stdio: ['pipe', 'pipe', 'inherit'] })
    at.push(child)
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (some: string) => (text += some))
    const ended = once(child, 'exit')
    while (!text.includes('ready')) {
      if (child.exitCode !== null) throw new Error(`${words[0]} ended with ${child.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return Object.assign(child, {
      end: async () => {
        child.stdin.end()
        await ended
        return text.slice(text.indexOf('ready') + 5).trim()
      },
    })
  }

  const reasonsOf = (each: readonly { path?: string; reason: string }[]): Record<string, string> =>
    Object.fromEntries(each.map(({ path, reason }) => [path ?? '', reason]))

  /** Everything else lies in the run, nothing is lost, and the filesystem is sound. */
  function expectTheRestPacked(plan: Plan, applied: ApplyResult, staying: readonly string[], changed = staying): void {
    expect(applied.begun).to.equal(true)
    expect(applied.interrupted).to.equal(false)
    const runs = plan.runs
    const placed = new Set(plan.rounds.flat().flatMap(({ why, path }) => (why === 'boot' ? [path] : [])))
    const scattered = paths.filter(
      (path) =>
        placed.has(path) &&
        !staying.includes(path) &&
        filefrag(full(path)).some(
          ({ physical, length }) =>
            !runs.some((run) => run.start <= physical && physical + length <= run.start + run.length),
        ),
    )
    expect(scattered).to.deep.equal([])
    const after = footprints(mount.path)
    for (const path of changed) {
      original.delete(path)
      after.delete(path)
    }
    expect(differences(original, after, true)).to.deep.equal([])
    mount.check()
  }

  it('leaves leased files alone without a call to their holder, and the plan knows them', async () => {
    const [reading, writing] = [paths.slice(3, 6), paths.slice(60, 62)]
    const holders = [
      await start('lease', 'read', String(somebody), ...reading.map(full)),
      await start('lease', 'write', String(somebody), ...writing.map(full)),
    ]
    const { plan, applied } = await pack()
    expect(reasonsOf(plan.skipped)).to.deep.equal(
      Object.fromEntries([...reading, ...writing].map((path) => [path, 'leased'])),
    )
    expect(applied).to.include({ complete: true })
    for (const holder of holders) expect(await holder.end(), 'times a lease was called back').to.equal('0')
    expectTheRestPacked(plan, applied!, [...reading, ...writing], [])
  })

  it('skips what is leased after the plan was made, when applying and when undoing', async () => {
    const leased = paths.slice(10, 13)
    await withVolume(async (volume) => {
      const { plan } = await createPlan(volume, trace(), planning)
      expect(plan.skipped).to.deep.equal([])
      const holder = await start('lease', 'read', '0', ...leased.map(full))
      const applied = await applyPlan(plan, volume, { force: false })
      expect(applied.complete).to.equal(false)
      expect(new Set(applied.unmoved.map(({ reason }) => reason))).to.deep.equal(new Set(['leased']))
      expect(new Set(applied.unmoved.map(({ path }) => path))).to.deep.equal(new Set(leased))
      expect(await holder.end()).to.equal('0')
      const again = await start('lease', 'read', '0', full(paths[70]!))
      const undone = await undoPlan(plan, volume, {})
      expect(reasonsOf(undone.unmoved)).to.deep.equal({ [paths[70]!]: 'leased' })
      expect(await again.end()).to.equal('0')
      expect((await undoPlan(plan, volume, {})).complete).to.equal(true)
    })
    expect(differences(original, footprints(mount.path), true)).to.deep.equal([])
    mount.check()
  })

  it('does not wait for the holder of a lease that the list of locks does not show', async () => {
    const path = full(paths[5]!)
    for (const kind of ['read', 'write']) {
      const holder = await start('lease', kind, '0', path)
      const root = openSync(mount.path, constants.O_RDONLY | constants.O_DIRECTORY)
      try {
        const guarded = openGuarded(root, statSync(path).ino)
        // A reader may open what is leased for reading.
        if (kind === 'write') expect(guarded).to.deep.equal({ reason: 'leased' })
        else closeSync((guarded as { fd: number }).fd)
      } finally {
        closeSync(root)
      }
      await holder.end()
    }
  })

  it('skips files that keep changing', async () => {
    const changing = paths.slice(20, 23)
    await start('change', ...changing.map(full))
    const { plan, applied } = await pack()
    for (const child of at) child.kill('SIGKILL')
    for (const { path, reason } of applied!.unmoved) {
      expect(changing).to.include(path)
      expect(reason).to.be.oneOf(['busy', 'changed', 'preallocated', 'partly-moved'])
    }
    expectTheRestPacked(plan, applied!, changing)
  })

  it('skips what was rewritten, cut or deleted since the plan was made', async () => {
    const [rewritten, cut, deleted] = [paths[30]!, paths[31]!, paths[32]!]
    let plan: Plan | undefined
    const applied = await withVolume(async (volume) => {
      plan = (await createPlan(volume, trace(), planning)).plan
      const copy = readFileSync(full(rewritten))
      truncateSync(full(rewritten), 0)
      writeFileSync(join(mount.path, 'in-between'), Buffer.alloc(200_000))
      writeFileSync(full(rewritten), copy, { flag: 'r+' })
      truncateSync(full(cut), 4096)
      rmSync(full(deleted))
      run('sync', ['-f', mount.path])
      return applyPlan(plan, volume, { force: false })
    })
    expect(applied.complete).to.equal(false)
    const changed = applied.unmoved.filter(({ reason }) => reason === 'changed')
    expect(new Set(changed.map(({ path }) => path))).to.deep.equal(new Set([rewritten, cut]))
    // And who was to come where the new blocks are by now.
    const displaced = applied.unmoved.filter(({ reason }) => reason !== 'changed')
    for (const { reason } of displaced) expect(reason).to.equal('taken')
    const staying = applied.unmoved.map(({ path }) => path!)
    expectTheRestPacked(plan!, applied, [...staying, deleted], [rewritten, cut, deleted, '/in-between'])
  })

  it('plans around programs that run, and skips those that were started since', async () => {
    at.push(spawn(full('/idle'), ['600']))
    await new Promise((resolve) => setTimeout(resolve, 100))
    let plan: Plan | undefined
    const applied = await withVolume(async (volume) => {
      plan = (await createPlan(volume, trace(), planning)).plan
      expect(reasonsOf(plan.skipped)).to.deep.equal({ '/idle': 'running' })
      at.push(spawn(full('/worker'), ['600']))
      await new Promise((resolve) => setTimeout(resolve, 100))
      return applyPlan(plan, volume, { force: false })
    })
    expect(reasonsOf(applied.unmoved)).to.deep.equal({ '/worker': 'running' })
    const moved = new Set(plan!.rounds.flat().map(({ path }) => path))
    expect(moved.has('/idle')).to.equal(false)
    expect(moved.has('/worker')).to.equal(true)
    for (const child of at.splice(0)) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    expectTheRestPacked(plan!, applied, ['/worker'], [])
  })

  it('predicts what is reached although programs of the boot run, are leased and are locked', async () => {
    const programs = paths.filter((_, n) => n % 9 === 0).slice(0, 12)
    const program = readFileSync('/bin/sleep')
    for (const path of programs) {
      // What follows a program in its file does not keep it from running.
      const { size } = statSync(full(path))
      writeFileSync(full(path), program, { flag: 'r+' })
      if (size > program.length) truncateSync(full(path), size)
      chmodSync(full(path), 0o755)
    }
    run('sync', ['-f', mount.path])
    original = footprints(mount.path)
    await start('run', ...programs.map(full))
    await start('lease', 'read', '0', ...paths.slice(100, 104).map(full))
    const { plan, applied, after } = await pack()
    const stays = reasonsOf(plan.skipped)
    for (const path of programs) expect(stays[path]).to.equal('running')
    expect(applied).to.include({ complete: true })
    const { before: was, predicted } = plan.measure
    for (const model of Object.keys(predicted.modelMs))
      expect(after!.modelMs[model]!, model).to.be.closeTo(predicted.modelMs[model]!, 0.05 * predicted.modelMs[model]!)
    expect(after!.seeks).to.be.closeTo(predicted.seeks, 0.05 * predicted.seeks)
    expect(predicted.seeks).to.be.below(was.seeks)
    await Promise.all(at.map((child) => (child as Awaited<ReturnType<typeof start>>).end()))
    expectTheRestPacked(plan, applied!, [], [])
  })

  it('skips what a program that watches opens forbids', async function () {
    const guarded = paths.slice(50, 52)
    try {
      await start('deny', ...guarded.map(full))
    } catch {
      skip(this, 'this kernel lets nobody forbid opens with fanotify')
    }
    const { plan, applied } = await pack()
    expect(applied!.complete).to.equal(false)
    expect(reasonsOf(applied!.unmoved)).to.deep.equal(Object.fromEntries(guarded.map((path) => [path, 'refused'])))
    await (at[0] as Awaited<ReturnType<typeof start>>).end()
    expectTheRestPacked(plan, applied!, guarded, [])
  })

  it('moves a sparse file of 15 TiB as quickly as another', async () => {
    const path = full(paths[1]!)
    truncateSync(path, 15 * 2 ** 40)
    original = footprints(mount.path, '/crumbs')
    const { applied } = await pack()
    expect(applied).to.include({ complete: true })
    expect(differences(original, footprints(mount.path, '/crumbs'), true)).to.deep.equal([])
    expect(filefrag(path).length).to.be.at.least(1)
    mount.check()
  })

  it('the command lists what was skipped with its sentence, and ends with 3', async () => {
    const list = join(mount.path, '..', 'boot.list')
    writeFileSync(list, paths.join('\n'))
    const plan = join(mount.path, '..', 'boot.plan')
    run(process.execPath, [launcher, 'plan', mount.path, '--trace', list, '--evict', '-o', plan])
    const holder = await start('lease', 'write', '0', ...paths.slice(7, 17).map(full))
    const { stdout } = run(process.execPath, [launcher, 'apply', plan], { ok: [3] })
    expect(stdout).to.match(/^Done in part: [\d,]+ blocks moved\./)
    expect(stdout.replaceAll(/\s+/g, ' ')).to.match(/ \d files \([\d,]+ blocks\), such as \S+: leased by a program/)
    for (const line of stdout.split('\n')) expect(line.length, line).to.be.at.most(80)
    expect(await holder.end()).to.equal('0')
    expect(run(process.execPath, [launcher, 'apply', plan]).stdout).to.match(/^Done: /)
    expect(differences(original, footprints(mount.path), true)).to.deep.equal([])
    mount.check()
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`the command stops on ${signal} with 130, consistent, with the settings as they were`, async () => {
      const list = join(mount.path, '..', 'boot.list')
      const plan = join(mount.path, '..', 'boot.plan')
      writeFileSync(list, paths.join('\n'))
      const settings = mount.settings()
      const packing = spawn(process.execPath, [
        launcher,
        'pack',
        mount.path,
        '--trace',
        list,
        '--evict',
        '--verbose',
        '-o',
        plan,
      ])
      let told = ''
      packing.stderr.setEncoding('utf8').on('data', (some: string) => (told += some))
      // The plan is kept right before the first block moves.
      while (!existsSync(plan) && packing.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5))
      packing.kill(signal)
      const [status] = (await once(packing, 'exit')) as [number | null]
      expect(status, told).to.equal(130)
      expect(mount.settings()).to.deep.equal(settings)
      expect(differences(original, footprints(mount.path), true)).to.deep.equal([])
      expect(run(process.execPath, [launcher, 'apply', plan]).stdout).to.match(/^Done: /)
      expect(differences(original, footprints(mount.path), true)).to.deep.equal([])
      mount.check()
    })
  }

  it('a copied program runs as before', () => {
    copyFileSync(full('/idle'), join(mount.path, 'copy'))
    run(join(mount.path, 'copy'), ['0'])
  })
})
