/**
 * Plans that renumber inodes, from the trace to the disk and back: what the command
 * says, what e2fsck and the kernel find, and that names lead where they led.
 */
import { expect } from 'chai'
import { copyFileSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openImage } from '../../src/ext4/engine/open-image.js'
import { applyPlan, undoPlan } from '../../src/pack/apply-plan.js'
import { packVolume } from '../../src/pack/pack-volume.js'
import { verifyPlan } from '../../src/pack/verify-plan.js'
import { resolveTrace } from '../../src/plan/resolve/boot-set.js'
import { packReport } from '../../src/report/pack-report.js'
import { createPlan } from '../../src/plan/create-plan.js'
import { parsePlan, planText } from '../../src/plan/plan-file.js'
import type { Plan } from '../../src/plan/plan.js'
import type { TraceRead } from '../../src/trace/model/trace.js'
import type { RenumberOptions, Renumbering } from '../../src/volume/capabilities.js'
import type { Volume } from '../../src/volume/volume.js'
import { checkImage, debugfsAll, debugfsWrite, hashFiles, makeImage } from '../support/images.js'
import { loopMount } from '../support/loop-mount.js'
import { manifestOf } from '../support/manifest.js'
import { randomExchanges } from '../support/random-exchanges.js'
import { Random } from '../support/random.js'
import { hasTool, isRoot, needLoopMounts, needTools, run, scratchFolder, type Ran } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const bootpack = (args: readonly string[], ok: readonly number[] = [0]): Ran =>
  run(process.execPath, [launcher, ...args], { ok })

/** Numbers of paths, by debugfs. */
function numbersOf(image: string, paths: readonly string[]): Map<string, number> {
  const found = [
    ...debugfsAll(
      image,
      paths.map((path) => `stat "${path}"`),
    ).matchAll(/^Inode: (\d+)/gm),
  ].map(([, inode]) => Number(inode))
  return new Map(paths.map((path, index) => [path, found[index]!]))
}

describe('packing with inodes', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  const base = join(scratch.path, 'base.img')
  const image = join(scratch.path, 'disk.img')
  const planPath = join(scratch.path, 'disk.plan')
  const list = join(scratch.path, 'boot.list')
  let paths: string[] = []
  after(() => scratch.remove())
  before(async function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'dumpe2fs')
    makeUsedImage(base, join(scratch.path, 'tree'))
    // Inodes all over the tables, as on a filesystem that was used for years.
    const volume = await openImage(base, { write: true })
    const groups = volume.geometry().groupCount
    expect(groups).to.be.greaterThan(3)
    for await (const { status } of volume.capabilities.inodeTables!.numbers!.renumber(
      await randomExchanges(volume, new Random(8001), 2500),
      {},
    ))
      expect(status).to.equal('renumbered')
    await volume.close()
    checkImage(base)
    paths = [...hashFiles(base)]
      .filter(([path, hash]) => !hash.startsWith('link') && !path.endsWith('hard'))
      .map(([path]) => path)
    paths = new Random(8002).shuffled(paths).slice(0, 150)
    writeFileSync(list, `${paths.join('\n')}\n`)
  })
  beforeEach(() => {
    copyFileSync(base, image)
  })

  const reads = (): { kind: 'data'; path: string; off: number }[] =>
    paths.map((path) => ({ kind: 'data', path, off: 0 }))
  const open = (write = true): Promise<Volume> => openImage(image, { write })
  const planned = async (): Promise<Plan> => {
    const volume = await open(false)
    const { plan } = await createPlan(volume, reads(), { target: image, evict: true, metadata: true, inodes: true })
    await volume.close()
    return plan
  }

  it("puts the boot's inodes side by side in the order they are needed, and back", () => {
    const files = hashFiles(image)
    const names = isRoot && hasTool('getfattr') ? manifestOf(image) : undefined
    const before = numbersOf(image, paths)
    const { stdout } = bootpack([
      'pack',
      image,
      '--trace',
      list,
      '--evict',
      '--inodes',
      '--check',
      '-o',
      planPath,
      '--json',
    ])
    const told = JSON.parse(stdout) as {
      plan: Plan
      applied: { complete: boolean; inodes: { placed: number; total: number } }
      after: Plan['measure']['before']
    }
    checkImage(image)
    expect(told.plan.version).to.equal(2)
    expect(told.applied.complete).to.equal(true)
    expect(told.applied.inodes.placed).to.equal(told.applied.inodes.total)
    const { before: measured, predicted } = told.plan.measure
    expect(told.after).to.deep.equal(predicted)
    expect(predicted.inodeTableBlocks!).to.be.lessThan(measured.inodeTableBlocks! / 3)
    // Of what is read, by debugfs and the arithmetic of the format.
    const now = numbersOf(image, paths)
    expect([...now.values()]).to.deep.equal([...now.values()].sort((a, b) => a - b))
    expect(new Set([...now.values()].map((inode) => Math.floor((inode - 1) / 4))).size).to.be.lessThan(
      new Set([...before.values()].map((inode) => Math.floor((inode - 1) / 4))).size / 2,
    )
    expect(hashFiles(image)).to.deep.equal(files)
    if (names) {
      const after = manifestOf(image)
      // Tree blocks come and go with the extents, and i_blocks with them.
      for (const [name, { facts }] of names)
        expect(withoutBlocks(after.get(name)!.facts), name).to.equal(withoutBlocks(facts))
      expect(after.size).to.equal(names.size)
    }
    expect(bootpack(['verify', '--deep', planPath]).stdout).to.match(/inodes have the number the plan gives them/)
    expect(bootpack(['apply', planPath]).stdout).to.match(/Renumbered: 0 inodes/)
    bootpack(['pack', image, '--trace', list, '--evict', '--inodes'], [4])

    expect(bootpack(['undo', planPath]).stdout).to.match(/Numbered as before/)
    checkImage(image)
    expect(numbersOf(image, paths)).to.deep.equal(before)
    expect(hashFiles(image)).to.deep.equal(files)
    if (names) {
      const after = manifestOf(image)
      for (const [name, { inode, facts }] of names)
        expect([after.get(name)!.inode, withoutBlocks(after.get(name)!.facts)], name).to.deep.equal([
          inode,
          withoutBlocks(facts),
        ])
    }
    expect(bootpack(['verify', planPath], [3]).stdout).to.match(/not renumbered, not yet/)
    expect(bootpack(['apply', planPath]).stdout).to.match(/Done/)
    expect([...numbersOf(image, paths)]).to.deep.equal([...now])
    checkImage(image)
  })

  it('a trace with names and with blocks of inode tables is good for both layouts', async () => {
    const numbers = numbersOf(image, paths)
    let volume = await open(false)
    const { blockSize } = volume.geometry()
    const recorded: TraceRead[] = []
    for (const path of paths) {
      const { start, length } = (await volume.capabilities.inodeTables!.place(numbers.get(path)!)).read
      recorded.push(
        { kind: 'metadata', what: 'inode-table', off: start * blockSize, len: length * blockSize },
        { kind: 'metadata', what: 'inode', path, ino: numbers.get(path)!, off: 0, len: 1 },
        { kind: 'data', path, ino: numbers.get(path)!, off: 0 },
      )
    }
    const untold = recorded.filter(({ what }) => what !== 'inode')
    const tablesRead = async (trace = recorded): Promise<Set<number>> => {
      const boot = await resolveTrace(trace, volume)
      return new Set(
        boot.reads.flatMap(({ kind, block, length }) =>
          kind === 'device' ? Array.from({ length }, (_, i) => block + i) : [],
        ),
      )
    }
    const before = await tablesRead()
    await volume.close()
    volume = await open()
    const { plan } = await packVolume(volume, recorded, {
      target: image,
      evict: true,
      metadata: true,
      inodes: true,
      force: false,
      dryRun: false,
    })
    expect(plan.inodes!.renumberings.length).to.be.greaterThan(60)
    const after = await tablesRead()
    const wanted = new Set<number>()
    for (const [path, now] of numbersOf(image, paths)) {
      const { start, length } = (await volume.capabilities.inodeTables!.place(now)).read
      for (let i = 0; i < length; i++) {
        wanted.add(start + i)
        expect(after.has(start + i), path).to.equal(true)
      }
    }
    // Without word of the inodes that are only looked at, their tables are taken to be read as ever.
    const stillRead = await tablesRead(untold)
    for (const block of [...before, ...wanted]) expect(stillRead.has(block), `block ${block}`).to.equal(true)
    await volume.close()
    expect(after.size).to.be.lessThan(before.size / 2)
    // The rest is what inodes that kept their number share a stretch with.
    for (const block of after) expect(wanted.has(block) || before.has(block), `block ${block}`).to.equal(true)
  })

  it('is refused for a trace that has only numbers, in words', async () => {
    const volume = await open(false)
    const trace = [...numbersOf(image, paths).values()].map((ino) => ({ kind: 'data' as const, ino, off: 0 }))
    await createPlan(volume, trace, { target: image, evict: true, metadata: true, inodes: true }).then(
      () => expect.fail('it was planned'),
      (error: unknown) => expect(error).to.include({ code: 'numbered-trace', exitCode: 2 }),
    )
    await volume.close()
  })

  it('takes in what is only looked at, if the trace tells of inodes', async () => {
    const volume = await open(false)
    const looked = ['/folder3/link', '/folder6/file7', '/folder9/sub10', '/folder12/hard']
    const numbers = await Promise.all(looked.map((path) => volume.capabilities.inodeTables!.inodeAt(path)))
    const trace = [
      ...reads(),
      ...looked.map((path, i) => ({
        kind: 'metadata' as const,
        what: 'inode' as const,
        ino: numbers[i]!,
        path,
        off: 0,
        len: 1,
      })),
    ]
    const options = { target: image, evict: true, metadata: true, inodes: true }
    const { plan, boot } = await createPlan(volume, trace, options)
    const without = await createPlan(volume, reads(), options)
    await volume.close()
    const { start, length } = plan.inodes!.table
    for (const inode of numbers) {
      const to = plan.inodes!.renumberings.find((each) => each.inode === inode)?.to ?? inode!
      const { block } = await volume.capabilities.inodeTables!.place(to)
      expect(block >= start && block < start + length, `inode ${inode} at block ${block}`).to.equal(true)
      expect(boot.files).not.to.include(inode)
    }
    expect(plan.rounds).to.deep.equal(without.plan.rounds)
    expect([plan.inodes!.knownFrom, without.plan.inodes!.knownFrom]).to.deep.equal(['loads', 'reads'])
    expect(
      packReport(
        {
          plan,
          applied: { begun: true, rounds: 1, movedBlocks: 1, unmoved: [], interrupted: false, complete: true },
          after: plan.measure.predicted,
        },
        '',
      ),
    ).not.to.match(/only looked at/)
    expect(
      packReport(
        {
          plan: without.plan,
          applied: { begun: true, rounds: 1, movedBlocks: 1, unmoved: [], interrupted: false, complete: true },
          after: plan.measure.predicted,
        },
        '',
      ),
    ).to.match(/only looked at/)
  })

  it('finishes what was stopped, wherever it was stopped, and undoes half of it', async () => {
    const plan = await planned()
    expect(parsePlan(planText(plan))).to.deep.equal(plan)
    const total = plan.inodes!.renumberings.length
    expect(total).to.be.greaterThan(60)
    const numbers = numbersOf(image, paths)
    for (const stopAfter of [0, 1, 17, 40, 100]) {
      copyFileSync(base, image)
      let volume = stoppedAfter(await open(), stopAfter)
      const half = await applyPlan(plan, volume, { force: true })
      expect(half.complete, `stopped after ${stopAfter}`).to.equal(false)
      await volume.close()
      checkImage(image)
      const copy = readFileSync(image)

      volume = await open()
      const rest = await applyPlan(plan, volume, { force: true })
      expect(rest.complete, `stopped after ${stopAfter}`).to.equal(true)
      expect((await verifyPlan(plan, volume)).complete).to.equal(true)
      await volume.close()
      checkImage(image)

      writeFileSync(image, copy)
      volume = await open()
      expect((await undoPlan(plan, volume, {})).complete, `stopped after ${stopAfter}`).to.equal(true)
      await volume.close()
      checkImage(image)
      expect(numbersOf(image, paths)).to.deep.equal(numbers)
    }
  })

  it('refuses a plan whose files were replaced, and says which when undoing', async () => {
    const plan = await planned()
    const victim = plan.inodes!.renumberings.find(({ why, path }) => why === 'boot' && paths.includes(path))!.path
    debugfsWrite(image, [
      'write /etc/hostname another',
      `rm "${victim}"`,
      `ln /another "${victim}"`,
      'sif /another links_count 2',
    ])
    checkImage(image)
    const bytes = readFileSync(image)
    let volume = await open()
    await applyPlan(plan, volume, { force: true }).then(
      () => expect.fail('it was applied'),
      (error: unknown) => expect(error).to.include({ code: 'stale-plan', exitCode: 5 }),
    )
    await volume.close()
    expect(readFileSync(image).equals(bytes)).to.equal(true)
    copyFileSync(base, image)
    volume = await open()
    await applyPlan(plan, volume, { force: true })
    await volume.close()
    debugfsWrite(image, [
      'write /etc/hostname another',
      `rm "${victim}"`,
      `ln /another "${victim}"`,
      'sif /another links_count 2',
    ])
    checkImage(image)
    volume = await open()
    const undone = await undoPlan(plan, volume, {})
    expect(undone.complete).to.equal(false)
    expect(undone.inodes!.left.map(({ path, reason }) => [path, reason])).to.deep.include([victim, 'renamed'])
    expect(undone.inodes!.total - undone.inodes!.placed).to.be.lessThan(4)
    await volume.close()
    checkImage(image)
  })

  it('does nothing to numbers where nothing is gained, and nothing at all without a journal or an undo file', async () => {
    const volume = await open()
    const first = await packVolume(volume, reads(), {
      target: image,
      evict: true,
      metadata: true,
      inodes: true,
      force: false,
      dryRun: false,
    })
    expect(first.applied!.complete).to.equal(true)
    const second = await packVolume(volume, reads(), {
      target: image,
      evict: true,
      metadata: true,
      inodes: true,
      force: true,
      dryRun: false,
    })
    expect(second.plan.inodes).to.equal(undefined)
    expect(second.plan.version).to.equal(1)
    await volume.close()
    run('tune2fs', ['-O', '^has_journal', image])
    copyFileSync(image, `${image}.bare`)
    bootpack(['pack', image, '--trace', list, '--evict', '--inodes', '--force'], [5])
    expect(readFileSync(image).equals(readFileSync(`${image}.bare`))).to.equal(true)
  })

  it('can be taken back to the byte with an undo file', function () {
    needTools(this, 'e2undo')
    run('tune2fs', ['-O', '^has_journal', image])
    run('e2fsck', ['-fy', image], { ok: [0, 1] })
    copyFileSync(image, `${image}.bare`)
    const undo = join(scratch.path, 'disk.e2undo')
    bootpack(['pack', image, '--trace', list, '--evict', '--inodes', '--undo-file', undo])
    checkImage(image)
    run('e2undo', [undo, image])
    expect(readFileSync(image).equals(readFileSync(`${image}.bare`))).to.equal(true)
  })

  it('is refused on a mounted filesystem, in words', function () {
    needLoopMounts(this)
    const mount = loopMount(base)
    try {
      const { stderr } = bootpack(['plan', mount.path, '--trace', list, '--inodes'], [5])
      expect(stderr).to.match(/cannot be renumbered by ext4-live.*\n.*Unmount/)
      mount.check()
    } finally {
      mount.remove()
    }
  })

  it('plans of hostile numbers are refused', async () => {
    const text = planText(await planned())
    const lie = (
      change: (plan: { version: number; inodes?: { renumberings: Record<string, unknown>[] } }) => void,
    ): string => {
      const plan = JSON.parse(text) as Parameters<typeof change>[0]
      change(plan)
      return JSON.stringify(plan)
    }
    for (const change of [
      (plan) => {
        plan.version = 1
      },
      (plan) => {
        delete plan.inodes
      },
      (plan) => {
        plan.inodes!.renumberings = []
      },
      (plan) => {
        plan.inodes!.renumberings[0]!['to'] = plan.inodes!.renumberings[1]!['to']
      },
      (plan) => {
        plan.inodes!.renumberings[0]!['inode'] = -1
      },
      (plan) => {
        plan.inodes!.renumberings[0]!['path'] = 'relative'
      },
      (plan) => {
        plan.inodes!.renumberings[0]!['path'] = plan.inodes!.renumberings[1]!['path']
      },
    ] satisfies Parameters<typeof lie>[0][])
      expect(() => parsePlan(lie(change))).to.throw(/The plan cannot be used/)
    // What can be parsed and is wrong is told inode by inode, and changes nothing.
    const plan = parsePlan(
      lie(({ inodes }) => {
        inodes!.renumberings = [
          {
            inode: numbersOf(base, ['/folder0/file2']).get('/folder0/file2'),
            to: 8,
            path: '/folder0/file2',
            why: 'boot',
          },
        ]
      }),
    )
    const volume = await open()
    const { inodes } = await applyPlan({ ...plan, rounds: [] }, volume, { force: true })
    expect(inodes!.left.map(({ reason }) => reason)).to.deep.equal(['system-inode'])
    await volume.close()
    checkImage(image)
  })
})

/** The kernel's count of blocks goes behind the birth time. */
function withoutBlocks(facts: string): string {
  const words = facts.split(' ')
  words[10] = ''
  return words.join(' ')
}

/** Carries out so many exchanges and then takes no more. */
function stoppedAfter(volume: Volume, exchanges: number): Volume {
  const { capabilities } = volume
  const { inodeTables } = capabilities
  const stopping = {
    ...capabilities,
    inodeTables: {
      ...inodeTables,
      numbers: {
        ...inodeTables!.numbers,
        renumber: (list: readonly Renumbering[], options: RenumberOptions) =>
          inodeTables!.numbers!.renumber(list.slice(0, exchanges), options),
      },
    },
  }
  return new Proxy(volume, {
    get: (target, key) => {
      if (key === 'capabilities') return stopping
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
}

/** A few thousand small files in folders within folders, so that the inode tables are used far and wide. */
function makeUsedImage(path: string, tree: string): void {
  for (let folder = 0; folder < 60; folder++) {
    const at = join(tree, folder % 3 === 0 ? `folder${folder}` : `folder${folder - (folder % 3)}/sub${folder}`)
    mkdirSync(at, { recursive: true })
    for (let i = 0; i < 45; i++) writeFileSync(join(at, `file${i}`), `${folder}/${i} `.repeat(i % 5 === 0 ? 400 : 4))
    symlinkSync('file0', join(at, 'link'))
    if (folder > 0) linkSync(join(tree, 'folder0/file1'), join(at, 'hard'))
  }
  makeImage(path, { size: 64 << 20, blockSize: 1024, features: 'metadata_csum,64bit', more: ['-N', '6000'], tree })
  run('e2fsck', ['-fyD', path], { ok: [0, 1] })
}
