/**
 * pack --check and verify --deep as a user runs them, on images that e2fsck is then
 * asked about, whole and broken on purpose.
 */
import { expect } from 'chai'
import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { openLive } from '../../src/mounted/engine/open.js'
import { deepVerify } from '../../src/pack/check-contents.js'
import { packVolume } from '../../src/pack/pack-volume.js'
import { checkRecordOf, checkRecordPath, parseCheckRecord, type CheckRecord } from '../../src/pack/contents-record.js'
import { compareContents, recordContents } from '../../src/pack/content-hashes.js'
import { openVolume } from '../../src/volume/open-volume.js'
import { resolveTarget } from '../../src/volume/target.js'
import type { TraceRead } from '../../src/trace/model/trace.js'
import { engines } from '../../src/engines.js'
import type { Plan } from '../../src/plan/plan.js'
import { checkImage, debugfs, debugfsWrite, hashFiles, makeImage } from '../support/images.js'
import { loopMount } from '../support/loop-mount.js'
import { Random } from '../support/random.js'
import { randomMoves } from '../support/random-moves.js'
import { needLoopMounts, needTools, run, scratchFolder, type Ran } from '../support/tools.js'
import { makeVariedImage } from '../support/varied-image.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const bootpack = (args: readonly string[], ok: readonly number[] = [0]): Ran =>
  run(process.execPath, [launcher, ...args], { ok })

describe('checking contents and owners', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  const image = join(scratch.path, 'disk.img')
  const plan = join(scratch.path, 'disk.plan')
  const record = checkRecordPath(plan)
  after(scratch.remove)

  before(async function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck')
    run(process.execPath, [
      new URL('../../node_modules/typescript/bin/tsc', import.meta.url).pathname,
      '-b',
      new URL('../..', import.meta.url).pathname,
    ])
    makeVariedImage(image, { name: '', blockSize: 1024, deepExtents: 300 }, 5)
    const volume = await openVolume(image, { write: true }, engines)
    for (let round = 0; round < 3; round++) {
      for await (const outcome of volume.relocate(await randomMoves(volume, new Random(round), 150), { reserved: [] }))
        void outcome
    }
    await volume.close()
    checkImage(image)
    hashes = hashFiles(image)
    const trace = join(scratch.path, 'boot.list')
    writeFileSync(trace, [...hashes.keys()].filter((path) => /file|deep|holes/.test(path)).join('\n'))
    packed = bootpack(['pack', image, '--trace', trace, '--evict', '--check', '-o', plan])
  })
  let hashes: Map<string, string>
  let packed: Ran

  it('records what sha256sum would say, of everything that moves', () => {
    const { files } = parseCheckRecord(
      readFileSync(record, 'utf8'),
      (JSON.parse(readFileSync(plan, 'utf8')) as Plan).volume,
    )
    const moved = (JSON.parse(readFileSync(plan, 'utf8')) as Plan).rounds.flat()
    expect(new Set(files.map(({ inode }) => inode))).to.deep.equal(
      new Set(moved.filter(({ kind }) => kind !== 'tree' && kind !== 'xattr').map(({ inode }) => inode)),
    )
    expect(
      moved.some(({ why }) => why === 'evict'),
      'bystanders among them',
    ).to.equal(true)
    let compared = 0
    for (const { path, sha256, over } of files) {
      const expected = hashes.get(path!)
      if (expected === undefined || expected.startsWith('link')) continue
      expect({ path, sha256, over }).to.deep.equal({ path, sha256: expected, over: 'file' })
      compared++
    }
    expect(compared).to.be.greaterThan(20)
    expect(packed.stdout).to.match(/(\d+) of \1 files that the plan moves hold what they held before/)
  })

  it('finds nothing to say of a good disk', () => {
    const told = bootpack(['verify', '--deep', plan])
    expect(told.stdout).to.match(/blocks are free|are free and [\d,]+ have one owner each/)
    checkImage(image)
    expect([...hashFiles(image)].sort()).to.deep.equal([...hashes].sort())
    expect(JSON.parse(bootpack(['verify', '--deep', plan, '--json']).stdout)).to.include({
      damaged: false,
      complete: true,
    })
  })

  describe('of a disk that is not', () => {
    const copy = join(scratch.path, 'broken.img')
    beforeEach(() => copyFileSync(image, copy))
    const verify = (status: number): Ran => bootpack(['verify', '--deep', plan, '--target', copy], [status])
    const inodeOf = (path: string): number => Number(/Inode: (\d+)/.exec(debugfs(copy, `stat ${path}`))![1])
    const blockOf = (path: string): number => Number(debugfs(copy, `bmap ${path} 0`).trim())
    const unhappy = (): void => {
      expect(run('e2fsck', ['-fn', copy], { ok: [0, 4, 8, 12] }).status, 'e2fsck agrees').to.not.equal(0)
    }

    it('says which file holds something else', () => {
      const at = blockOf('/file3') * 1024 + 3
      const file = openSync(copy, 'r+')
      writeSync(file, Buffer.from('?'), 0, 1, at)
      closeSync(file)
      expect(verify(6).stdout).to.match(/\/file3 holds something else, though nobody wrote to it/)
    })

    it('tells a file that was written to from one that was damaged', () => {
      const file = openSync(copy, 'r+')
      writeSync(file, Buffer.from('?'), 0, 1, blockOf('/file3') * 1024 + 3)
      closeSync(file)
      debugfsWrite(copy, ['set_inode_field /file3 mtime 20300101'])
      expect(verify(3).stdout).to.match(/\/file3 was written to since/)
    })

    it('says which file is gone', () => {
      debugfsWrite(copy, ['rm /file3', 'set_inode_field / mtime 20300101'])
      expect(verify(3).stdout).to.match(/\/file3 is gone/)
    })

    it('finds a block that is owned and marked free', () => {
      const block = blockOf('/file3')
      debugfsWrite(copy, [`freeb ${block}`])
      unhappy()
      const told = verify(6)
      expect(told.stdout).to.include(`Block ${block} belongs to inode ${inodeOf('/file3')} (data) but is marked free`)
    })

    it('finds a block that is in use and owned by nobody', () => {
      const block = Number(/(\d+)/.exec(debugfs(copy, 'ffb 1').replace(/^.*: /, ''))![1])
      debugfsWrite(copy, [`setb ${block}`])
      unhappy()
      expect(verify(6).stdout).to.include(`block ${block}: in use, but nobody owns it`)
    })

    it('finds a block with two owners', () => {
      debugfsWrite(copy, [`set_inode_field /file3 block[5] ${blockOf('/file5')}`])
      unhappy()
      expect(verify(6).stdout).to.match(/belongs to both inode \d+ \(data\) and inode \d+ \(data\)/)
    })

    it('says what is not where the plan wants it', () => {
      bootpack(['undo', plan, '--target', copy])
      const told = verify(3)
      expect(told.stdout).to.match(/not moved yet/)
      expect(told.stdout).to.match(/(\d+) of \1 files that the plan moves hold what they held before/)
    })

    it('ends with corrupt input where the filesystem cannot be read', () => {
      const group = Number(/Block bitmap at (\d+)/.exec(run('dumpe2fs', [copy]).stdout)![1])
      const file = openSync(copy, 'r+')
      writeSync(file, Buffer.from([0x5a]), 0, 1, group * 1024 + 7)
      closeSync(file)
      expect(verify(6).stderr).to.match(/block bitmap of group 0: its checksum does not match/)
    })
  })

  it('takes no record that was tampered with, belongs to another plan or is a link', () => {
    const good = readFileSync(record, 'utf8')
    const head = /"fingerprint":"(.)/.exec(good)![1]!
    const cases: [string, RegExp][] = [
      ['{', /not JSON/],
      ['null', /does not begin/],
      [good.replace('"version":1', '"version":2'), /does not begin/],
      [good.replace(`"fingerprint":"${head}`, `"fingerprint":"${head === '0' ? '1' : '0'}`), /another plan/],
      [good.replace(/"inode":\d+/, '"inode":-1'), /file 1 is none/],
      [good.replace(/"sha256":"./, '"sha256":"z'), /file 1 is none/],
      [good.replace(/"files":\[\n/, '"files":[null,\n'), /file 1 is none/],
    ]
    try {
      for (const [text, problem] of cases) {
        writeFileSync(record, text)
        expect(bootpack(['verify', '--deep', plan], [6]).stderr, text.slice(0, 80)).to.match(problem)
      }
      rmSync(record)
      symlinkSync('/etc/passwd', record)
      expect(bootpack(['verify', '--deep', plan], [1]).stderr).to.match(/cannot be read/)
      rmSync(record)
      run('mkfifo', [record])
      expect(bootpack(['verify', '--deep', plan], [6]).stderr).to.match(/not JSON/)
      rmSync(record)
      expect(bootpack(['verify', '--deep', plan]).stdout).to.match(/Contents were not compared/)
    } finally {
      rmSync(record, { force: true })
      writeFileSync(record, good)
    }
  })

  it('hashes a file of holes without reading what is not there', async () => {
    const holey = join(scratch.path, 'holey.img')
    const tree = join(scratch.path, 'tree')
    run('mkdir', [tree])
    const file = openSync(join(tree, 'huge'), 'w')
    for (const at of [0, 2 ** 41]) writeSync(file, Buffer.alloc(4096, 7), 0, 4096, at)
    ftruncateSync(file, 2 ** 42)
    closeSync(file)
    makeImage(holey, { size: 16 << 20, blockSize: 4096, tree })
    const volume = await openVolume(holey, { write: true }, engines)
    const { file: huge } = (await volume.lookup('/huge'))!
    const [first, second] = await volume.extents(huge)
    const asPlan = { rounds: [[{ inode: huge.inode, path: '/huge', kind: 'data' }]] } as unknown as Plan
    const recorded = await recordContents(asPlan, volume)
    expect(recorded).to.have.length(1)
    expect(recorded[0]!.over).to.equal('blocks')
    expect(await compareContents(recorded, volume)).to.deep.equal({ files: 1, same: 1, different: [] })
    await volume.close()
    expect(first!.logical).to.equal(0)
    const disk = openSync(holey, 'r+')
    writeSync(disk, Buffer.of(8), 0, 1, second!.physical * 4096 + 100)
    closeSync(disk)
    const again = await openVolume(holey, { write: false }, engines)
    expect(await compareContents(recorded, again)).to.deep.equal({
      files: 1,
      same: 0,
      different: [{ inode: huge.inode, path: '/huge', change: 'changed' }],
    })
    await again.close()
  })

  it('hashes what lies in the inode itself', async () => {
    const inline = join(scratch.path, 'inline.img')
    const tree = join(scratch.path, 'inline-tree')
    run('mkdir', [tree])
    const texts = { tiny: 'in i_block', small: 'behind the fields as well '.repeat(4), empty: '' }
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(tree, name), text)
    symlinkSync('in/i_block', join(tree, 'link'))
    makeImage(inline, { size: 16 << 20, blockSize: 1024, features: 'inline_data', more: ['-I', '256'], tree })
    for (const name of ['tiny', 'small']) expect(debugfs(inline, `stat /${name}`)).to.match(/Flags: 0x1\d{7}\b/)
    const volume = await openVolume(inline, { write: false }, engines)
    const sha256 = (bytes: string): string => createHash('sha256').update(bytes).digest('hex')
    for (const [name, text] of [...Object.entries(texts), ['link', 'in/i_block'] as const]) {
      const inode = await volume.capabilities.inodeTables!.inodeAt(`/${name}`)
      const [found] = await recordContents(
        { rounds: [[{ inode, path: `/${name}`, kind: 'data' }]] } as unknown as Plan,
        volume,
      )
      expect([found!.over, found!.sha256], name).to.deep.equal(['file', sha256(text)])
    }
    await volume.close()
  })

  it('does not call gone what only the other engine reads', async function () {
    needLoopMounts(this)
    const mount = loopMount({ size: 16 << 20, blockSize: 1024 })
    try {
      run(
        'sh',
        ['-ec', 'mkdir folder; ln -s "$(printf %0200d 1)" link; echo a > file; echo b > deleted; mkfifo pipe'],
        { cwd: mount.path },
      )
      const names = ['folder', 'link', 'file', 'deleted', 'pipe']
      const volume = await openLive(resolveTarget(mount.path), false)
      const recorded = await Promise.all(
        names.map(async (name) => ({
          inode: (await volume.capabilities.inodeTables!.inodeAt(`/${name}`))!,
          path: `/${name}`,
          stamp: '',
          sha256: createHash('sha256').update('a\n').digest('hex'),
          over: 'file' as const,
        })),
      )
      await volume.close()
      rmSync(join(mount.path, 'deleted'))
      const again = await openLive(resolveTarget(mount.path), false)
      const { same, different } = await compareContents(recorded, again)
      await again.close()
      expect(same).to.equal(1)
      expect(different.map(({ path, change }) => `${path} ${change}`)).to.deep.equal([
        '/folder unread',
        '/link unread',
        '/deleted gone',
        '/pipe unread',
      ])
      mount.check()
    } finally {
      mount.remove()
    }
  })

  it('does the same on a mounted filesystem', async function () {
    needLoopMounts(this)
    const mount = loopMount({ size: 48 << 20, blockSize: 4096 })
    try {
      run(
        'sh',
        [
          '-ec',
          'i=0; while [ $i -lt 30 ]; do for f in a b c d e; do head -c 9000 /dev/urandom >> $f$((i%6)); done; sync; i=$((i+1)); done',
        ],
        { cwd: mount.path },
      )
      const names = run('ls', [], { cwd: mount.path })
        .stdout.trim()
        .split('\n')
        .filter((name) => name !== 'lost+found')
      const sums = run('sha256sum', names, { cwd: mount.path }).stdout
      const reads = names.map((name): TraceRead => ({ kind: 'data', path: `/${name}`, off: 0 })).reverse()
      let volume = await openLive(resolveTarget(mount.path), true)
      let recorded: CheckRecord | undefined
      const { plan: packedPlan, applied } = await packVolume(volume, reads, {
        target: mount.path,
        evict: true,
        metadata: true,
        force: true,
        dryRun: false,
        onPlan: async (made) => {
          recorded = checkRecordOf(made.volume, await recordContents(made, volume))
        },
      })
      expect(applied?.movedBlocks).to.be.greaterThan(50)
      expect(recorded!.files.length).to.be.greaterThan(5)
      for (const { path, sha256 } of recorded!.files) expect(sums).to.include(`${sha256}  ${path!.slice(1)}`)
      const found = await deepVerify(packedPlan, volume, recorded)
      expect(found.contents).to.deep.equal({
        files: recorded!.files.length,
        same: recorded!.files.length,
        different: [],
      })
      expect(found.owners.faults).to.deep.equal([])
      await volume.close()

      writeFileSync(join(mount.path, recorded!.files[0]!.path!), 'more', { flag: 'a' })
      volume = await openLive(resolveTarget(mount.path), false)
      const { different } = (await deepVerify(packedPlan, volume, recorded)).contents!
      expect(different.map(({ path, change }) => [path, change])).to.deep.equal([[recorded!.files[0]!.path, 'written']])
      await volume.close()
      mount.check()
    } finally {
      mount.remove()
    }
  })

  it('keeps nothing when nothing was asked for', () => {
    const copy = join(scratch.path, 'plain.img')
    copyFileSync(image, copy)
    const other = join(scratch.path, 'plain.plan')
    truncateSync(copy)
    copyFileSync(image, copy)
    bootpack(['pack', copy, '--trace', join(scratch.path, 'boot.list'), '--evict', '-o', other], [0, 4])
    expect(existsSync(checkRecordPath(other))).to.equal(false)
  })
})
