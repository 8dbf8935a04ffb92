/** The recorder for devices without Node, in the shells they have, on an instance of this kernel's tracing. */
import { expect } from 'chai'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { readTrace } from '../../src/trace/read-trace.js'
import { isRoot, needTools, run, scratchFolder, skip } from '../support/tools.js'

const script = new URL('../../share/collect/bootpack-record.sh', import.meta.url).pathname
const tracing = '/sys/kernel/tracing'

describe('the shell recorder', () => {
  const scratch = scratchFolder()
  const instance = join(tracing, 'instances', `bootpack-shell-${process.pid}`)
  const page = join(instance, 'events/filemap/mm_filemap_add_to_page_cache/enable')
  before(function () {
    if (!isRoot) skip(this, 'needs root')
    needTools(this, 'unshare', 'gzip')
    if (!existsSync(tracing)) skip(this, 'needs tracefs')
    mkdirSync(instance)
    if (!existsSync(page)) skip(this, 'needs a kernel that tells of pages')
  })
  after(() => {
    if (existsSync(instance)) rmdirSync(instance)
    scratch.remove()
  })

  /** As a boot would find it: the instance stands where the kernel's one buffer is. */
  const record = (shell: string, ok: readonly number[] = [0], keep = 20): ReturnType<typeof run> =>
    run(
      'unshare',
      [
        '-m',
        'sh',
        '-c',
        `mount --bind "$1" ${tracing} && exec ${shell} "$2" "$3" "$4"`,
        'sh',
        instance,
        script,
        join(scratch.path, 'out'),
        String(keep),
      ],
      { ok },
    )

  for (const shell of ['dash', 'busybox sh', 'bash --posix'])
    it(`leaves a recording that can be imported, and switches it off (${shell})`, async function () {
      needTools(this, shell.split(' ')[0]!)
      writeFileSync(page, '1')
      writeFileSync(join(scratch.path, `pages-${shell.slice(0, 3)}`), Buffer.alloc(1 << 16))
      record(shell)
      expect(readFileSync(page, 'utf8').trim()).to.equal('0')
      expect(readFileSync(join(instance, 'trace'), 'utf8')).not.to.match(/mm_filemap/)
      const names = readdirSync(join(scratch.path, 'out'))
      expect(names.every((name) => /^boot-\d{8}T\d{6}Z-[\da-f]{8}\.tracefs\.gz$/.test(name))).to.equal(true)
      const trace = await readTrace(join(scratch.path, 'out', names.sort().at(-1)!), { device: 'all' })
      expect(trace.header).to.include({ source: 'tracefs', kernel: release() })
      expect(Date.parse(trace.header.recorded!)).to.be.closeTo(Date.now(), 120_000)
      expect(trace.reads.length).to.be.above(0)
    })

  it('keeps only the newest', () => {
    for (const day of ['01', '02', '03'])
      writeFileSync(join(scratch.path, 'out', `boot-202601${day}T000000Z-00000000.tracefs.gz`), '')
    writeFileSync(join(scratch.path, 'out', 'boot-notes.txt'), 'not ours')
    writeFileSync(page, '1')
    record('sh', [0], 2)
    const left = readdirSync(join(scratch.path, 'out'))
    expect(left.filter((name) => name.endsWith('.gz'))).to.have.length(2)
    expect(left).to.include('boot-notes.txt')
    expect(left.some((name) => name.includes('20260101'))).to.equal(false)
  })

  it('says why there is nothing, and writes nothing', () => {
    writeFileSync(page, '0')
    const { stderr } = record('sh', [5])
    expect(stderr).to.match(/nothing was recorded: trace_event=/)
  })
})
