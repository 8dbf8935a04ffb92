/**
 * The main job as a user runs it: the command as last built (npm test builds first), on real images of every kind,
 * judged by e2fsck, debugfs and the contents.
 */
import { expect } from 'chai'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openVolume } from '../../src/volume/open-volume.js'
import { engines } from '../../src/engines.js'
import { checkImage, hashFiles } from '../support/images.js'
import { randomMoves } from '../support/random-moves.js'
import { Random } from '../support/random.js'
import { needTools, run, scratchFolder, type Ran } from '../support/tools.js'
import { makeVariedImage, varieties } from '../support/varied-image.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname

const bootpack = (args: readonly string[], ok: readonly number[] = [0]): Ran =>
  run(process.execPath, [launcher, ...args], { ok })

/** Throws the files of an image about, by the engine itself. */
async function scatter(image: string, seed: number): Promise<void> {
  const volume = await openVolume(image, { write: true }, engines)
  const random = new Random(seed)
  for (let round = 0; round < 3; round++) {
    for await (const outcome of volume.relocate(await randomMoves(volume, random, 200), { reserved: [] })) void outcome
  }
  await volume.close()
}

interface Told {
  readonly inode: number
  /** Physical runs of the file's data, and of its block map among them, in the order they are read. */
  readonly runs: readonly { readonly start: number; readonly length: number }[]
  /** What must not change: times, mode, owner, size, links. */
  readonly attributes: string
}

/** What debugfs says of files, all in one run of it. */
function tell(image: string, paths: readonly string[]): Told[] {
  const { stdout } = run('debugfs', ['-f', '-', image], { input: paths.map((path) => `stat "${path}"\n`).join('') })
  return stdout
    .split(/^debugfs: stat .*$/m)
    .slice(1)
    .map((text) => ({
      inode: Number(/Inode: (\d+)/.exec(text)?.[1]),
      runs: [
        ...(/(?:EXTENTS|BLOCKS):\n([^]*)$/.exec(text)?.[1] ?? '').matchAll(
          /\((?:\d+(?:-\d+)?|T?IND|DIND)\):(\d+)(?:-(\d+))?/g,
        ),
      ].map(([, first, last]) => ({ start: Number(first), length: Number(last ?? first) - Number(first) + 1 })),
      attributes:
        text
          .split('\n')
          .filter((line) => /time:|Mode:|User:/.test(line))
          .join('\n') + (/Links: \d+/.exec(text)?.[0] ?? ''),
    }))
}

/** Regular files that have blocks. */
function filesWithBlocks(image: string, hashes: ReadonlyMap<string, string>): string[] {
  const paths = [...hashes].filter(([, hash]) => !hash.startsWith('link')).map(([path]) => path)
  const told = tell(image, paths)
  return paths.filter((_, i) => told[i]!.runs.length > 0)
}

const countBreaks = (runs: Told['runs']): number =>
  runs.filter((each, i) => i > 0 && runs[i - 1]!.start + runs[i - 1]!.length !== each.start).length

describe('bootpack pack', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  after(scratch.remove)
  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck')
  })

  varieties.forEach((variety, index) => {
    it(`packs a scattered image with ${variety.name}`, async () => {
      const image = join(scratch.path, `${index}.img`)
      makeVariedImage(image, variety, index + 1)
      await scatter(image, index + 1)
      checkImage(image)
      const before = hashFiles(image)
      const random = new Random(index)
      const boot = random.shuffled(filesWithBlocks(image, before)).slice(0, 25)
      const trace = join(scratch.path, 'boot.list')
      writeFileSync(trace, boot.join('\n') + '\n')
      const toldBefore = tell(image, boot)

      const { stdout } = bootpack(['pack', image, '--trace', trace, '--evict', '--json'])
      const report = JSON.parse(stdout) as {
        applied: { complete: boolean }
        after: { seeks: number }
        plan: { gaps: unknown[] }
      }
      expect(report.applied.complete).to.equal(true)

      checkImage(image)
      expect([...hashFiles(image)].sort()).to.deep.equal([...before].sort())
      const told = tell(image, boot)
      expect(told.map(({ attributes }) => attributes)).to.deep.equal(toldBefore.map(({ attributes }) => attributes))
      // A second name of a file reads nothing.
      const once = told.filter(({ inode }, i) => told.findIndex((other) => other.inode === inode) === i)
      const breaks = countBreaks(once.flatMap(({ runs }) => runs))
      expect(breaks, 'breaks told by debugfs').to.equal(report.after.seeks)
      expect(breaks).to.be.at.most(report.plan.gaps.length)
    })
  })

  it('plans, applies, verifies and undoes through a file', async () => {
    const image = join(scratch.path, 'steps.img')
    makeVariedImage(image, varieties[0]!, 77)
    await scatter(image, 77)
    const before = hashFiles(image)
    const trace = join(scratch.path, 'steps.list')
    const plan = join(scratch.path, 'steps.plan')
    const boot = filesWithBlocks(image, before).slice(0, 12)
    writeFileSync(trace, boot.join('\n'))
    const bytes = readFileSync(image)
    bootpack(['plan', image, '--trace', trace, '--evict', '-o', plan])
    expect(readFileSync(image).equals(bytes), 'planning writes nothing').to.equal(true)
    const runsBefore = tell(image, boot).map(({ runs }) => runs)
    bootpack(['verify', plan], [3])
    bootpack(['apply', plan])
    bootpack(['verify', plan])
    checkImage(image)
    expect(bootpack(['apply', plan]).stdout).to.match(/Done: 0 blocks moved/)
    bootpack(['undo', plan])
    checkImage(image)
    expect(tell(image, boot).map(({ runs }) => runs)).to.deep.equal(runsBefore)
    expect([...hashFiles(image)].sort()).to.deep.equal([...before].sort())
  })

  it('gives the same plan for the same image, byte for byte', async () => {
    const image = join(scratch.path, 'same.img')
    const copy = join(scratch.path, 'same2.img')
    makeVariedImage(image, varieties[1]!, 5)
    await scatter(image, 5)
    copyFileSync(image, copy)
    const trace = join(scratch.path, 'same.list')
    writeFileSync(trace, [...hashFiles(image).keys()].slice(0, 30).join('\n'))
    const texts = [image, copy].map((target) => {
      const plan = join(scratch.path, 'same.plan')
      bootpack(['plan', target, '--trace', trace, '--evict', '-o', plan])
      return readFileSync(plan, 'utf8').replaceAll(copy, image)
    })
    expect(texts[1]).to.equal(texts[0])
  })

  it('writes nothing in a dry run, nor when there is nothing to gain (exit 4)', async () => {
    const image = join(scratch.path, 'gain.img')
    makeVariedImage(image, varieties[0]!, 9)
    await scatter(image, 9)
    const trace = join(scratch.path, 'gain.list')
    writeFileSync(
      trace,
      [...hashFiles(image)]
        .filter(([, hash]) => !hash.startsWith('link'))
        .map(([path]) => path)
        .slice(0, 10)
        .join('\n'),
    )
    const bytes = readFileSync(image)
    bootpack(['pack', image, '--trace', trace, '--evict', '--dry-run'])
    expect(readFileSync(image).equals(bytes)).to.equal(true)
    bootpack(['pack', image, '--trace', trace, '--evict'])
    const packed = readFileSync(image)
    const again = bootpack(['pack', image, '--trace', trace, '--evict'], [4])
    expect(again.stdout).to.match(/Nothing to gain/)
    expect(readFileSync(image).equals(packed)).to.equal(true)
  })

  it('packs an image without a journal only with an undo file, which e2undo plays back', async function () {
    needTools(this, 'e2undo')
    const image = join(scratch.path, 'undo.img')
    const undo = join(scratch.path, 'undo.e2undo')
    const trace = join(scratch.path, 'undo.list')
    makeVariedImage(image, { name: 'no journal', blockSize: 1024, features: '^has_journal' }, 3)
    const before = hashFiles(image)
    writeFileSync(trace, filesWithBlocks(image, before).reverse().slice(0, 15).join('\n'))
    const bytes = readFileSync(image)
    expect(bootpack(['pack', image, '--trace', trace, '--evict'], [5]).stderr).to.match(/no journal/)
    expect(readFileSync(image).equals(bytes)).to.equal(true)
    bootpack(['pack', image, '--trace', trace, '--evict', '--undo-file', undo])
    checkImage(image)
    expect([...hashFiles(image)].sort()).to.deep.equal([...before].sort())
    run('e2undo', [undo, image])
    expect(readFileSync(image).equals(bytes), 'the very bytes there were').to.equal(true)
  })

  it('says in one sentence what is wrong with a request, with the right exit code', () => {
    const image = join(scratch.path, 'gain.img')
    const nothing = join(scratch.path, 'nothing.list')
    writeFileSync(nothing, '/no/such/file\n')
    const cases: [string[], number, RegExp][] = [
      [['measure', join(scratch.path, 'absent.img'), '--trace', nothing], 2, /There is no/],
      [['pack', image, '--trace', nothing], 2, /None of the trace's files/],
      [['plan', image, '--trace', nothing, '--goal', 'near'], 2, /neither a block number nor auto/],
      [
        ['plan', image, '--trace', join(scratch.path, 'gain.list'), '--goal', '99999999'],
        2,
        /not a block of this filesystem/,
      ],
      [['plan', image, '--trace', join(scratch.path, 'gain.list'), '-r', '/nowhere'], 2, /There is no \/nowhere/],
      [['apply', nothing], 2, /is no plan/],
      [['measure', image, '--trace', image], 2, /./],
    ]
    for (const [args, status, message] of cases) {
      const ran = bootpack(args, [status])
      expect(ran.stderr, args.join(' ')).to.match(message)
      const asJson = bootpack([...args, '--json'], [status])
      expect(JSON.parse(asJson.stdout), args.join(' ')).to.have.nested.property('error.message')
    }
  })
})
