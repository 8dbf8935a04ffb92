/**
 * The very script a boot runs, by every shell it may meet there: dash, bash, busybox and
 * klibc, with their own cat and dd; on a mounted filesystem whose caches are empty. What
 * it read is what is in memory afterwards. A failure of any kind must end in nothing
 * read, nothing run, status 0, and soon.
 */
import { expect } from 'chai'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { residentRanges } from '../../src/kernel/mincore.js'
import { diskModels, referenceModel } from '../../src/measure/disk-model.js'
import { filledIn } from '../../src/preload/install-targets.js'
import { listOf, listText, type PreloadList } from '../../src/preload/list-text.js'
import { deviceUnit, type Sweep } from '../../src/preload/prefetch-plan.js'
import { buildSweep } from '../../src/provision/build-sweep.js'
import { engines } from '../../src/engines.js'
import { openVolume } from '../../src/volume/open-volume.js'
import { decodeName, encodeName } from '../../src/bytes/file-name.js'
import { loopMount, type LoopMount } from '../support/loop-mount.js'
import { hasTool, needLoopMounts, needTools, scratchFolder, skip } from '../support/tools.js'

const script = readFileSync(new URL('../../share/preload/preload.sh', import.meta.url), 'utf8')
const scratch = scratchFolder()
const canary = join(scratch.path, 'canary')
const model = diskModels.find(({ name }) => name === referenceModel)!

/** Names that a shell would trip over. */
const names = [
  'plain',
  'with blank ',
  ' before',
  'a\nb',
  'ends\n',
  '\n',
  'tab\there',
  '-n',
  '--help',
  '*',
  '?[a]',
  '~',
  `$(touch ${canary})`.replaceAll('/', '\\057'),
  '`touch canary`',
  "it's",
  '"quoted"',
  'back\\slash',
  '\\0101',
  '%s%n',
  'é',
  decodeName(Uint8Array.of(0x81, 0xff, 0x88)),
  '; touch canary',
  '#x',
  '=',
  '$HOME',
  '& x',
]

interface Shell {
  readonly name: string
  readonly words: readonly string[]
  readonly path: string
}

function shells(): Shell[] {
  const found: Shell[] = []
  if (hasTool('dash')) found.push({ name: 'dash', words: ['/bin/dash'], path: '/usr/sbin:/usr/bin:/sbin:/bin' })
  if (hasTool('bash'))
    found.push({ name: 'bash --posix', words: ['/bin/bash', '--posix'], path: '/usr/sbin:/usr/bin:/sbin:/bin' })
  if (hasTool('busybox')) {
    const folder = join(scratch.path, 'busybox')
    mkdirSync(folder)
    for (const applet of ['cat', 'dd', 'sleep', 'kill']) symlinkSync('/bin/busybox', join(folder, applet))
    found.push({ name: 'busybox', words: ['/bin/busybox', 'sh'], path: folder })
  }
  const klibc = '/usr/lib/klibc/bin'
  if (existsSync(`${klibc}/sh`)) found.push({ name: 'klibc', words: [`${klibc}/sh`], path: klibc })
  return found
}

describe('the script that reads in advance', function () {
  this.timeout(60_000)
  let loop: LoopMount
  let sweep: Sweep
  let list: PreloadList

  const at = (path: string): Buffer => Buffer.concat([Buffer.from(loop.path), encodeName(path)])
  const listPath = (): string => join(loop.path, 'etc/bootpack/preload.list')

  before(async function () {
    needLoopMounts(this)
    needTools(this, 'dash', 'mke2fs', 'mount')
    loop = loopMount({ size: 96 << 20, blockSize: 4096 })
    mkdirSync(at('/deep/er'), { recursive: true })
    mkdirSync(at('/etc/bootpack'), { recursive: true })
    for (const name of names) writeFileSync(at(`/deep/er/${name}`), Buffer.alloc(9000, 1))
    writeFileSync(at('/large'), Buffer.alloc(8 << 20, 2))
    writeFileSync(at('/unlisted'), Buffer.alloc(40_000, 3))
    writeFileSync(listPath(), '')
    fresh()
    loop.unmount()
    const volume = await openVolume(loop.image, { write: false }, engines)
    const reads = [
      ...names.map((name) => ({ path: `/deep/er/${name}`, off: 0, kind: 'data' as const })),
      { path: '/large', off: 0, len: 100_000, kind: 'data' as const },
      { path: '/large', off: 6 << 20, len: 50_000, kind: 'data' as const },
    ]
    ;({ sweep } = await buildSweep(reads, volume, { model, mostBytes: 1 << 30, mostEntries: 1000 }))
    list = listOf(sweep, volume.geometry().uuid)
    await volume.close()
    expect(sweep.files).to.have.length(names.length + 1)
    loop.mount()
  })
  after(() => {
    loop?.remove()
    scratch.remove()
  })

  /** Nothing of the filesystem is in memory after this, except what mounting reads. */
  function fresh(...options: string[]): void {
    loop.unmount()
    notBusy()
    execFileSync('blockdev', ['--flushbufs', loop.device])
    loop.mount(...options)
  }

  /**
   * Whatever the script leaves running keeps its own view of the mounts, and the device busy;
   * so does, for a while, whoever on this machine has just entered a mount namespace.
   */
  function notBusy(): void {
    for (let attempt = 0; ; attempt++) {
      try {
        return closeSync(openSync(loop.device, constants.O_RDONLY | constants.O_EXCL))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || attempt === 400) throw error
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
      }
    }
  }

  const writeList = (text: string | undefined): void => {
    fresh()
    rmSync(listPath(), { recursive: true, force: true })
    if (text !== undefined) writeFileSync(listPath(), text)
    fresh('ro')
  }

  const residentBytes = (path: Buffer): number => {
    const fd = openSync(path, 'r')
    try {
      return residentRanges(fd, statSync(path).size).reduce((sum, { length }) => sum + length, 0)
    } finally {
      closeSync(fd)
    }
  }

  const deviceResident = (from: number, length: number): boolean => {
    const fd = openSync(loop.device, 'r')
    try {
      const size = Number(readFileSync(`/sys/block/${loop.device.slice(5)}/size`, 'utf8')) * 512
      return residentRanges(fd, size).some(
        (range) => range.from <= from && from + Math.min(length, size - from) <= range.from + range.length,
      )
    } finally {
      closeSync(fd)
    }
  }

  interface Outcome {
    readonly status: number | null
    readonly seconds: number
    /** Bytes of listed files in memory. */
    readonly bytes: number
  }

  interface Surroundings {
    readonly limit?: number
    readonly path?: string
    readonly environment?: Record<string, string>
    readonly arguments?: readonly string[]
    /** Shell commands run before, in a mount namespace of their own. */
    readonly prepare?: string
  }

  function runScript(shell: Shell, around: Surroundings = {}): Outcome {
    const file = join(scratch.path, 'preload.sh')
    writeFileSync(file, filledIn(script, around.limit ?? 30))
    const words = [...shell.words, file, ...(around.arguments ?? [loop.path])]
    const [program, ...rest] =
      around.prepare === undefined
        ? words
        : [
            'unshare',
            '--mount',
            '--propagation',
            'private',
            'sh',
            '-c',
            `${around.prepare}\nPATH=$INNER exec "$@"`,
            'sh',
            ...words,
          ]
    const inner = around.path ?? shell.path
    const begun = Date.now()
    const { status, stdout, stderr } = spawnSync(program!, rest, {
      cwd: scratch.path,
      encoding: 'utf8',
      timeout: 50_000,
      env: { PATH: around.prepare === undefined ? inner : process.env['PATH']!, INNER: inner, ...around.environment },
    })
    const seconds = (Date.now() - begun) / 1000
    expect(stdout + stderr, 'it is silent').to.equal('')
    expect(existsSync(canary), 'something was executed').to.equal(false)
    expect(existsSync(join(scratch.path, 'canary'))).to.equal(false)
    const bytes = [...new Set(list.files.map(({ path }) => path))].reduce(
      (sum, path) => sum + (existsSync(at(path)) ? residentBytes(at(path)) : 0),
      0,
    )
    return { status, seconds, bytes }
  }

  function expectNothing(outcome: Outcome, within = 10): void {
    expect(outcome.status).to.equal(0)
    expect(outcome.bytes, 'bytes read').to.equal(0)
    expect(outcome.seconds).to.be.below(within)
  }

  for (const shell of shells()) {
    describe(`in ${shell.name}`, () => {
      const good = (): string => listText(list)

      it('reads every range and every file, whatever it is called, and nothing else', () => {
        writeList(good())
        expect(runScript(shell)).to.include({ status: 0 })
        for (const { skip, count } of list.ranges)
          expect(deviceResident(skip * deviceUnit, count * deviceUnit), `range at ${skip}`).to.equal(true)
        for (const name of names)
          expect(residentBytes(at(`/deep/er/${name}`)), JSON.stringify(name)).to.be.at.least(9000)
        expect(residentBytes(at('/unlisted'))).to.equal(0)
        // Of the large file its two ends, and what the kernel reads ahead of them.
        expect(residentBytes(at('/large'))).to.be.within(150_000, 3 << 20)
      })

      it('takes the root from initramfs-tools and from dracut', () => {
        for (const name of ['rootmnt', 'NEWROOT']) {
          writeList(good())
          const { status, bytes } = runScript(shell, { arguments: [], environment: { [name]: loop.path } })
          expect([status, bytes > 200_000], name).to.deep.equal([0, true])
        }
        expect(
          spawnSync(shell.words[0]!, [...shell.words.slice(1), join(scratch.path, 'preload.sh'), 'prereqs'], {
            encoding: 'utf8',
          }).stdout.trim(),
        ).to.equal('')
      })

      it('does nothing without a list, or with one that is damaged', () => {
        const lists: Record<string, string | undefined> = {
          missing: undefined,
          empty: '',
          'no magic': good().replace('bootpack-preload 1', 'bootpack-preload 2'),
          truncated: good().slice(0, -20),
          'a line short': good().replace(/\nf [^\n]*\n/, '\n'),
          'no uuid': good().replace(/\nuuid [^\n]*\n/, '\n'),
          'other uuid': good().replace('\\0013', '\\0014'),
          'uuid of words': good().replace(/uuid [^\n]*/, 'uuid x $(touch canary)'),
          'too long': good().replace('\nd ', `\n# ${'x'.repeat(1 << 20)}\nd `),
          zeros: '\0'.repeat(5000),
          'two ends': `${good()}end 3\n`,
        }
        for (const [name, text] of Object.entries(lists)) {
          writeList(text)
          const outcome = runScript(shell)
          expect([name, outcome.status, outcome.bytes]).to.deep.equal([name, 0, 0])
        }
      })

      it('stops at a line that makes no sense', () => {
        const count = good().split('\n').length
        for (const line of [
          'd 08 1',
          'd -1 1',
          'd 1 99999999999999999999',
          'd x y',
          'd 1 $(touch canary)',
          'f 1',
          'f -1 2 /x',
          'p 1 1 a 1 /large',
        ]) {
          writeList(
            good()
              .replace('\nd ', `\n${line}\nd `)
              .replace(/end \d+/, `end ${count}`),
          )
          const outcome = runScript(shell)
          // A file line without sense is passed over where it names no file; what counts must be right.
          expect([line, outcome.status]).to.deep.equal([line, 0])
          if (!line.startsWith('f')) expect(outcome.bytes, line).to.equal(0)
        }
      })

      it('opens only regular files below the root that no link leads to', () => {
        fresh()
        const traps = [
          '/fifo',
          '/link',
          '/linked/passwd',
          '/deep/../unlisted',
          '/../../etc/passwd',
          '/dev-null',
          '/deep',
          '/nowhere/file',
          '/',
          '//unlisted',
          '/./unlisted',
          'unlisted',
          '-',
          '',
        ]
        execFileSync('mkfifo', [join(loop.path, 'fifo')])
        execFileSync('mknod', [join(loop.path, 'dev-null'), 'b', '7', '0'])
        symlinkSync('/unlisted', join(loop.path, 'link'))
        symlinkSync('/etc', join(loop.path, 'linked'))
        const text = listText({ ...list, ranges: [], files: traps.map((path) => ({ path, first: 1, kib: 4 })) })
        writeList(text)
        try {
          const outcome = runScript(shell)
          expectNothing(outcome)
          expect(residentBytes(at('/unlisted'))).to.equal(0)
        } finally {
          fresh()
          for (const name of ['fifo', 'link', 'linked', 'dev-null']) unlinkSync(join(loop.path, name))
        }
      })

      it('follows no link to the list', () => {
        writeList(good())
        fresh()
        renameSync(listPath(), join(loop.path, 'elsewhere'))
        symlinkSync('/elsewhere', listPath())
        fresh('ro')
        try {
          expectNothing(runScript(shell))
        } finally {
          fresh()
          unlinkSync(join(loop.path, 'elsewhere'))
        }
      })

      it('passes over files that are gone, and ranges beyond the end of the disk', () => {
        writeList(
          listText({
            ...list,
            ranges: [...list.ranges, { skip: 90_000_000, count: 3 }],
            files: [{ path: '/gone', first: 1, kib: 9 }, { path: '/gone/too', first: 1, kib: 9 }, ...list.files],
          }),
        )
        const { status, bytes } = runScript(shell)
        expect(status).to.equal(0)
        expect(bytes).to.be.above(names.length * 9000)
      })

      it('does nothing on a folder that is no filesystem of its own, or not on a disk', () => {
        writeList(good())
        expectNothing(runScript(shell, { arguments: [scratch.path] }))
        expectNothing(runScript(shell, { arguments: ['/nowhere'] }))
        expectNothing(runScript(shell, { arguments: ['/proc'] }))
        const folder = join(scratch.path, 'tmpfs')
        mkdirSync(folder, { recursive: true })
        expectNothing(
          runScript(shell, {
            arguments: [folder],
            prepare: `mount -t tmpfs none ${folder}; mkdir -p ${folder}/etc/bootpack; cp ${listPath()} ${folder}/etc/bootpack/`,
          }),
        )
        expectNothing(runScript(shell, { arguments: [folder], prepare: `mount --bind ${loop.path}/deep ${folder}` }))
      })

      it('gives way when memory is short', () => {
        const meminfo = (text: string): string => {
          const file = join(scratch.path, 'meminfo')
          writeFileSync(file, text)
          return `mount --bind ${file} /proc/meminfo`
        }
        writeList(good())
        expectNothing(
          runScript(shell, { prepare: meminfo('MemTotal: 1000 kB\nMemFree: 500 kB\nMemAvailable:      16 kB\n') }),
        )
        expectNothing(runScript(shell, { prepare: meminfo('MemTotal: 1000 kB\nMemFree: 500 kB\n') }))
        expectNothing(runScript(shell, { prepare: meminfo('MemAvailable: lots\n') }))
        const ranges = list.ranges.reduce((sum, { count }) => sum + count * 32, 0)
        // Room for the metadata and a few files: of those only as many.
        writeList(good())
        const some = runScript(shell, { prepare: meminfo(`MemAvailable: ${2 * (ranges + 40)} kB\n`) })
        expect(some.status).to.equal(0)
        expect(some.bytes).to.be.within(9000, 100_000)
      })

      it('does nothing when told so on the command line of the kernel, or without a clock', () => {
        writeList(good())
        const file = join(scratch.path, 'fake')
        writeFileSync(file, 'quiet bootpack.preload=off ro\n')
        expectNothing(runScript(shell, { prepare: `mount --bind ${file} /proc/cmdline` }))
        writeFileSync(join(scratch.path, 'uptime'), '')
        expectNothing(runScript(shell, { prepare: `mount --bind ${join(scratch.path, 'uptime')} /proc/uptime` }))
        expectNothing(runScript(shell, { prepare: 'mount -t tmpfs none /proc' }))
      })

      it('works without /sys, by the name the mount has', () => {
        writeList(good())
        const { status, bytes } = runScript(shell, { prepare: 'mount -t tmpfs none /sys' })
        expect([status, bytes > 200_000]).to.deep.equal([0, true])
      })

      const stubs = (programs: Record<string, string>): string => {
        const folder = join(scratch.path, 'stubs')
        rmSync(folder, { recursive: true, force: true })
        mkdirSync(folder)
        for (const [name, text] of Object.entries(programs))
          writeFileSync(join(folder, name), `#!/bin/dash\n${text}\n`, { mode: 0o755 })
        return folder
      }
      // Busybox takes its own programs, whatever the path says.
      const ownPrograms = shell.name === 'busybox'

      it('does nothing where there is no dd, or no cat', function () {
        if (ownPrograms) skip(this, 'busybox has dd and cat of its own, which nothing can take away')
        writeList(good())
        expectNothing(runScript(shell, { path: stubs({}) }))
        expectNothing(runScript(shell, { path: stubs({ cat: 'exec /bin/cat "$@"' }) }))
        // The list needs only dd; files cannot be read then, parts of files can.
        writeList(listText({ ...list, files: list.files.filter(({ part }) => !part) }))
        expectNothing(runScript(shell, { path: stubs({ dd: 'exec /bin/dd "$@"', sleep: 'exec /bin/sleep "$@"' }) }))
      })

      it('gives up a device that fails', function () {
        if (ownPrograms) skip(this, 'busybox has dd and cat of its own, which nothing can take away')
        const log = join(scratch.path, 'calls')
        writeFileSync(log, '')
        writeList(listText({ ...list, ranges: Array.from({ length: 9 }, (_, i) => ({ skip: i * 10, count: 1 })) }))
        const path = stubs({
          cat: 'exec /bin/cat "$@"',
          sleep: 'exec /bin/sleep "$@"',
          dd: `case $* in *bs=32768*) echo x >>${log}; exit 1;; esac; exec /bin/dd "$@"`,
        })
        expectNothing(runScript(shell, { path }))
        expect(readFileSync(log, 'utf8')).to.equal('x\nx\nx\n')
      })

      it('ends in the middle of a file that has grown, and leaves nothing that goes on reading it', () => {
        fresh()
        closeSync(openSync(at('/grown'), 'w'))
        truncateSync(at('/grown'), 2 ** 40)
        writeList(listText({ ...list, ranges: [], files: [{ path: '/grown', first: 1, kib: 4 }] }))
        expectNothing(runScript(shell, { limit: 1 }), 8)
        // The device would be busy.
        fresh()
        unlinkSync(at('/grown'))
      })

      it('leaves behind a device that hangs, and one that is slow', function () {
        if (ownPrograms) skip(this, 'busybox has dd and cat of its own, which nothing can take away')
        writeList(good())
        const hanging = stubs({
          cat: 'exec /bin/cat "$@"',
          sleep: 'exec /bin/sleep "$@"',
          dd: 'case $* in *bs=32768*) exec /bin/sleep 5.5;; esac; exec /bin/dd "$@"',
        })
        const hung = runScript(shell, { path: hanging, limit: 1 })
        expectNothing(hung, 5.5)
        // It still has a folder of the filesystem for its own.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.max(0, 6300 - hung.seconds * 1000))
        const slow = stubs({
          cat: 'exec /bin/cat "$@"',
          sleep: 'exec /bin/sleep "$@"',
          dd: 'case $* in *bs=32768*) /bin/sleep 1.3;; esac; exec /bin/dd "$@"',
        })
        writeList(listText({ ...list, ranges: Array.from({ length: 9 }, (_, i) => ({ skip: i, count: 1 })) }))
        expectNothing(runScript(shell, { path: slow, limit: 1 }), 8)
      })
    })
  }
})
