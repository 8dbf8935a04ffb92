/**
 * Recording a real ext4 that was never mounted before, so that every page comes from
 * the disk. What was recorded must be what the kernel says is in memory afterwards,
 * and metadata must be where e2fsprogs says it lies.
 */
import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { residentRanges } from '../../src/kernel/mincore.js'
import { loopMount, type LoopMount } from '../support/loop-mount.js'
import { debugfs, testUuid } from '../support/images.js'
import { needLoopMounts, needOthersCanRead, needTools, run, scratchFolder, skip } from '../support/tools.js'
import { bootpack, instances, launcher, needTracing, readBack, start, tracing, until } from './support.js'

const page = 4096
const names = ['/late/one', '/late/two', '/late/three', '/late/n\udcffme']

/** Whether an instance of ours is there and its event is on. */
const recording = (): boolean =>
  instances().some((name) =>
    readFileSync(
      join(tracing, 'instances', name, 'events/filemap/mm_filemap_add_to_page_cache/enable'),
      'utf8',
    ).startsWith('1'),
  )

/** Resident parts of a file as [from, to) in pages. */
function resident(path: string): number[][] {
  const fd = openSync(path, 'r')
  try {
    return residentRanges(fd, statSync(path).size).map(({ from, length }) => [from / page, (from + length) / page])
  } finally {
    closeSync(fd)
  }
}

/** The same of the reads of a file in a trace: sorted and joined. */
function recorded(reads: readonly { path?: string; off: number; len?: number }[], path: string): number[][] {
  const joined: number[][] = []
  const ranges = reads
    .filter((read) => read.path === path)
    .map(({ off, len }) => [off / page, Math.ceil((off + len!) / page)])
  for (const [from, to] of ranges.sort(([a], [b]) => a! - b!)) {
    const last = joined.at(-1)
    if (last && from! <= last[1]!) last[1] = Math.max(last[1]!, to!)
    else joined.push([from!, to!])
  }
  return joined
}

describe('bootpack collect watch', function () {
  this.timeout(60_000)
  const scratch = scratchFolder()
  const trace = join(scratch.path, 'watch.trace')
  let mount: LoopMount

  /** A filesystem with enough files that the last of them have their inodes where mounting does not read. */
  function cold(): LoopMount {
    return loopMount({ size: 128 << 20, blockSize: page, tree: join(scratch.path, 'tree') })
  }

  before(function () {
    needTracing(this)
    needTools(this, 'mke2fs', 'debugfs', 'fincore', 'dd', 'losetup', 'python3')
    for (let n = 0; n < 12; n++) mkdirSync(join(scratch.path, `tree/early${n}`), { recursive: true })
    for (let n = 0; n < 1200; n++) writeFileSync(join(scratch.path, `tree/early${n % 12}/${n}`), 'x')
    mkdirSync(join(scratch.path, 'tree/late'))
    writeFileSync(join(scratch.path, 'tree/late/one'), Buffer.alloc(300_000, 'one '))
    writeFileSync(join(scratch.path, 'tree/late/two'), Buffer.alloc(9000, 'two '))
    writeFileSync(join(scratch.path, 'tree/late/three'), Buffer.alloc(8 << 20, 'three '))
    writeFileSync(Buffer.from(`${scratch.path}/tree/late/n\xffme`, 'latin1'), 'four')
    mount = cold()
  })
  afterEach(() => expect(instances()).to.deep.equal([]))
  after(() => {
    mount?.remove()
    scratch.remove()
  })

  it('records the pages a command reads, and no others, in order, with names and owners', () => {
    const files = ['two', 'one', 'three'].map((name) => join(mount.path, 'late', name))
    // Nothing below was ever looked at since it was mounted: looking would read the folder and the inodes.
    const script = `cat late/two; dd if=late/three bs=4k skip=700 count=1 status=none; cat late/n?me late/one`
    const ran = bootpack(
      ['collect', 'watch', '-o', trace, '--target', mount.path, '--', 'sh', '-c', script],
      [0],
      mount.path,
    )
    expect(ran.stdout.startsWith('two two'), 'the command has our standard output').to.equal(true)
    const { header, reads } = readBack(trace)
    for (const name of names.slice(0, 3)) expect(recorded(reads, name), name).to.deep.equal(resident(mount.path + name))
    expect(recorded(reads, '/late/three')[0]![0]).to.be.within(1, 700)
    const pages = run('fincore', ['--bytes', '--noheadings', '--output', 'pages', ...files])
      .stdout.trim()
      .split(/\s+/)
      .map(Number)
    expect(
      ['/late/two', '/late/one', '/late/three'].map((name) =>
        recorded(reads, name).reduce((sum, [from, to]) => sum + to! - from!, 0),
      ),
    ).to.deep.equal(pages)
    const order = [...new Set(reads.filter(({ kind }) => kind === 'data').map(({ path }) => path))]
    expect(order).to.deep.equal(['/late/two', '/late/three', '/late/n\udcffme', '/late/one'])
    expect(reads.map(({ t }) => t!)).to.deep.equal(reads.map(({ t }) => t!).sort((a, b) => a - b))
    expect(reads.every(({ t, dev }) => t! >= 0 && t! < 60e6 && dev === undefined)).to.equal(true)
    for (const { ino, path, kind } of reads)
      if (kind === 'data')
        expect(ino).to.equal(statSync(Buffer.from(mount.path + path!.replace('\udcff', '\xff'), 'latin1')).ino)

    const { dev } = statSync(mount.path)
    expect(header).to.deep.include({
      source: 'tracefs',
      root: `${dev >> 8}:${dev & 0xff}`,
      mount: mount.path,
      filesystem: 'ext4',
      resolved: testUuid,
      stopped: 'command',
    })
    expect(header.lost).to.equal(undefined)
    const metadata = reads.filter(({ kind }) => kind !== 'data')
    const folder = Number(/Inode: (\d+)/.exec(debugfs(mount.image, 'stat /late'))![1])
    expect(
      metadata.some(({ kind, ino, path }) => kind === 'directory' && ino === folder && path === '/late'),
      'the directory',
    ).to.equal(true)
    const table = Number(/located at block (\d+)/.exec(debugfs(mount.image, 'imap /late/one'))![1])
    expect(
      metadata.some(
        ({ what, off, len }) => what === 'inode-table' && off <= table * page && (table + 1) * page <= off + len!,
      ),
      'the inode table',
    ).to.equal(true)
  })

  it('has nothing to tell of what is in memory, and says so', () => {
    const read = ['collect', 'watch', '-o', trace, '--target', mount.path, '--', 'cat', join(mount.path, 'late/one')]
    bootpack(read)
    const { stdout } = bootpack(read)
    expect(stdout).to.contain('nothing was read from a disk')
    expect(readBack(trace).reads).to.deep.equal([])
  })

  it('gives each filesystem a trace of its own, ready to be measured', () => {
    const [one, other] = [cold(), cold()]
    try {
      const ran = bootpack([
        'collect',
        'watch',
        '--json',
        '-o',
        trace,
        '--target',
        one.path,
        '--target',
        join(other.path, 'late'),
        '--',
        'sh',
        '-c',
        `cat ${one.path}/late/two ${other.path}/late/one ${one.path}/early3/3 >/dev/null`,
      ])
      const { traces } = JSON.parse(ran.stdout) as { traces: { file: string; mount: string; files: number }[] }
      const second = join(scratch.path, `${one.path.slice(1).replaceAll('/', '-')}-watch.trace`)
      expect(traces.map(({ file, mount: at, files }) => ({ file, at, files }))).to.deep.equal([
        { file: trace, at: other.path, files: 1 },
        { file: second, at: one.path, files: 2 },
      ])
      expect([
        ...new Set(
          readBack(second)
            .reads.filter(({ kind }) => kind === 'data')
            .map(({ path }) => path),
        ),
      ]).to.deep.equal(['/late/two', '/early3/3'])
      one.unmount()
      const measure = JSON.parse(bootpack(['measure', one.image, '--trace', second, '--json']).stdout) as {
        files: number
        missing: number
        readBlocks: number
      }
      expect(measure).to.deep.include({ files: 2, missing: 0 })
      expect(measure.readBlocks).to.be.at.least(3 + 1)
    } finally {
      one.remove()
      other.remove()
    }
  })

  it("ends with the command's exit code, and keeps the trace", () => {
    const ended = (script: string, ok: number): void => {
      bootpack(['collect', 'watch', '-o', trace, '--target', mount.path, '--', 'sh', '-c', script], [ok])
      expect(readBack(trace).header).to.deep.include({ source: 'tracefs', command: ['sh', '-c', script] })
    }
    ended('exit 7', 7)
    ended('kill -KILL $$', 137)
    const { stderr } = bootpack(['collect', 'watch', '-o', trace, '--', 'no-such-program-anywhere'], [2])
    expect(stderr).to.contain('There is no program no-such-program-anywhere.')
  })

  it('keeps standard output for the result where that is asked for', () => {
    const json = bootpack(['collect', 'watch', '--json', '-o', trace, '--target', mount.path, '--', 'echo', 'aside'])
    expect(json.stderr).to.contain('aside')
    expect(JSON.parse(json.stdout)).to.deep.include({
      method: 'tracefs',
      stopped: 'command',
      lost: 0,
      command: { exitCode: 0 },
    })
    const piped = bootpack(['collect', 'watch', '-o', '-', '--target', mount.path, '--', 'echo', 'aside'])
    expect(piped.stderr).to.contain('aside')
    expect(JSON.parse(piped.stdout.split('\n')[0]!)).to.deep.include({ bootpack: 'trace', source: 'tracefs' })
  })

  it('says what was lost, in its exit code too', () => {
    const fresh = cold()
    try {
      // Single pages in an order that no reading ahead helps: 2,048 events into room for some 90 of them, faster than any reader.
      const script = `import os\nf = os.open('${fresh.path}/late/three', os.O_RDONLY)\nos.posix_fadvise(f, 0, 0, os.POSIX_FADV_RANDOM)\nfor i in range(2048): os.pread(f, 1, (i * 1021 % 2048) * 4096)`
      const ran = bootpack([
        'collect',
        'watch',
        '--json',
        '-o',
        trace,
        '--target',
        fresh.path,
        '--buffer',
        '1',
        '--',
        'python3',
        '-c',
        script,
      ])
      const { lost, traces } = JSON.parse(ran.stdout) as { lost: number; traces: { files: number }[] }
      const { header, reads } = readBack(trace)
      expect(lost).to.be.above(0)
      expect(header.lost).to.equal(lost)
      expect(traces[0]!.files).to.be.above(0)
      const seen = reads.filter(({ path }) => path === '/late/three').reduce((sum, { len }) => sum + len! / page, 0)
      // What others on this machine read in that time may be among the lost as well.
      expect(seen).to.be.within(1, 2047)
      expect(seen + lost).to.be.at.least(2048)
      const text = bootpack(['trace', 'show', trace]).stdout
      expect(text).to.contain(`lost       ${lost.toLocaleString('en-US')} events`)
    } finally {
      fresh.remove()
    }
  })

  it('stops when the time is over, or the disk was quiet', () => {
    const stopped = (...flags: string[]): unknown =>
      (
        JSON.parse(bootpack(['collect', 'watch', '--json', '-o', trace, '--target', mount.path, ...flags]).stdout) as {
          stopped: unknown
        }
      ).stopped
    expect(stopped('--seconds', '0')).to.equal('time')
    expect(stopped('--seconds', '1', '--', 'sleep', '2')).to.equal('time')
    expect(stopped('--quiet-for', '1', '--seconds', '20')).to.equal('quiet')
  })

  for (const [signal, code, written] of [
    ['SIGINT', 130, true],
    ['SIGTERM', 130, true],
    ['SIGHUP', 129, false],
  ] as const) {
    it(`leaves nothing behind after ${signal}`, async () => {
      writeFileSync(trace, '')
      const { pid, ended } = start(['collect', 'watch', '-o', trace, '--target', mount.path, '--seconds', '50'])
      await until(recording, 'it records')
      process.kill(pid, signal)
      expect((await ended).code).to.equal(code)
      expect(readFileSync(trace, 'utf8') !== '', 'what was recorded is written').to.equal(written)
    })
  }

  it('takes Ctrl-C as its end where no other was given', async () => {
    const { pid, ended } = start(['collect', 'watch', '-o', trace, '--target', mount.path])
    await until(recording, 'it records')
    process.kill(pid, 'SIGINT')
    expect((await ended).code).to.equal(0)
    expect(readBack(trace).header).to.deep.include({ stopped: 'interrupted' })
  })

  it('goes at once at the second signal, while the command does not end', async () => {
    const { pid, ended } = start([
      'collect',
      'watch',
      '-o',
      trace,
      '--target',
      mount.path,
      '--',
      'sh',
      '-c',
      'exec 2>&-; trap "" TERM; sleep 4',
    ])
    await until(recording, 'it records')
    process.kill(pid, 'SIGTERM')
    await until(() => instances().length === 0, 'it stops recording')
    process.kill(pid, 'SIGTERM')
    expect((await ended).code).to.equal(143)
  })

  it('removes what a killed run left, and leaves that of a living one', async () => {
    const killed = start(['collect', 'watch', '-o', trace, '--seconds', '50'])
    await until(recording, 'it records')
    process.kill(killed.pid, 'SIGKILL')
    await killed.ended
    expect(instances()).to.have.length(1)
    const [left] = instances()
    const living = start([
      'collect',
      'watch',
      '-o',
      join(scratch.path, 'other.trace'),
      '--target',
      mount.path,
      '--seconds',
      '50',
    ])
    await until(() => !instances().includes(left!) && instances().length === 1, 'the next run records')
    const [other] = instances()
    bootpack(['collect', 'watch', '-o', trace, '--target', mount.path, '--seconds', '0'])
    expect(instances()).to.deep.equal([other])
    process.kill(living.pid, 'SIGTERM')
    expect((await living.ended).code).to.equal(130)
  })

  it('never records itself', () => {
    // The folder of a program nobody has read yet on this mount: its own reads would be the only ones.
    const fresh = cold()
    try {
      const copy = join(fresh.path, 'bootpack')
      run('cp', [
        '-a',
        ...['bin', 'dist', 'package.json'].map((name) => new URL(`../../${name}`, import.meta.url).pathname),
        join(mkdirOf(copy), '/'),
      ])
      run('ln', ['-s', new URL('../../node_modules', import.meta.url).pathname, join(copy, 'node_modules')])
      run('sync', ['-f', fresh.path])
      fresh.unmount()
      fresh.mount()
      const ran = run(process.execPath, [
        join(copy, 'bin/bootpack.js'),
        'collect',
        'watch',
        '-o',
        trace,
        '--target',
        fresh.path,
        '--',
        'cat',
        join(fresh.path, 'late/two'),
      ])
      expect(ran.stdout.startsWith('two two')).to.equal(true)
      const files = [
        ...new Set(
          readBack(trace)
            .reads.filter(({ kind }) => kind === 'data')
            .map(({ path }) => path),
        ),
      ]
      expect(files).to.deep.equal(['/late/two'])
    } finally {
      fresh.remove()
    }
  })

  it('names files of filesystems no engine knows by a walk', function () {
    needTools(this, 'mkfs.btrfs', 'losetup')
    if (!/\bbtrfs\b/.test(readFileSync('/proc/filesystems', 'utf8'))) skip(this, 'needs a kernel with btrfs')
    const image = join(scratch.path, 'btrfs')
    const folder = mkdirOf(join(scratch.path, 'btrfs-mounted'))
    run('truncate', ['-s', '128M', image])
    run('mkfs.btrfs', ['-q', image])
    const device = run('losetup', ['--find', '--show', image]).stdout.trim()
    try {
      run('mount', [device, folder])
      mkdirSync(join(folder, 'sub'))
      for (const name of ['sub/file', 'gone', 'other']) writeFileSync(join(folder, name), Buffer.alloc(20_000, 1))
      run('umount', [folder])
      run('mount', [device, folder])
      bootpack(
        [
          'collect',
          'watch',
          '-o',
          trace,
          '--target',
          folder,
          '--',
          'sh',
          '-c',
          'cat sub/file gone other; rm gone; mv other moved',
        ],
        [0],
        folder,
      )
      const { header, reads } = readBack(trace)
      expect(header).to.deep.include({ source: 'tracefs', filesystem: 'btrfs', missing: 1 })
      expect(header.root).to.match(/^0:/)
      const inode = (name: string): number => statSync(join(folder, name)).ino
      expect(reads.map(({ ino, path, off, len }) => ({ ino, path, off, len }))).to.deep.equal([
        { ino: inode('sub/file'), path: '/sub/file', off: 0, len: 20480 },
        { ino: inode('moved'), path: '/moved', off: 0, len: 20480 },
      ])
    } finally {
      spawnSync('umount', [folder])
      run('losetup', ['--detach', device])
      rmdirSync(folder)
    }
  })
})

const mkdirOf = (path: string): string => {
  mkdirSync(path)
  return path
}

describe("bootpack collect watch without the kernel's trace", function () {
  this.timeout(60_000)
  const scratch = scratchFolder()
  const trace = join(scratch.path, 'watch.trace')
  let mount: LoopMount

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'unshare', 'setpriv')
    mkdirSync(join(scratch.path, 'tree/folder'), { recursive: true })
    for (const name of ['a', 'b', 'c', 'folder/d'])
      writeFileSync(join(scratch.path, 'tree', name), Buffer.alloc(20_000, name))
    writeFileSync(join(scratch.path, 'tree/empty'), '')
    mount = loopMount({ size: 32 << 20, blockSize: page, tree: join(scratch.path, 'tree') })
  })
  after(() => {
    mount?.remove()
    scratch.remove()
  })

  it('records files by fanotify, cached or not, in order, folders too, and never its own', () => {
    for (let round = 0; round < 2; round++) {
      const script = `cat c folder/d empty; sleep 0.2; ls folder; sleep 0.2; cat a >/dev/null; mv a a2; echo new >c`
      bootpack(
        [
          'collect',
          'watch',
          '--method',
          'fanotify',
          '-o',
          trace,
          '--target',
          mount.path,
          '--',
          'sh',
          '-c',
          round === 0 ? script : script.replaceAll(' a', ' b'),
        ],
        [0],
        mount.path,
      )
      const { header, reads } = readBack(trace)
      expect(header).to.deep.include({ source: 'fanotify', filesystem: 'ext4' })
      expect(header.ignored!['empty']).to.be.at.least(1)
      const inode = (name: string): number => statSync(join(mount.path, name)).ino
      expect(reads.map(({ ino, path, kind }) => ({ ino, path, kind }))).to.deep.equal([
        { ino: inode('c'), path: '/c', kind: 'data' },
        { ino: inode('folder/d'), path: '/folder/d', kind: 'data' },
        { ino: inode('folder'), path: '/folder', kind: 'directory' },
        { ino: inode(round === 0 ? 'a2' : 'b2'), path: round === 0 ? '/a2' : '/b2', kind: 'data' },
      ])
      run('mv', [join(mount.path, round === 0 ? 'a2' : 'b2'), join(mount.path, round === 0 ? 'a' : 'b')])
    }
  })

  it('falls back to fanotify where tracefs is not mounted, unless told otherwise', () => {
    const script = (...flags: string[]): string =>
      `umount /sys/kernel/tracing 2>/dev/null; umount /sys/kernel/debug 2>/dev/null; exec ${process.execPath} ${launcher} collect watch -o ${trace} --target ${mount.path} ${flags.join(' ')} -- cat ${mount.path}/b`
    const ran = run('unshare', ['--mount', 'sh', '-c', script()])
    expect(ran.stderr).to.contain('Recording with fanotify: files, not pages.')
    expect(readBack(trace).reads.map(({ path }) => path)).to.deep.equal(['/b'])
    const refused = run('unshare', ['--mount', 'sh', '-c', script('--method', 'tracefs')], { ok: [5] })
    expect(refused.stderr).to.contain('mount -t tracefs tracefs /sys/kernel/tracing')
  })

  it('takes a snapshot of what is in memory, and says that it knows no order', () => {
    mount.unmount()
    mount.mount()
    run('cat', [join(mount.path, 'folder/d')])
    run('dd', [`if=${join(mount.path, 'b')}`, 'bs=4k', 'count=1', 'status=none', 'of=/dev/null'])
    bootpack(['collect', 'watch', '--method', 'mincore', '-o', trace, '--target', mount.path])
    const { header, reads } = readBack(trace)
    expect(header).to.deep.include({ source: 'mincore', order: 'unknown' })
    expect(recorded(reads, '/folder/d')).to.deep.equal([[0, 5]])
    expect(recorded(reads, '/b')).to.deep.equal(resident(join(mount.path, 'b')))
    expect([...new Set(reads.map(({ path }) => path))]).to.deep.equal(['/b', '/folder/d'])
    expect(reads.every((read) => read.t === undefined && read.ino === statSync(mount.path + read.path!).ino)).to.equal(
      true,
    )
    bootpack(['collect', 'watch', '--method', 'mincore', '-o', trace, '--target', join(mount.path, 'folder')])
    expect(readBack(trace).reads.map(({ path, off, len }) => ({ path, off, len }))).to.deep.equal([
      { path: '/folder/d', off: 0, len: 20_000 },
    ])
  })

  it('says to those who are not root what they can do, and believes nothing the kernel pretends to them', function () {
    needOthersCanRead(this)
    const asNobody = (...words: string[]) =>
      run('setpriv', ['--reuid', '65534', '--clear-groups', process.execPath, launcher, ...words], {
        ok: [0, 5],
        env: { HOME: '/nonexistent' },
      })
    const folder = scratchFolder()
    try {
      run('chmod', ['777', folder.path])
      run('chmod', ['711', join(mount.path, '..')])
      const out = join(folder.path, 'x.trace')
      const refused = asNobody('collect', 'watch', '-o', out, '--', 'true')
      expect(refused.status).to.equal(5)
      expect(refused.stderr).to.contain("bootpack: The kernel's tracing is for root.\nRun the command with sudo.")
      const partly = asNobody('collect', 'watch', '--method', 'mincore', '--target', mount.path, '-o', out)
      expect(partly.status).to.equal(0)
      expect(readBack(out)).to.deep.include({ reads: [] })
      expect(readBack(out).header.ignored).to.deep.include({ 'not-ours': 4 })
      expect(partly.stdout).to.contain('4 files of other users were left out')
    } finally {
      folder.remove()
    }
  })
})
