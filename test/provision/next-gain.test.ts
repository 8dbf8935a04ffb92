/** What packing at rest is said to bring is what it brings. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { nextGainText } from '../../src/report/next-gain-text.js'
import type { NextGain } from '../../src/provision/next-gain.js'
import { age } from '../mounted/aged.js'
import { loopMount, type LoopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools, run } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const model = 'hdd-7200'

interface Packed {
  readonly nextGain?: NextGain
  readonly after: { readonly modelMs: Readonly<Record<string, number>> }
}

describe('the next gain after packing in use', function () {
  this.timeout(120_000)
  let mount: LoopMount
  after(() => mount?.remove())

  it('names what runs and what packing at rest comes to, within 5 %', async function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'e2fsck')
    mount = loopMount({ size: 160 << 20, blockSize: 4096 })
    const paths = age(mount.path, { blockSize: 4096, crumbs: 4000, files: 120, seed: 31 })
    copyFileSync('/bin/sleep', join(mount.path, 'program'))
    chmodSync(join(mount.path, 'program'), 0o755)
    const list = join(mount.path, '..', 'boot.list')
    writeFileSync(list, [...paths.slice(0, 60), '/program', ...paths.slice(60)].join('\n'))
    const program = spawn(join(mount.path, 'program'), ['600'])
    await new Promise((resolve) => setTimeout(resolve, 100))
    const pack = (target: string): Packed =>
      JSON.parse(
        run(process.execPath, [launcher, 'pack', target, '--trace', list, '--evict', '--json']).stdout,
      ) as Packed
    try {
      const { nextGain, after } = pack(mount.path)
      expect(nextGain!.model).to.equal(model)
      expect(nextGain!.nowMs).to.be.closeTo(after.modelMs[model]!, 0.01 * after.modelMs[model]!)
      expect(new Set(nextGain!.stays.map(({ reason }) => reason))).to.deep.equal(new Set(['running', 'mounted']))
      expect(nextGain!.stays.map(({ path }) => path)).to.include('/program')
      expect(nextGain!.withPreloadMs).to.be.above(0)
      program.kill()
      await once(program, 'exit')
      mount.unmount()
      const rested = pack(mount.device)
      expect(rested.nextGain).to.equal(undefined)
      expect(nextGain!.atRestMs).to.be.below(nextGain!.nowMs)
      expect(rested.after.modelMs[model]!).to.be.closeTo(nextGain!.atRestMs!, 0.05 * nextGain!.atRestMs!)
      mount.check()
    } finally {
      program.kill()
    }
  })

  it('is told in two steps, each with its command, in 80 columns', () => {
    const stays = [
      { inode: 1, kind: 'directory', reason: 'mounted', blocks: 1 },
      { inode: 2, kind: 'data', reason: 'running', blocks: 9 },
    ] as const
    const gain = { model, stays, nowMs: 19_500, atRestMs: 7_500, withPreloadMs: 950 }
    const commands = { atShutdown: 'bootpack pack / --at-shutdown', preload: 'bootpack preload install /' }
    expect(nextGainText(gain, commands)).to.equal(
      `1 directory, 1 file in execution stayed because the filesystem is in use. Packed
at shutdown, a boot would read for 7.50 s instead of 19.50 s (hdd-7200):
  bootpack pack / --at-shutdown
Read in advance besides, 950.0 ms instead of 7.50 s:
  bootpack preload install /`,
    )
    expect(nextGainText({ model, stays: [], nowMs: 5000, withPreloadMs: 5000 }, commands)).to.equal(undefined)
    expect(nextGainText({ model, stays: [], nowMs: 5000, withPreloadMs: 900 }, commands)).to.match(/^Read in advance, /)
  })
})
