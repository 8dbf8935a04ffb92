import { expect } from 'chai'
import { mkdirSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bootTraceName, removeOldTraces } from '../../src/collect/boot-traces.js'
import { parseStats } from '../../src/collect/buffer-stats.js'
import { parseServices, readerOf, runningTasks } from '../../src/collect/known-tasks.js'
import { mountOf, mountsByDevice, pathInMount, pathOnFilesystem, type Mount } from '../../src/collect/mounts.js'
import { outputNames } from '../../src/collect/output-names.js'
import { splitByFilesystem } from '../../src/collect/recording.js'
import { TracefsReads } from '../../src/collect/tracefs-reads.js'
import { BootpackError } from '../../src/errors.js'
import type { TraceRead } from '../../src/trace/model/trace.js'
import { scratchFolder } from '../support/tools.js'

const mount = (device: string, mountPoint: string, root = '/', type = 'ext4', source = `/dev/d${device}`): Mount => ({
  device,
  root,
  mountPoint,
  type,
  source,
})

describe('mounts', () => {
  const mounts = [
    mount('254:1', '/'),
    mount('0:21', '/proc', '/', 'proc', 'proc'),
    mount('254:2', '/home'),
    mount('254:2', '/srv/bind', '/someone'),
    mount('0:50', '/data', '/@data', 'btrfs'),
    mount('0:50', '/data/deep', '/@data/deep/er', 'btrfs'),
    mount('0:60', '/tmp', '/', 'tmpfs', 'tmpfs'),
    mount('254:3', '/only/part', '/folder'),
  ]

  it('are chosen so that they show all of a filesystem, where one does', () => {
    expect([...mountsByDevice(mounts)].map(([device, { mountPoint }]) => [device, mountPoint])).to.deep.equal([
      ['254:1', '/'],
      ['254:2', '/home'],
      ['0:50', '/data'],
      ['254:3', '/only/part'],
    ])
    expect(mountsByDevice([mount('1:1', '/old'), mount('1:1', '/new')]).get('1:1')!.mountPoint).to.equal('/new')
  })

  it('tell which one a path lies on', () => {
    expect(mountOf('/', mounts).device).to.equal('254:1')
    expect(() => mountOf('/proc/self', mounts)).to.throw(BootpackError, 'lies on no disk but on proc')
    expect(() => mountOf('/no/such', mounts)).to.throw(BootpackError, 'ENOENT')
  })

  it('turn paths they show into paths of the filesystem, and back', () => {
    const whole = mount('1:1', '/')
    const below = mount('1:1', '/mnt')
    const folder = mount('1:1', '/mnt', '/@data')
    for (const [shown, inside, where] of [
      ['/etc/x', '/etc/x', whole],
      ['/', '/', whole],
      ['/mnt/etc/x', '/etc/x', below],
      ['/mnt', '/', below],
      ['/mnt/etc/x', '/@data/etc/x', folder],
      ['/mnt', '/@data', folder],
    ] as const) {
      expect(pathOnFilesystem(shown, where)).to.equal(inside)
      expect(pathInMount(inside, where)).to.equal(shown)
    }
    expect(pathOnFilesystem('/mntx', below)).to.equal(undefined)
    expect(pathInMount('/@database/x', folder)).to.equal(undefined)
  })

  it('give each filesystem its reads, the one with most data first', () => {
    const read = (dev: string | undefined, ino: number | undefined, len: number): TraceRead => ({
      ...(ino !== undefined && { ino }),
      off: 0,
      len,
      kind: ino === undefined ? 'metadata' : 'data',
      ...(dev !== undefined && { dev }),
    })
    const reads = [
      read('254:1', 5, 10),
      read('254:2', 5, 100),
      read('254:1', undefined, 1e6),
      read('9:9', 1, 1),
      read('0:21', 2, 1),
      read(undefined, 3, 1),
    ]
    const split = splitByFilesystem(reads, mounts)
    expect(split.others).to.equal(3)
    expect(split.filesystems.map((each) => [each.mount.mountPoint, each.reads])).to.deep.equal([
      ['/home', [{ ino: 5, off: 0, len: 100, kind: 'data' }]],
      [
        '/',
        [
          { ino: 5, off: 0, len: 10, kind: 'data' },
          { off: 0, len: 1e6, kind: 'metadata' },
        ],
      ],
    ])
    expect(splitByFilesystem(reads, mounts, new Set(['254:1']))).to.deep.include({ others: 4 })
  })
})

describe("the kernel's buffer", () => {
  it('gives each partition the inodes that were loaded from it, and who asked for them', () => {
    const front = (name: string, task: number, time: string): string =>
      `${name.padStart(16)}-${String(task).padEnd(7)} [000] d.... ${time.padStart(12)}: `
    const load = (name: string, task: number, dev: string, ino: number, time: string): string =>
      `${front(name, task, time)}iget: (__ext4_iget+0x0/0x1150) dev=${dev} ino=${ino}\n`
    const text =
      `# tracer: nop\n` +
      load('mount', 126, '0xfe00002', 2, '1.000100') +
      `${front('mount', 126, '1.000200')}mm_filemap_add_to_page_cache: dev 0:3 ino fe00002 pfn=0x1 ofs=4096 order=0\n` +
      load('node', 900, '0xfe00002', 77, '1.000300') +
      `${front('mount', 126, '1.000400')}sched_process_exec: filename=/usr/bin/mount pid=126 old_pid=126\n` +
      load('mount', 126, '0xfe00003', 2, '1.000500') +
      load('mount', 126, '0xfe00002', 12, '1.000600') +
      load('mount', 126, '0xfe00002', 12, '1.000700') +
      `${front('mount', 126, '1.000800')}mm_filemap_add_to_page_cache: dev 254:2 ino c pfn=0x1 ofs=0 order=0\n`
    for (const pieces of [[text], text.split(/(?<=[ :])/)]) {
      const reads = new TracefsReads(new Set([900]), 1_000_000)
      for (const piece of pieces) reads.push(Buffer.from(piece))
      const recording = reads.finish(0)
      expect(recording.ignored).to.deep.equal({ own: 1, repeat: 1 })
      const { filesystems, others } = splitByFilesystem(recording.reads, [mount('254:2', '/'), mount('254:3', '/home')])
      expect(others).to.equal(0)
      const loaded = { off: 0, len: 1, kind: 'metadata', what: 'inode' }
      expect(filesystems.map((each) => [each.mount.mountPoint, each.reads])).to.deep.equal([
        [
          '/',
          [
            { t: 100, ino: 2, ...loaded, by: 'mount' },
            { t: 600, ino: 12, ...loaded, by: '/usr/bin/mount' },
            { t: 200, off: 4096, len: 4096, kind: 'metadata', by: 'mount' },
            { t: 800, ino: 12, off: 0, len: 4096, kind: 'data', by: '/usr/bin/mount' },
          ],
        ],
        ['/home', [{ t: 500, ino: 2, ...loaded, by: '/usr/bin/mount' }]],
      ])
    }
  })
})

describe('running programs', () => {
  it('are known by their path and the unit of their cgroup', () => {
    const known = runningTasks()
    expect(known.get(process.pid)!.by).to.equal(realpathSync(process.execPath))
    expect(readerOf(process.pid)!.by).to.equal(realpathSync(process.execPath))
    expect(readerOf(2 ** 30)).to.equal(undefined)
    // The kernel's own tasks have no program.
    for (const { by } of known.values()) expect(by ?? '/').to.match(/^\//)
  })

  it('that have ended are known from what systemd says', () => {
    expect([
      ...parseServices(
        'ExecMainPID=210\nControlPID=0\nId=systemd-udevd.service\n\nExecMainPID=0\nControlPID=0\nId=x.service\n\nExecMainPID=5\nControlPID=6\nId=a@b\\x20.service\n',
      ),
    ]).to.deep.equal([
      [210, { unit: 'systemd-udevd.service' }],
      [5, { unit: 'a@b\\x20.service' }],
      [6, { unit: 'a@b\\x20.service' }],
    ])
    expect(parseServices('').size).to.equal(0)
  })
})

describe('names of traces', () => {
  it('have the mount point in them, but for the main one', () => {
    expect(
      outputNames('/a.b/boot.trace.gz', ['/', '/home', '/srv/my data', '/srv-my-data', '/home/', '/é']),
    ).to.deep.equal([
      '/a.b/boot.trace.gz',
      '/a.b/home-boot.trace.gz',
      '/a.b/srv-my-data-boot.trace.gz',
      '/a.b/srv-my-data-2-boot.trace.gz',
      '/a.b/home-2-boot.trace.gz',
      '/a.b/root-boot.trace.gz',
    ])
    expect(outputNames('x', ['/home', '/'])).to.deep.equal(['x', 'root-x'])
    expect(outputNames('x.gz', ['/', `/${'long/'.repeat(100)}`])[1]!.length).to.be.below(80)
  })

  it('of boots sort by time, and all but the last are removed', () => {
    const folder = scratchFolder()
    try {
      const name = bootTraceName(new Date('2024-01-31T07:05:09.4Z'))
      expect(name).to.equal('boot-20240131T070509.trace.gz')
      const kept = [
        'boot-20250101T000000.trace.gz',
        'home-boot-20250101T000000.trace.gz',
        'boot-20240201T000000.trace.gz',
        'mine.trace.gz',
        'boot-2023.trace.gz',
        'boot-20200101T000000.trace',
      ]
      for (const file of [...kept, name, 'srv-x-boot-20240131T070509.trace.gz'])
        writeFileSync(join(folder.path, file), '')
      mkdirSync(join(folder.path, 'boot-20210101T000000.trace.gz'))
      symlinkSync('mine.trace.gz', join(folder.path, 'boot-20220101T000000.trace.gz'))
      expect(removeOldTraces(2, folder.path).sort()).to.deep.equal([name, 'srv-x-boot-20240131T070509.trace.gz'])
      expect(readdirSync(folder.path).sort()).to.deep.equal(
        [...kept, 'boot-20210101T000000.trace.gz', 'boot-20220101T000000.trace.gz'].sort(),
      )
    } finally {
      folder.remove()
    }
  })
})

describe("the kernel's figures of its buffer", () => {
  it('count every way an event is lost', () => {
    expect(
      parseStats(
        'entries: 7\noverrun: 30\ncommit overrun: 400\nbytes: 308\noldest event ts:  5178.675216\nnow ts:  1.0\ndropped events: 5000\nread events: 9\n',
      ),
    ).to.deep.equal({ entries: 7, bytes: 308, lost: 5430, read: 9 })
  })
})
