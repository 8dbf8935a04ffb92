/**
 * A packed boot whose files are replaced as dpkg replaces them, checked and mended by
 * the commands as last built, on the image and on a mount of it; judged by filefrag,
 * e2fsck and the contents.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
  type Stats,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { openLive } from '../../src/mounted/engine/open.js'
import type { PackingCheck } from '../../src/pack/check-packing.js'
import { resolveTarget } from '../../src/volume/target.js'
import { age, differences, footprints, randomFrom } from '../mounted/aged.js'
import { filefrags, loopMount, type LoopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const bootpack = (args: readonly string[], ok: readonly number[] = [0]): string =>
  run(process.execPath, [launcher, ...args], { ok }).stdout
const block = 4096

/** New, flushed, renamed over. */
function replace(root: string, paths: readonly string[], more: number): void {
  for (const path of paths) {
    const old = readFileSync(join(root, path))
    const file = openSync(join(root, `${path}.dpkg-new`), 'wx', 0o644)
    writeSync(file, Buffer.concat([Buffer.from('new '), old.subarray(4), Buffer.alloc(more, 'x')]))
    fsyncSync(file)
    closeSync(file)
    renameSync(join(root, `${path}.dpkg-new`), join(root, path))
  }
  run('sync', ['-f', root])
}

describe('a packed boot whose files were replaced', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  let master: LoopMount
  let paths: string[]
  let replaced: string[]
  const trace = join(scratch.path, 'boot.list')
  const plan = join(scratch.path, 'packed.plan')
  const flags = ['--trace', trace, '--evict', '--no-metadata']

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'e2fsck', 'filefrag')
    master = loopMount({ size: 256 << 20, blockSize: block })
    const random = randomFrom(5)
    paths = age(master.path, { blockSize: block, crumbs: 9000, files: 200, seed: 5 })
      .filter(() => random() < 0.5)
      .sort(() => random() - 0.5)
    const told = (path: string): Stats => statSync(join(master.path, path))
    paths = paths.filter((path) => told(path).blocks > 0)
    // Without holes: those would be filled, and the new file larger than the old one.
    replaced = paths
      .filter((path) => told(path).size > 3 * block && told(path).blocks * 512 === told(path).size)
      .slice(0, 10)
    expect(replaced.length).to.equal(10)
    master.unmount()
    writeFileSync(trace, `${paths.join('\n')}\n`)
    const image = detached(master)
    master.remove()
    bootpack(['pack', image, ...flags, '-o', plan])
    expect(JSON.parse(bootpack(['check', image, ...flags, '--json']))).to.deep.include({
      verdict: 'leave',
      drifted: [],
      lossMs: 0,
    })
    master = loopMount(image)
    replace(master.path, replaced, 0)
    master.check()
  })
  after(() => {
    master?.remove()
    scratch.remove()
  })

  let copies = 0
  /** A copy of an image that no device holds: only such a one may be written. */
  function detached(mount: LoopMount): string {
    mount.unmount()
    const copy = join(scratch.path, `copy${copies++}.img`)
    run('cp', ['--sparse=always', mount.image, copy])
    return copy
  }

  function places(mount: LoopMount): Map<string, string> {
    const found = filefrags(paths.map((path) => join(mount.path, path)))
    return new Map(paths.map((path) => [path, JSON.stringify(found.get(join(mount.path, path)))]))
  }

  const checked = (target: string, ok: readonly number[], ...more: string[]): PackingCheck =>
    JSON.parse(bootpack(['check', target, ...flags, ...more, '--json'], ok)) as PackingCheck

  interface Report {
    readonly after: { readonly seeks: number }
    readonly plan: {
      readonly cost: { readonly bytesWritten: number }
      readonly measure: { readonly before: { readonly seeks: number } }
    }
  }

  for (const engine of ['image', 'mount'] as const) {
    it(`is told and mended on the ${engine}, writing those files alone`, () => {
      let mount = loopMount(master.image)
      try {
        const before = footprints(mount.path)
        const placed = places(mount)
        const target = engine === 'image' ? detached(mount) : mount.path
        const found = checked(target, [3], '--plan', plan)
        expect(found).to.deep.include({ verdict: 'mend', owners: paths.length, missing: 0, knownFrom: 'plan' })
        expect(found.drifted.map(({ path }) => path).sort()).to.deep.equal([...replaced].sort())
        expect(found.lossMs).to.be.above(0)
        expect(found.mending!.bytesWritten).to.be.at.most(found.packing!.bytesWritten)

        const report = JSON.parse(bootpack(['pack', target, ...flags, '--drifted', '--plan', plan, '--json'])) as Report
        expect(report.plan.cost.bytesWritten).to.equal(found.driftedBytes)
        expect(report.plan.measure.before.seeks).to.be.at.least(replaced.length)
        expect(report.after.seeks).to.equal(0)

        expect(checked(target, [0], '--plan', plan)).to.deep.include({ verdict: 'leave', drifted: [], lossMs: 0 })
        const unchanged = join(scratch.path, 'unchanged.plan')
        bootpack(['pack', target, ...flags, '--drifted', '--plan', plan, '-o', unchanged], [4])
        expect(existsSync(unchanged), 'a plan of nothing does not replace the one to keep').to.equal(false)
        if (engine === 'image') {
          mount.remove()
          mount = loopMount(target)
        }
        expect(differences(before, footprints(mount.path), engine === 'mount')).to.deep.equal([])
        const now = places(mount)
        for (const path of paths) if (!replaced.includes(path)) expect(now.get(path), path).to.equal(placed.get(path))
        mount.check()
      } finally {
        mount.remove()
      }
    })
  }

  it('is mended as far as the layout alone tells the run', () => {
    let mount = loopMount(master.image)
    try {
      const before = footprints(mount.path)
      const image = detached(mount)
      const found = checked(image, [3])
      expect(found.knownFrom).to.equal('layout')
      expect(found.drifted.length).to.be.within(6, 20)
      const report = JSON.parse(bootpack(['pack', image, ...flags, '--drifted', '--json'])) as Report
      expect(report.plan.cost.bytesWritten).to.be.at.most(found.driftedBytes)
      expect(report.after.seeks).to.be.below(report.plan.measure.before.seeks - 3)
      mount.remove()
      mount = loopMount(image)
      expect(differences(before, footprints(mount.path))).to.deep.equal([])
      mount.check()
    } finally {
      mount.remove()
    }
  })

  it('is mended with files that grew, beside the run, within a limit of bytes', () => {
    let mount = loopMount(master.image)
    try {
      const grown = paths.filter((path) => !replaced.includes(path)).slice(0, 8)
      replace(mount.path, grown, 5 * block)
      const before = footprints(mount.path)
      const placed = places(mount)
      const image = detached(mount)
      const mended = join(scratch.path, 'mended.plan')
      const limit = 600 * 1024
      const pack = (...more: string[]): Report =>
        JSON.parse(bootpack(['pack', image, ...flags, '--drifted', '--force', ...more, '--json'])) as Report
      const part = pack('--plan', plan, '--max-bytes', '600k', '-o', mended)
      expect(part.plan.cost.bytesWritten).to.be.above(0).and.at.most(limit)
      const left = checked(image, [0, 3], '--plan', mended)
      expect(left.drifted.length).to.be.above(0).and.below(18)
      const whole = pack('--plan', mended, '-o', mended)
      expect(whole.after.seeks).to.be.below(part.plan.measure.before.seeks)
      expect(checked(image, [0, 3], '--plan', mended).drifted).to.deep.equal([])
      mount.remove()
      mount = loopMount(image)
      expect(differences(before, footprints(mount.path))).to.deep.equal([])
      const now = places(mount)
      for (const path of paths)
        if (!replaced.includes(path) && !grown.includes(path)) expect(now.get(path), path).to.equal(placed.get(path))
      mount.check()
    } finally {
      mount.remove()
    }
  })

  it('is not mended while somebody else moves blocks there', async () => {
    const mount = loopMount(master.image)
    const other = await openLive(resolveTarget(mount.path), true)
    try {
      expect(
        run(process.execPath, [launcher, 'pack', mount.path, ...flags, '--drifted', '--plan', plan], { ok: [5] })
          .stderr,
      ).to.contain('Another bootpack')
      expect(checked(mount.path, [3], '--plan', plan).verdict, 'looking is allowed').to.equal('mend')
    } finally {
      await other.close()
      mount.remove()
    }
  })

  it('is not mended from the plan of another filesystem, nor where it never was packed', () => {
    const other = join(scratch.path, 'other.plan')
    writeFileSync(other, readFileSync(plan, 'utf8').replace(/"uuid":"0b/, '"uuid":"1c'))
    const image = detached(master)
    expect(run(process.execPath, [launcher, 'check', image, ...flags, '--plan', other], { ok: [5] }).stderr).to.contain(
      'The plan is for the filesystem 1c',
    )
    const few = join(scratch.path, 'few.list')
    writeFileSync(few, `${replaced.join('\n')}\n`)
    expect(
      run(process.execPath, [launcher, 'pack', image, '--trace', few, '--drifted'], { ok: [2] }).stderr,
    ).to.contain('not packed')
    expect(
      run(process.execPath, [launcher, 'pack', image, ...flags, '--force', '--goal', '40000', '--max-bytes', '4k'], {
        ok: [5],
      }).stderr,
    ).to.contain('more than the 4,096 of --max-bytes')
    expect(
      run(process.execPath, [launcher, 'pack', image, ...flags, '--max-bytes', '4 k'], { ok: [2] }).stderr,
    ).to.contain('no number of bytes')
  })
})
