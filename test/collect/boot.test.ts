/**
 * The end of a boot, as far as it can be had without one: buffers the kernel fills
 * while nothing of ours runs, instances like those of trace_instance= and the global
 * one.
 */
import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { testUuid } from '../support/images.js'
import { loopMount, type LoopMount } from '../support/loop-mount.js'
import { needTools, run, scratchFolder, skip } from '../support/tools.js'
import { bootpack, launcher, needTracing, readBack, start, tracing, until } from './support.js'

const events = ['filemap/mm_filemap_add_to_page_cache', 'block/block_rq_issue']
const taskEvents = ['task/task_newtask', 'sched/sched_process_exec', 'cgroup/cgroup_attach_task']
const name = 'bootpack-test-boot'
const instance = join(tracing, 'instances', name)

describe('bootpack collect boot', function () {
  this.timeout(60_000)
  const scratch = scratchFolder()
  const trace = join(scratch.path, 'boot.trace.gz')
  let mount: LoopMount

  const set = (folder: string, file: string, text: string): void => writeFileSync(join(folder, file), text)
  const get = (folder: string, file: string): string => readFileSync(join(folder, file), 'utf8').trim()

  /** What a kernel does that was started with trace_event= and trace_buf_size=. */
  function record(folder: string, kib: number): void {
    set(folder, 'options/overwrite', '0')
    set(folder, 'buffer_size_kb', String(kib))
    for (const event of events) set(folder, `events/${event}/enable`, '1')
  }

  const boot = (...flags: string[]): string[] => [
    'collect',
    'boot',
    '--instance',
    name,
    '--target',
    mount.path,
    '-o',
    trace,
    ...flags,
  ]

  before(function () {
    needTracing(this)
    needTools(this, 'mke2fs', 'losetup', 'unshare', 'python3')
    mkdirSync(join(scratch.path, 'tree/folder'), { recursive: true })
    for (let n = 0; n < 6; n++) writeFileSync(join(scratch.path, `tree/folder/${n}`), Buffer.alloc(40_000, `${n}`))
    writeFileSync(join(scratch.path, 'tree/large'), Buffer.alloc(16 << 20, 'large'))
  })
  beforeEach(() => {
    mount = loopMount({ size: 64 << 20, tree: join(scratch.path, 'tree'), blockSize: 4096 })
    mkdirSync(instance)
  })
  afterEach(() => {
    mount.remove()
    if (existsSync(instance)) rmdirSync(instance)
  })
  after(() => scratch.remove())

  it('writes what the kernel saw, in order and by whom, and gives the buffer back', () => {
    record(instance, 4096)
    for (const event of taskEvents)
      if (existsSync(`${instance}/events/${event}`)) set(instance, `events/${event}/enable`, '1')
    run(
      'cat',
      ['3', '1', '5'].map((file) => join(mount.path, 'folder', file)),
    )
    const ran = bootpack(boot('--quiet-for', '1', '--at-most', '20', '--json'))
    expect(existsSync(instance)).to.equal(false)
    const report = JSON.parse(ran.stdout) as {
      stopped: string
      lost: number
      events: number
      traces: { files: number; mount: string }[]
    }
    expect(report).to.deep.include({ stopped: 'quiet', lost: 0, removed: [] })
    expect(report.events).to.be.at.least(3)
    expect(report.traces).to.have.length(1)
    const { header, reads } = readBack(trace)
    expect(header).to.deep.include({ source: 'tracefs', mount: mount.path, resolved: testUuid, stopped: 'quiet' })
    const data = reads.filter(({ kind }) => kind === 'data')
    expect([...new Set(data.map(({ path }) => path))]).to.deep.equal(['/folder/3', '/folder/1', '/folder/5'])
    for (const file of ['/folder/3', '/folder/1', '/folder/5']) {
      expect(data.filter(({ path }) => path === file).reduce((sum, { len }) => sum + len!, 0)).to.equal(40_960)
    }
    expect(reads.some(({ kind, path }) => kind === 'directory' && path === '/folder')).to.equal(true)
    expect(new Set(data.map(({ by }) => by))).to.deep.equal(new Set([run('which', ['cat']).stdout.trim()]))
    // Times are the kernel's, counted from its start.
    expect(data[0]!.t! / 1e6).to.be.within(1, Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) + 1)
  })

  it('says what did not fit the buffer, and keeps the beginning', () => {
    record(instance, 64)
    for (const event of events) set(instance, `events/${event}/enable`, '0')
    // Switches the events on itself, so that not its own start fills the buffer. Single pages in an order no reading ahead helps.
    // On one processor: each has a buffer of its own, and two of them would hold nearly all of it.
    const script = `import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
page = os.open('${mount.path}/large', os.O_RDONLY)
os.posix_fadvise(page, 0, 0, os.POSIX_FADV_RANDOM)
open('${instance}/events/${events[0]}/enable', 'w').write('1')
open('${mount.path}/folder/0').read()
for i in range(4096): os.pread(page, 1, (i * 509 % 4096) * 4096)`
    run('python3', ['-c', script])
    const { stdout } = bootpack(boot('--now'), [3])
    expect(stdout)
      .to.match(/LOST: [\d,]+ events; the trace is incomplete\./)
      .and.to.contain('collect setup --apply --events')
    const { header, reads } = readBack(trace)
    expect(header.lost).to.be.above(1000)
    expect(reads.filter(({ kind }) => kind === 'data')[0]!.path).to.equal('/folder/0')
    const pages = reads.filter(({ path }) => path === '/large').reduce((sum, { len }) => sum + len! / 4096, 0)
    expect(pages).to.be.within(1, 4095)
    expect(pages + header.lost!).to.be.at.least(4096)
  })

  it('waits no longer than told while the disk is read', () => {
    record(instance, 4096)
    const script = `import os, time\nf = os.open('${mount.path}/large', os.O_RDONLY)\nfor i in range(100):\n  os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED); os.pread(f, 1, i * 4096); time.sleep(0.1)`
    const busy = run('sh', ['-c', 'python3 -c "$1" >/dev/null 2>&1 & echo $!', 'sh', script]).stdout.trim()
    try {
      const begun = performance.now()
      const { stdout } = bootpack(boot('--quiet-for', '1', '--at-most', '2', '--json'))
      expect(JSON.parse(stdout)).to.deep.include({ stopped: 'time' })
      expect(performance.now() - begun).to.be.above(2000)
    } finally {
      spawnSync('kill', [busy])
    }
  })

  it('writes what there is and switches off when it is asked to stop', async () => {
    record(instance, 4096)
    run('cat', [join(mount.path, 'folder/2')])
    const { pid, ended, stderr } = start(boot('--at-most', '50', '--quiet-for', '50'))
    await until(
      () => stderr().includes('Waiting until default.target is reached and the disks are quiet for 50 s'),
      'it waits',
    )
    process.kill(pid, 'SIGTERM')
    expect((await ended).code).to.equal(130)
    expect(existsSync(instance)).to.equal(false)
    expect(readBack(trace).reads.some(({ path }) => path === '/folder/2')).to.equal(true)
  })

  it('switches off too when the trace cannot be written', () => {
    record(instance, 4096)
    run('cat', [join(mount.path, 'folder/2')])
    expect(
      bootpack([...boot('--now').slice(0, -3), '-o', join(scratch.path, 'no/such/folder/x')], [2]).stderr,
    ).to.match(/There is no folder .*no\/such\/folder/)
    expect(existsSync(instance)).to.equal(false)
  })

  it('does nothing where the kernel recorded nothing', () => {
    const { stderr } = bootpack(boot(), [5])
    expect(stderr).to.equal(
      'bootpack: The kernel did not record this boot.\nPrepare the next one with: bootpack collect setup --apply (or record now with: bootpack collect watch).\n',
    )
    expect(existsSync(instance)).to.equal(true)
    for (const bad of ['no-such', '../..', '..', ''])
      expect(bootpack(['collect', 'boot', '--instance', bad, '-o', trace], [2]).stderr).to.match(/instance/)
  })

  it('takes the global buffer, keeps traces by boot, and leaves tracing as it was', function () {
    if (get(tracing, 'set_event') !== '' || get(tracing, 'current_tracer') !== 'nop')
      skip(this, 'needs a kernel nobody traces')
    const lib = join(scratch.path, 'lib')
    mkdirSync(join(lib, 'bootpack'), { recursive: true })
    for (const year of ['2001', '2002', '2003'])
      writeFileSync(join(lib, `bootpack/boot-${year}0101T000000.trace.gz`), '')
    try {
      record(tracing, 2048)
      set(tracing, 'set_event_notrace_pid', String(process.pid))
      run('cat', [join(mount.path, 'folder/4')])
      // The root of this machine is the main one: it may have been read or not, the loop mount was.
      const script = `mount --bind ${lib} /var/lib && exec ${process.execPath} ${launcher} collect boot --now --keep 2 --json --target ${mount.path}`
      const { removed, traces } = JSON.parse(run('unshare', ['--mount', 'sh', '-c', script]).stdout) as {
        removed: string[]
        traces: { file: string; mount: string }[]
      }
      expect(removed).to.deep.equal(['boot-20010101T000000.trace.gz', 'boot-20020101T000000.trace.gz'])
      const files = readdirSync(join(lib, 'bootpack')).sort()
      // How long the boot took is kept beside them (test/boots).
      expect(files.pop()).to.equal('boots')
      expect(readdirSync(join(lib, 'bootpack/boots'))).to.have.length(1)
      expect(files).to.have.length(2)
      expect(files[0]).to.equal('boot-20030101T000000.trace.gz')
      expect(files[1]).to.match(/^boot-20\d{6}T\d{6}\.trace\.gz$/)
      expect(traces.map(({ file }) => file)).to.deep.equal([`/var/lib/bootpack/${files[1]}`])
      expect(readBack(join(lib, 'bootpack', files[1]!)).reads.some(({ path }) => path === '/folder/4')).to.equal(true)
      for (const event of events) expect(get(tracing, `events/${event}/enable`)).to.equal('0')
      expect(get(tracing, 'set_event_notrace_pid')).to.equal('')
      expect(get(tracing, 'options/overwrite')).to.equal('1')
      expect(Number(get(tracing, 'buffer_size_kb'))).to.be.below(64)
      expect(
        get(tracing, 'trace')
          .split('\n')
          .filter((line) => !line.startsWith('#')),
      ).to.deep.equal([])
    } finally {
      for (const event of events) set(tracing, `events/${event}/enable`, '0')
      set(tracing, 'set_event_notrace_pid', '')
      set(tracing, 'options/overwrite', '1')
    }
  })

  it('leaves the buffer to others who trace, and only switches off what the boot switched on', function () {
    if (get(tracing, 'set_event') !== '' || get(tracing, 'current_tracer') !== 'nop')
      skip(this, 'needs a kernel nobody traces')
    try {
      record(tracing, 512)
      for (const event of ['sched/sched_process_exec', 'sched/sched_process_wait'])
        set(tracing, `events/${event}/enable`, '1')
      bootpack(['collect', 'boot', '--now', '--target', mount.path, '-o', trace], [0, 3])
      // The kernel's command line did not ask for it, so it is somebody's.
      expect(get(tracing, 'set_event').split('\n').sort()).to.deep.equal([
        'sched:sched_process_exec',
        'sched:sched_process_wait',
      ])
      expect(Number(get(tracing, 'buffer_size_kb'))).to.be.at.least(512)
      expect(get(tracing, 'trace')).to.contain('sched_process_exec')
    } finally {
      for (const event of [...events, 'sched/sched_process_exec', 'sched/sched_process_wait'])
        set(tracing, `events/${event}/enable`, '0')
      set(tracing, 'options/overwrite', '1')
      set(tracing, 'trace', '')
      set(tracing, 'buffer_size_kb', '1')
    }
  })
})
