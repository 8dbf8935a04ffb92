/**
 * The command killed at random moments: what kill -9 leaves is recovered by e2fsck,
 * nothing is lost, and a second run completes. A polite signal leaves nothing to recover.
 */
import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engines } from '../../src/engines.js'
import { openVolume } from '../../src/volume/open-volume.js'
import { checkImage, hashFiles, makeImage } from '../support/images.js'
import { randomMoves } from '../support/random-moves.js'
import { Random } from '../support/random.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const rounds = Number(process.env['BOOTPACK_KILL_ROUNDS'] ?? 5)

describe('bootpack pack, killed', function () {
  this.timeout(60_000 + rounds * 30_000)
  const scratch = scratchFolder()
  const original = join(scratch.path, 'original.img')
  const image = join(scratch.path, 'disk.img')
  const trace = join(scratch.path, 'boot.list')
  let hashes: Map<string, string>
  after(scratch.remove)

  before(async function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck')
    const tree = join(scratch.path, 'tree')
    mkdirSync(tree)
    const random = new Random(11)
    for (let i = 0; i < 400; i++)
      writeFileSync(join(tree, `file${i}`), Buffer.alloc(random.between(4, 200) * 1024, `contents of ${i}, `))
    makeImage(original, { size: 128 << 20, blockSize: 4096, tree })
    const volume = await openVolume(original, { write: true }, engines)
    for (let round = 0; round < 4; round++) {
      for await (const outcome of volume.relocate(await randomMoves(volume, random, 300), { reserved: [] }))
        void outcome
    }
    await volume.close()
    checkImage(original)
    hashes = hashFiles(original)
    writeFileSync(
      trace,
      random
        .shuffled([...hashes.keys()])
        .slice(0, 250)
        .join('\n'),
    )
  })

  /** @returns the exit code, or null when the signal ended it */
  async function packAndSend(signal: NodeJS.Signals, delay: number, plan: string): Promise<number | null> {
    const child = spawn(process.execPath, [launcher, 'pack', image, '--trace', trace, '--evict', '-o', plan], {
      stdio: 'ignore',
    })
    const timer = setTimeout(() => child.kill(signal), delay)
    const [status] = (await once(child, 'exit')) as [number | null]
    clearTimeout(timer)
    return status
  }

  /** How long a whole run takes here, so that kills fall into it. */
  async function timeOfRun(): Promise<number> {
    copyFileSync(original, image)
    const begun = Date.now()
    expect(await packAndSend('SIGKILL', 60_000, join(scratch.path, 'whole.plan'))).to.equal(0)
    return Date.now() - begun
  }

  it('by kill -9: e2fsck recovers, nothing is lost, a second run completes', async () => {
    const random = new Random(Number(process.env['BOOTPACK_SEED'] ?? 5))
    const whole = await timeOfRun()
    let killed = 0
    for (let round = 0; round < rounds; round++) {
      copyFileSync(original, image)
      // The first third is start-up and planning.
      const delay = Math.round(whole * (0.3 + 0.7 * random.fraction()))
      if ((await packAndSend('SIGKILL', delay, join(scratch.path, 'killed.plan'))) === null) killed++
      run('e2fsck', ['-fy', image], { ok: [0, 1] })
      checkImage(image)
      expect([...hashFiles(image)].sort(), `round ${round}, after ${delay} ms`).to.deep.equal([...hashes].sort())
      run(process.execPath, [launcher, 'pack', image, '--trace', trace, '--evict'], { ok: [0, 4] })
      checkImage(image)
      expect([...hashFiles(image)].sort(), `round ${round}, second run`).to.deep.equal([...hashes].sort())
    }
    console.log(`      ${killed} of ${rounds} runs were killed before their end`)
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`by ${signal}: what was begun is finished, the image is clean, and the plan resumes`, async () => {
      const whole = await timeOfRun()
      copyFileSync(original, image)
      const plan = join(scratch.path, `${signal}.plan`)
      const status = await packAndSend(signal, Math.round(whole * 0.6), plan)
      // Before the handlers are there it ends at once; later in order; or it was faster.
      expect(status).to.be.oneOf([null, 130, 0])
      checkImage(image)
      expect([...hashFiles(image)].sort()).to.deep.equal([...hashes].sort())
      // While it plans it ends at once, and leaves no plan.
      if (status === null || !existsSync(plan)) return
      expect(run(process.execPath, [launcher, 'apply', plan]).stdout).to.match(/^Done/)
      expect(run(process.execPath, [launcher, 'verify', plan]).status).to.equal(0)
      checkImage(image)
    })
  }
})
