import { expect } from 'chai'
import { BootpackError } from 'bootpack'
import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { debugfs, makeImage, testUuid } from '../../../test/support/images.js'
import { needTools, run, scratchFolder } from '../../../test/support/tools.js'
import { OutputFiles } from '../src/cli/output-files.js'
import { RequestLog } from '../src/disk/request-log.js'
import { bootTrace } from '../src/machine/boot-trace.js'
import type { BootResult, MachineChoices } from '../src/machine/machine.js'
import { bootSeries, type SeriesOptions } from '../src/machine/series.js'
import { BootImage } from '../src/machine/image-files.js'
import { parseUntil } from '../src/machine/until.js'
import { makeRoot, needMachine, type KernelFiles } from './support/small-system.js'

const mebibyte = 2 ** 20
const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

/** A disk with an MBR whose second partition holds the image. */
function partitioned(image: string, disk: string): number {
  const contents = readFileSync(image)
  const start = 3 * mebibyte
  writeFileSync(disk, '')
  truncateSync(disk, start + contents.length + mebibyte)
  run('sfdisk', ['-q', disk], {
    input: `label: dos\nstart=2048, size=4096, type=83\nstart=6144, size=${contents.length / 512}, type=83\n`,
  })
  const descriptor = openSync(disk, 'r+')
  writeSync(descriptor, contents, 0, contents.length, start)
  closeSync(descriptor)
  return start
}

describe('the files of an image', () => {
  const scratch = scratchFolder()
  after(scratch.remove)

  it('are read as they are, on a partition and through links', async function () {
    needTools(this, 'mke2fs', 'sfdisk', 'debugfs')
    const tree = join(scratch.path, 'tree')
    mkdirSync(join(tree, 'boot'), { recursive: true })
    // Long enough for several extents with 1 KiB blocks, and with a hole.
    const kernel = Buffer.concat([Buffer.alloc(300_000, 'k'), Buffer.alloc(100_000), Buffer.alloc(77_777, 'e')])
    writeFileSync(join(tree, 'boot', 'vmlinuz-6.1'), kernel)
    const image = join(scratch.path, 'fs.img')
    makeImage(image, { size: 16 * mebibyte, blockSize: 1024, tree, debugfs: ['symlink /vmlinuz /boot/vmlinuz-6.1'] })
    const disk = join(scratch.path, 'disk.img')
    const start = partitioned(image, disk)
    const opened = await BootImage.open(disk)
    try {
      expect([opened.start, opened.partition, opened.length]).to.deep.equal([start, 2, 16 * mebibyte])
      expect(await opened.names('/boot')).to.deep.equal(['vmlinuz-6.1'])
      expect(await opened.names('/nowhere')).to.deep.equal([])
      expect(await opened.find('/vmlinuz')).to.equal('/boot/vmlinuz-6.1')
      expect(await opened.find('/boot')).to.equal(undefined)
      const read = await opened.read('/vmlinuz')
      expect(read!.path).to.equal('/boot/vmlinuz-6.1')
      expect(read!.contents.equals(kernel)).to.equal(true)
    } finally {
      await opened.close()
    }
  })
})

describe('what is written of a boot', () => {
  const scratch = scratchFolder()
  after(scratch.remove)

  it('names the files whose blocks were read', async function () {
    needTools(this, 'mke2fs', 'debugfs')
    const tree = join(scratch.path, 'tree')
    mkdirSync(join(tree, 'etc'), { recursive: true })
    writeFileSync(join(tree, 'etc', 'one'), Buffer.alloc(20_000, 1))
    writeFileSync(join(tree, 'etc', 'two'), Buffer.alloc(20_000, 2))
    const path = join(scratch.path, 'fs.img')
    makeImage(path, { size: 16 * mebibyte, blockSize: 4096, tree })
    const blockOf = (name: string, n: number): number => Number(debugfs(path, `blocks ${name}`).trim().split(/\s+/)[n])
    const log = new RequestLog()
    const request = (block: number, blocks: number, write = false): void =>
      log.add(
        { offset: block * 4096, length: blocks * 4096, write },
        { begun: 1500, due: 1501, latency: 0.5, waited: 0, distance: 0 },
      )
    request(blockOf('/etc/two', 1), 2)
    request(blockOf('/etc', 0), 1)
    request(blockOf('/etc/one', 0), 5)
    request(blockOf('/etc/one', 0), 1, true)
    const image = await BootImage.open(path)
    const out = new OutputFiles(
      { trace: join(scratch.path, 'boot.trace'), requests: join(scratch.path, 'boot.log'), disk: 'hdd', scale: 5 },
      2,
    )
    try {
      await out.write({ image, kernelName: 'vmlinuz-6' }, 1, {
        seconds: 12.3456,
        log,
        recording: { requests: log.requests, lost: 0, started: 1000, start: 0, length: image.length },
      })
    } finally {
      await image.close()
    }
    expect(out.traces).to.deep.equal([join(scratch.path, 'boot.2.trace')])
    const [header, ...reads] = readFileSync(join(scratch.path, 'boot.2.trace'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(header).to.deep.include({
      source: 'vm',
      kernel: 'vmlinuz-6',
      disk: 'hdd',
      scale: 5,
      seconds: 12.346,
      resolved: testUuid,
      ignored: { write: 1 },
    })
    expect(reads.map(({ t, path: name, off, len, kind }) => [t, name, off, len, kind])).to.deep.equal([
      [500_000, '/etc/two', 4096, 8192, 'data'],
      [500_000, '/etc', 0, 4096, 'directory'],
      [500_000, '/etc/one', 0, 20_480, 'data'],
    ])
    expect(readFileSync(join(scratch.path, 'boot.2.log'), 'utf8')).to.match(
      /^0\.500000 R \d+ 8192 dist=0 pos_ms=0\.500 wait_ms=0\.000\n/,
    )
  })
})

describe('a boot in a virtual machine', function () {
  this.timeout(240_000)
  const scratch = scratchFolder()
  const image = join(scratch.path, 'system.img')
  const files = [...Array.from({ length: 12 }, (_, i) => `f${i}`), 'late']
  const readOrder = ['f7', 'f2', 'f11', 'f0']
  const temporary = process.env['TMPDIR']

  before(function () {
    const kernel: KernelFiles = needMachine(this)
    const tree = join(scratch.path, 'tree')
    makeRoot(tree, files, readOrder, kernel)
    makeImage(image, { size: 160 * mebibyte, blockSize: 4096, tree })
    mkdirSync(join(scratch.path, 'tmp'))
    process.env['TMPDIR'] = join(scratch.path, 'tmp')
  })
  after(() => {
    if (temporary === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = temporary
    scratch.remove()
  })
  afterEach(() => expect(readdirSync(join(scratch.path, 'tmp')), 'left behind').to.deep.equal([]))

  const choices: MachineChoices = { disk: 'hdd', scale: 1, cpus: 1, memory: 256, network: false }

  async function boots(
    images: readonly string[],
    more: Partial<MachineChoices> = {},
    options: Partial<SeriesOptions> = {},
  ): Promise<{ image: number; result: BootResult }[]> {
    const results: { image: number; result: BootResult }[] = []
    await bootSeries(
      images,
      { ...choices, ...more },
      {
        runs: 1,
        choice: 'auto',
        until: parseUntil('READY'),
        linger: 0,
        timeout: 120,
        signal: new AbortController().signal,
        onResult: async (_machine, image, _run, result) => {
          results.push({ image, result })
        },
        ...options,
      },
    )
    return results
  }

  const boot = async (
    path: string,
    more: Partial<MachineChoices> = {},
    options: Partial<SeriesOptions> = {},
  ): Promise<BootResult> => (await boots([path], more, options))[0]!.result

  /** Bytes of the filesystem where a file's blocks lie, as debugfs says; one run. */
  function placeOf(path: string): { from: number; to: number } {
    const blocks = debugfs(image, `blocks ${path}`).trim().split(/\s+/).map(Number)
    expect(blocks.at(-1)! - blocks[0]!, `${path} is one run`).to.equal(blocks.length - 1)
    return { from: blocks[0]! * 4096, to: (blocks.at(-1)! + 1) * 4096 }
  }

  const reads = (result: BootResult): { t?: number; off: number; len?: number }[] => [
    ...bootTrace(result.recording, {}).reads,
  ]
  /** When a file was read for the first time, microseconds; checks that all of it was. */
  function readAt(result: BootResult, path: string): number | undefined {
    const { from, to } = placeOf(path)
    const inside = reads(result).filter(({ off, len }) => off < to && off + len! > from)
    const bytes = inside.reduce((sum, { off, len }) => sum + Math.min(to, off + len!) - Math.max(from, off), 0)
    if (inside.length > 0) expect(bytes, path).to.equal(to - from)
    return inside[0]?.t
  }

  it('reads what the guest reads, in its order, with a kernel from the image, and leaves the image alone', async () => {
    const before = hashOf(image)
    const result = await boot(image)
    expect(hashOf(image)).to.equal(before)
    expect(result.line).to.include('READY')
    const times = readOrder.map((name) => readAt(result, `/data/${name}`))
    expect(times).to.not.include(undefined)
    expect(times).to.deep.equal([...times].sort((a, b) => a! - b!))
    for (const name of ['f1', 'f5', 'late']) expect(readAt(result, `/data/${name}`), name).to.equal(undefined)
    expect(result.figures.reads).to.be.at.least(10)
    expect(result.figures.positioningMs / 1e3).to.be.below(result.seconds)
  })

  it('goes on recording for a while when asked to', async () => {
    const result = await boot(image, { scale: 0 }, { linger: 4 })
    expect(readAt(result, '/data/late')! / 1e6).to.be.above(result.seconds)
  })

  it('finds the root on a partition, and counts from its start', async function () {
    needTools(this, 'sfdisk')
    const disk = join(scratch.path, 'disk.img')
    partitioned(image, disk)
    const result = await boot(disk, { scale: 0 })
    expect(readAt(result, '/data/f7')).to.not.equal(undefined)
  })

  it('boots two images in turn', async () => {
    const copy = join(scratch.path, 'copy.img')
    copyFileSync(image, copy)
    const results = await boots([image, copy], { scale: 0 }, { runs: 2 })
    expect(results.map((each) => each.image)).to.deep.equal([0, 1, 0, 1])
    const counts = results.map(({ result }) => result.figures.readBytes)
    expect(Math.max(...counts) / Math.min(...counts), `bytes read: ${counts.join(', ')}`).to.be.below(1.1)
  })

  it('is done when the guest reports on its second port', async () => {
    const result = await boot(image, { scale: 0 }, { until: parseUntil('/^REPORT$/') })
    expect(readAt(result, '/data/late')! / 1e6).to.be.below(result.seconds)
  })

  it('ends after some seconds when asked to', async () => {
    const result = await boot(image, { scale: 0 }, { until: parseUntil('2') })
    expect(result.seconds).to.be.within(2, 4)
    expect(result.line).to.equal(undefined)
  })

  it('says what the console said when what was waited for does not come', async () => {
    const late = await boots([image], { scale: 0 }, { until: parseUntil('NEVER'), timeout: 12 }).catch(
      (error: unknown) => error,
    )
    expect(late).to.be.instanceOf(BootpackError).with.property('code', 'boot-timeout')
    expect((late as BootpackError).message)
      .to.include('NEVER')
      .and.to.include('READY')
    const off = await boots([image], { scale: 0, append: ['root=/dev/nothing'] }).catch((error: unknown) => error)
    expect(off).to.be.instanceOf(BootpackError).with.property('code', 'machine-off')
  })

  it('is interrupted at once', async () => {
    const aborter = new AbortController()
    setTimeout(() => aborter.abort(), 1500)
    const error = await boots([image], {}, { choice: 'tcg', until: parseUntil('NEVER'), signal: aborter.signal }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).to.be.instanceOf(BootpackError).with.property('family', 'interrupted')
  })
})
