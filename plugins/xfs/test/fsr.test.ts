/** fsr on a real XFS, file by file; xfs_bmap, hashes and xfs_repair decide. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { fallocate, syncFilesystem } from 'bootpack/kernel'
import { Random } from '../../../test/support/random.js'
import {
  bmapCount,
  contentsBelow,
  growInTurns,
  needXfs,
  xfsBmap,
  xfsMount,
  type XfsMount,
} from '../../../test/support/xfs-mount.js'
import { run, scratchFolder } from '../../../test/support/tools.js'
import { mountOf } from '../src/filesystem/mounts.js'
import { runAll } from '../src/fsr/all-filesystems.js'
import { defragmentFile, type Workshop } from '../src/fsr/defragment-file.js'
import type { FileOutcome } from '../src/fsr/outcome.js'
import { runPass } from '../src/fsr/pass.js'
import { withWorkshop } from '../src/fsr/workshop.js'

const block = 4096
const python = (script: string, ...args: string[]): ChildProcess =>
  spawn('python3', ['-c', script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })

/** Starts a program that prints a line when it is ready, for as long as `during` takes. */
async function beside<Result>(child: ChildProcess, during: () => Result | Promise<Result>): Promise<Result> {
  try {
    await new Promise<void>((resolve, reject) => {
      child.stdout!.once('data', () => resolve())
      child.once('exit', (status) => reject(new Error(`the helper ended with ${status}`)))
    })
    return await during()
  } finally {
    child.removeAllListeners('exit')
    child.kill('SIGKILL')
    await new Promise((resolve) =>
      child.exitCode === null && child.signalCode === null ? child.once('exit', resolve) : resolve(undefined),
    )
  }
}

for (const exchange of [false, true]) {
  describe(`fsr: one file, ${exchange ? 'exchanged by COMMIT_RANGE' : 'swapped by SWAPEXT'}`, () => {
    let mount: XfsMount
    const seed = Date.now() % 1_000_000
    const path = (name: string): string => join(mount.path, 'tree', name)
    const sync = (): void => {
      const fd = openSync(mount.path, 'r')
      syncFilesystem(fd)
      closeSync(fd)
    }
    const reorganise = (name: string, more: Partial<Workshop> = {}): Promise<FileOutcome> =>
      withWorkshop(mountOf(mount.path)!, { dryRun: false }, (workshop) =>
        Promise.resolve(defragmentFile({ ...workshop, ...more }, statSync(path(name)).ino, path(name))),
      )

    before(function () {
      needXfs(this)
      mount = xfsMount({ exchange })
      growInTurns(join(mount.path, 'tree'), 40, new Random(seed))
    })
    after(() => {
      mount?.check()
      mount?.remove()
    })

    it('leaves one extent, the same contents, times, owner, mode and attributes, and nothing else behind', async () => {
      const name = 'file-0'
      chmodSync(path(name), 0o4751)
      chownSync(path(name), 1234, 4321)
      chmodSync(path(name), 0o4751)
      run('python3', [
        '-c',
        'import os, sys; [os.setxattr(sys.argv[1], "user.%d" % i, b"value %d" % i) for i in range(5)]',
        path(name),
      ])
      const contents = contentsBelow(mount.path)
      const before = {
        contents,
        stat: statSync(path(name), { bigint: true }),
        count: bmapCount(path(name)),
        names: readdirSync(mount.path),
      }
      expect(before.count).to.be.above(1)
      const outcome = await reorganise(name)
      expect(outcome, `seed ${seed}`).to.include({ status: 'improved', before: before.count, after: 1, best: 1 })
      expect(bmapCount(path(name))).to.equal(1)
      const after = statSync(path(name), { bigint: true })
      expect(contentsBelow(mount.path)).to.deep.equal(before.contents)
      for (const field of [
        'ino',
        'mode',
        'uid',
        'gid',
        'size',
        'nlink',
        'atimeNs',
        'mtimeNs',
        'ctimeNs',
        'blocks',
      ] as const)
        expect(after[field], field).to.equal(before.stat[field])
      expect(
        run('python3', [
          '-c',
          'import os, sys; print(sorted((n, os.getxattr(sys.argv[1], n)) for n in os.listxattr(sys.argv[1])))',
          path(name),
        ]).stdout,
      ).to.contain("('user.4', b'value 4')")
      expect(readdirSync(mount.path)).to.deep.equal(before.names)
    })

    it('keeps holes holes and unwritten blocks unwritten', async () => {
      const fd = openSync(path('patchwork'), 'w')
      const filler = openSync(path('filler'), 'w')
      let fill = 0
      for (const at of [3, 4, 5, 6, 20, 21, 22]) {
        fallocate(fd, 'allocate', at * block, block)
        writeSync(fd, Buffer.alloc(block, at), 0, block, at * block)
        fallocate(filler, 'allocate', fill++ * block, block)
      }
      for (const at of [7, 8, 9, 30]) {
        fallocate(fd, 'allocate', at * block, block)
        fallocate(filler, 'allocate', fill++ * block, block)
      }
      ftruncateSync(fd, 50 * block - 100)
      closeSync(fd)
      closeSync(filler)
      sync()
      const contents = readFileSync(path('patchwork'))
      const shape = (): string => {
        const kinds: string[] = []
        for (const { from, to, start, unwritten } of xfsBmap(path('patchwork')))
          for (let at = from; at <= to; at += 8) kinds.push(start === undefined ? '.' : unwritten ? 'u' : 'w')
        return kinds.join('')
      }
      const before = shape()
      expect(before.slice(0, 31)).to.equal('...wwwwuuu..........www.......u')
      expect(await reorganise('patchwork')).to.include({ status: 'improved', best: 4, after: 4 })
      expect(shape()).to.equal(before)
      expect(readFileSync(path('patchwork'))).to.deep.equal(contents)
    })

    it('copies what was just written over reserved blocks and is on no disk yet', async () => {
      const [fd, filler] = [openSync(path('dirty'), 'w'), openSync(path('filler-3'), 'w')]
      for (let i = 0; i < 6; i++) {
        fallocate(fd, 'allocate', i * block, block)
        fallocate(filler, 'allocate', i * block, block)
      }
      closeSync(filler)
      sync()
      const contents = Buffer.alloc(6 * block, 'dirty')
      writeSync(fd, contents, 0, contents.length, 0)
      closeSync(fd)
      expect(await reorganise('dirty')).to.include({ status: 'improved', after: 1 })
      run('bash', ['-c', 'sync -f "$0"; echo 1 > /proc/sys/vm/drop_caches', mount.path])
      expect(readFileSync(path('dirty')).equals(contents)).to.equal(true)
    })

    it('a file with attributes that fill its inode, or drove out of it, is reorganised or left whole', async () => {
      for (const [name, size] of [
        ['file-1', 200],
        ['file-2', 3000],
      ] as const) {
        run('python3', [
          '-c',
          'import os, sys; os.setxattr(sys.argv[1], "user.big", b"x" * int(sys.argv[2]))',
          path(name),
          String(size),
        ])
        const contents = contentsBelow(path('..'))
        const count = bmapCount(path(name))
        const outcome = await reorganise(name)
        expect(contentsBelow(path('..'))).to.deep.equal(contents)
        expect(outcome.status, outcome.reason).to.equal('improved')
        expect(bmapCount(path(name))).to.be.below(count)
      }
    })

    it('a dry run says what could be better and moves nothing', async () => {
      const before = xfsBmap(path('file-3'))
      expect(await reorganise('file-3', { dryRun: true })).to.include({
        status: 'would-try',
        before: before.length,
        best: 1,
      })
      expect(xfsBmap(path('file-3'))).to.deep.equal(before)
    })

    const left: Record<string, [code: string, prepare: (file: string) => void, undo?: (file: string) => void]> = {
      'an immutable file': [
        'immutable',
        (file) => void run('chattr', ['+i', file]),
        (file) => void run('chattr', ['-i', file]),
      ],
      'an append-only file': [
        'append-only',
        (file) => void run('chattr', ['+a', file]),
        (file) => void run('chattr', ['-a', file]),
      ],
      'a file marked as not to be defragmented': ['no-defrag', (file) => void run('xfs_io', ['-c', 'chattr +f', file])],
      'a file that shares blocks': ['shared', (file) => void run('cp', ['--reflink=always', file, `${file}-copy`])],
      'an empty file': ['empty', (file) => truncateSync(file, 0)],
      'a file in one piece': [
        'already-best',
        (file) => {
          const bytes = readFileSync(file)
          unlinkSync(file)
          writeFileSync(file, bytes)
        },
      ],
      'a directory': [
        'not-regular',
        (file) => {
          unlinkSync(file)
          run('mkdir', [file])
        },
      ],
    }
    Object.entries(left).forEach(([what, [code, prepare, undo]], i) => {
      it(`leaves ${what} alone`, async () => {
        const name = `file-${10 + i}`
        prepare(path(name))
        sync()
        const before = xfsBmap(path(name))
        const outcome = await reorganise(name)
        undo?.(path(name))
        expect(outcome).to.include({ code })
        expect(outcome.status).to.equal(code === 'already-best' ? 'unchanged' : 'skipped')
        expect(outcome.reason)
          .to.be.a('string')
          .that.matches(/\w+ \w+/)
        expect(xfsBmap(path(name))).to.deep.equal(before)
      })
    })

    it('leaves a file with a mandatory lock alone', async () => {
      chmodSync(path('file-20'), 0o2644)
      const lock = python(
        'import fcntl, sys\nf = open(sys.argv[1], "r+"); fcntl.lockf(f, fcntl.LOCK_EX); print("held", flush=True); sys.stdin.read()',
        path('file-20'),
      )
      expect(await beside(lock, () => reorganise('file-20'))).to.include({ status: 'skipped', code: 'mandatory-lock' })
      expect(await reorganise('file-20')).to.include({ status: 'improved' })
    })

    it('leaves a mapped file alone', async () => {
      const map = python(
        'import mmap, sys\nf = open(sys.argv[1], "rb"); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); print("mapped", flush=True); sys.stdin.read()',
        path('file-21'),
      )
      const outcome = await beside(map, () => reorganise('file-21'))
      expect(outcome).to.include({ status: 'skipped', code: 'mapped' })
      expect(outcome.reason).to.contain(`file busy: mapped into the memory of process ${map.pid}`)
    })

    it('leaves a running program alone', async () => {
      copyFileSync(path('file-22'), path('program'))
      const sleep = readFileSync('/bin/sleep')
      const [fd, filler] = [openSync(path('program'), 'w', 0o755), openSync(path('filler-2'), 'w')]
      for (let at = 0; at < sleep.length; at += 2 * block) {
        fallocate(fd, 'allocate', at, 2 * block)
        fallocate(filler, 'allocate', at, block)
        writeSync(fd, sleep, at, Math.min(2 * block, sleep.length - at), at)
      }
      ftruncateSync(fd, sleep.length)
      closeSync(fd)
      closeSync(filler)
      chmodSync(path('program'), 0o755)
      sync()
      const program = spawn('bash', ['-c', 'echo started; exec "$0" 60', path('program')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const outcome = await beside(program, async () => {
        while (!readFileSync(`/proc/${program.pid}/maps`, 'latin1').includes('/program'))
          await new Promise((resolve) => setTimeout(resolve, 10))
        return reorganise('program', { mapped: { holder: () => undefined } as never })
      })
      expect(outcome).to.include({ status: 'skipped', code: 'executing' })
    })

    it('gives up a file that is written while it is copied, and keeps what was written', async () => {
      const before = xfsBmap(path('file-23'))
      const outcome = await reorganise('file-23', {
        onDetail: () => {
          const fd = openSync(path('file-23'), 'r+')
          writeSync(fd, 'written meanwhile', 0)
          closeSync(fd)
        },
      })
      expect(outcome).to.include({ status: 'failed', code: 'busy' })
      expect(outcome.reason).to.contain('file busy')
      expect(readFileSync(path('file-23'), 'latin1').slice(0, 17)).to.equal('written meanwhile')
      expect(xfsBmap(path('file-23'))).to.deep.equal(before)
    })

    it('gives up a file that is cut short while it is copied', async () => {
      const outcome = await reorganise('file-24', { onDetail: () => truncateSync(path('file-24'), 5000) })
      expect(outcome).to.include({ status: 'failed', code: 'modified' })
      expect(outcome.reason).to.contain('file modified')
      expect(statSync(path('file-24')).size).to.equal(5000)
    })

    it('moves a file near a directory of another allocation group, and says how near', async () => {
      const groupBlocks = 25600
      for (let i = 0; i < 8; i++) run('mkdir', ['-p', path(`group-${i}`)])
      const groupOf = (directory: string): Promise<{ group: number; block: number }> =>
        withWorkshop(mountOf(mount.path)!, { dryRun: true }, ({ filesystem }) => {
          const { ino } = statSync(path(directory))
          return Promise.resolve({ group: filesystem.groupOfInode(ino), block: filesystem.blockOfInode(ino) })
        })
      const start = Math.floor(xfsBmap(path('file-25'))[0]!.start! / 8 / groupBlocks)
      const places = await Promise.all(Array.from({ length: 8 }, (_, i) => groupOf(`group-${i}`)))
      const goal = places.find(({ group }) => group !== start)!
      const outcome = await reorganise('file-25', { near: goal.block })
      expect(outcome.status, outcome.reason).to.equal('improved')
      const [only, ...others] = xfsBmap(path('file-25'))
      expect(others).to.deep.equal([])
      expect(Math.floor(only!.start! / 8 / groupBlocks)).to.equal(goal.group)
      const blocks = (only!.to - only!.from + 1) / 8
      expect(outcome.distance!.after).to.equal(Math.round(Math.abs(only!.start! / 8 + (blocks - 1) / 2 - goal.block)))
      expect(outcome.distance!.after).to.be.below(outcome.distance!.before)
    })

    it('says so when there is no room for a copy', async () => {
      const free = Number(run('stat', ['-f', '-c', '%a', mount.path]).stdout) * block
      run('xfs_io', ['-f', '-c', `falloc 0 ${free - (1 << 20)}`, path('ballast')])
      try {
        expect(await reorganise('file-26')).to.include({ status: 'skipped', code: 'no-room' })
      } finally {
        unlinkSync(path('ballast'))
        sync()
      }
    })
  })
}

describe('fsr: passes and targets', () => {
  let mount: XfsMount
  let scratch: ReturnType<typeof scratchFolder>
  const names = 70

  before(function () {
    needXfs(this)
    mount = xfsMount()
    scratch = scratchFolder()
    growInTurns(join(mount.path, 'tree'), names, new Random(5))
  })
  after(() => {
    mount?.check()
    mount?.remove()
    scratch?.remove()
  })

  const extents = (): number =>
    readdirSync(join(mount.path, 'tree')).reduce((sum, name) => sum + bmapCount(join(mount.path, 'tree', name)), 0)

  it('a pass takes the worst tenth of each batch and leaves the others', async () => {
    const counts = new Map(
      readdirSync(join(mount.path, 'tree')).map((name) => {
        const path = join(mount.path, 'tree', name)
        return [statSync(path).ino, bmapCount(path)]
      }),
    )
    const outcomes: FileOutcome[] = []
    const end = await withWorkshop(mountOf(mount.path)!, { dryRun: false }, (workshop) =>
      runPass(workshop, { from: 1, percent: 10, stop: () => false, onOutcome: (outcome) => outcomes.push(outcome) }),
    )
    expect(end).to.include({ finished: true, tried: outcomes.length })
    // Batches of 64 inodes, of which some are directories.
    expect(outcomes.length).to.be.within(Math.floor(names / 10), Math.ceil(names / 10) + 4)
    expect(outcomes.every(({ status }) => status === 'improved')).to.equal(true)
    const chosen = outcomes.map(({ inode }) => counts.get(inode)!)
    const all = [...counts.values()].sort((a, b) => b - a)
    expect(chosen.reduce((a, b) => a + b) / chosen.length).to.be.above(all.reduce((a, b) => a + b) / all.length)
  })

  it('without time it notes where it is, the next run goes on there, and the last one removes the note', async () => {
    const leftOff = join(scratch.path, 'left-off')
    const mounts = [mountOf(mount.path)!]
    const before = contentsBelow(mount.path)
    const said: string[] = []
    const options = {
      passes: 30,
      leftOff,
      workshop: { dryRun: false },
      signal: new AbortController().signal,
      mounts,
      say: (line: string) => said.push(line),
    }
    let files = 0
    const abort = new AbortController()
    expect(
      await runAll({ ...options, seconds: 100, signal: abort.signal, onOutcome: () => ++files >= 5 && abort.abort() }),
    ).to.include({ why: 'interrupted' })
    expect(readFileSync(leftOff, 'utf8')).to.match(new RegExp(`^${mounts[0]!.device} 0 \\d+\n$`))
    expect(await runAll({ ...options, seconds: 0, onOutcome: () => files++ })).to.include({ why: 'time-up', passes: 0 })
    expect(files).to.equal(5)
    expect(await runAll({ ...options, seconds: 100, onOutcome: () => files++ })).to.include({ why: 'nothing-left' })
    expect(() => statSync(leftOff)).to.throw('ENOENT')
    expect(extents()).to.equal(names)
    expect(contentsBelow(mount.path)).to.deep.equal(before)
  })

  it('as a program: lines, exit codes and JSON', () => {
    growInTurns(join(mount.path, 'more'), 12, new Random(6))
    const fsr = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(
        process.execPath,
        [
          '--import',
          'tsx',
          '--conditions=bootpack-source',
          join(import.meta.dirname, 'run-command.ts'),
          'fsr',
          ...args,
        ],
        { encoding: 'utf8', cwd: join(import.meta.dirname, '../../..') },
      )
    const file = join(mount.path, 'more', 'file-0')
    const count = bmapCount(file)
    const one = fsr(file)
    expect(one.stderr).to.equal('')
    expect(one.stdout).to.contain(`extents before:${count} after:1 DONE ${file}\n`)
    expect(one.status).to.equal(0)
    expect(fsr('-v', file))
      .to.include({ status: 4 })
      .with.property('stdout')
      .that.contains(`${file}: already fully defragmented`)
    const all = fsr('--json', join(mount.path, 'more'))
    expect(JSON.parse(all.stdout).totals).to.include({ improved: 11, failed: 0, unchanged: 1 })
    expect(all.status).to.equal(0)
    expect(fsr(join(mount.path, 'nothing'))).to.include({ status: 2 })
    expect(fsr('/proc')).to.include({ status: 5 }).with.property('stderr').that.contains('not on a mounted XFS')
    for (const name of readdirSync(join(mount.path, 'more')))
      expect(bmapCount(join(mount.path, 'more', name)), name).to.equal(1)
  })
})
