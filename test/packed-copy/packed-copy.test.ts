/** Packing into a new image, of raw disks and of those of virtual machines, with QEMU's and e2fsprogs' own tools to judge. */
import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkImage, hashFiles, makeImage } from '../support/images.js'
import { Random } from '../support/random.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

const MiB = 1 << 20
const bootpack = join(import.meta.dirname, '../../bin/bootpack.js')

const sum = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

interface Made {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

const type = (words: readonly string[], env: NodeJS.ProcessEnv = {}): Made =>
  run(process.execPath, [bootpack, ...words], { env: { ...process.env, ...env }, ok: [0, 1, 2, 3, 4, 5, 6, 7, 130] })

interface Info {
  readonly 'virtual-size': number
  readonly 'backing-filename'?: string
  readonly 'cluster-size'?: number
  readonly 'format-specific'?: { readonly data: Readonly<Record<string, unknown>> }
}

const info = (path: string): Info => JSON.parse(run('qemu-img', ['info', '--output=json', path]).stdout) as Info

describe('packing into a new image', function () {
  this.timeout(300_000)
  const folder = scratchFolder()
  const at = (name: string): string => join(folder.path, name)
  const packing = (image: string, to: string, ...more: string[]): string[] => [
    'pack',
    image,
    '--trace',
    at('boot.list'),
    '--evict',
    '--to',
    to,
    ...more,
  ]
  let packedRaw: string
  let original: string
  /** What packing the raw image into another said. */
  let raw: Made

  before(function () {
    needTools(this, 'qemu-img', 'qemu-nbd', 'mke2fs', 'e2fsck', 'debugfs')
    mkdirSync(at('tree'))
    const random = new Random(11)
    const names = Array.from({ length: 300 }, (_, i) => `file-${String(i).padStart(3, '0')}`)
    for (const [i, name] of names.entries())
      writeFileSync(at(`tree/${name}`), Buffer.alloc(4096 * (1 + (i % 20)), name))
    makeImage(at('disk.raw'), { size: 48 * MiB, tree: at('tree') })
    const boot = names.filter(() => random.below(3) === 0).reverse()
    writeFileSync(at('boot.list'), boot.map((name) => `/${name}\n`).join(''))
    packedRaw = at('packed.raw')
    original = sum(at('disk.raw'))
    raw = type(packing(at('disk.raw'), packedRaw))
  })
  after(folder.remove)

  it('copies a raw image, sparse, and leaves the original and nothing else', () => {
    const { status, stdout, stderr } = raw
    expect(status, stderr).to.equal(0)
    expect(stdout).to.contain('disk.raw is as it was')
    expect(sum(at('disk.raw'))).to.equal(original)
    checkImage(packedRaw)
    expect(hashFiles(packedRaw)).to.deep.equal(hashFiles(at('disk.raw')))
    expect(statSync(packedRaw).size).to.equal(48 * MiB)
    expect(statSync(packedRaw).blocks * 512).to.be.below(40 * MiB)
    // The same as packing it where it is.
    run('cp', [at('disk.raw'), at('inplace.raw')])
    expect(type(['pack', at('inplace.raw'), '--trace', at('boot.list'), '--evict']).status).to.equal(0)
    expect(sum(at('inplace.raw'))).to.equal(sum(packedRaw))
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.'))).to.deep.equal([])
  })

  /** Of each format: how it is made, and what of it the new one has to have. */
  const formats: readonly {
    readonly title: string
    readonly name: string
    readonly words: readonly string[]
    readonly same?: (before: Info, after: Info) => void
    readonly says?: RegExp
  }[] = [
    {
      title: 'a qcow2',
      name: 'disk.qcow2',
      words: ['-O', 'qcow2', '-o', 'cluster_size=128k,lazy_refcounts=on,extended_l2=off'],
      same: (before, after) => {
        expect(after['cluster-size']).to.equal(before['cluster-size'])
        expect(after['format-specific']!.data).to.deep.include({ compat: '1.1', 'lazy-refcounts': true })
      },
    },
    {
      title: 'an old qcow2',
      name: 'old.qcow2',
      words: ['-O', 'qcow2', '-o', 'compat=0.10'],
      same: (_, after) => expect(after['format-specific']!.data).to.include({ compat: '0.10' }),
    },
    {
      title: 'a compressed qcow2',
      name: 'zlib.qcow2',
      words: ['-c', '-O', 'qcow2'],
      says: /It is compressed, as the original is \(zlib\)/,
    },
    {
      title: 'a qcow2 compressed with zstd',
      name: 'zstd.qcow2',
      words: ['-c', '-O', 'qcow2', '-o', 'compression_type=zstd'],
      says: /It is compressed, as the original is \(zstd\)/,
      same: (_, after) => expect(after['format-specific']!.data).to.include({ 'compression-type': 'zstd' }),
    },
    { title: 'a VMDK', name: 'disk.vmdk', words: ['-O', 'vmdk'] },
    {
      title: 'a VMDK for streaming',
      name: 'stream.vmdk',
      words: ['-O', 'vmdk', '-o', 'subformat=streamOptimized'],
      same: (_, after) => expect(after['format-specific']!.data).to.include({ 'create-type': 'streamOptimized' }),
    },
    {
      title: 'a VMDK of several files',
      name: 'several.vmdk',
      words: ['-O', 'vmdk', '-o', 'subformat=twoGbMaxExtentSparse'],
      says: /It is one file \(monolithicSparse\), where the original is several \(twoGbMaxExtentSparse\)/,
    },
    { title: 'a VHDX', name: 'disk.vhdx', words: ['-O', 'vhdx'] },
    { title: 'a VDI', name: 'disk.vdi', words: ['-O', 'vdi'] },
    { title: 'a dynamic VHD', name: 'disk.vhd', words: ['-O', 'vpc', '-o', 'force_size=on'] },
  ]

  for (const { title, name, words, same, says } of formats)
    it(`makes ${title} like the original, with the disk inside that a raw image has after packing`, () => {
      const inner = at(`${name} of it`)
      mkdirSync(inner)
      const [original, packed] = [join(inner, name), join(inner, `packed-${name}`)]
      run('qemu-img', ['convert', ...words, at('disk.raw'), original])
      const files = readdirSync(inner)
      const before = files.map((each) => sum(join(inner, each)))
      const { status, stdout, stderr } = type(packing(original, packed))
      expect(status, stderr).to.equal(0)
      run('qemu-img', ['compare', packed, packedRaw])
      if (!/vhd$/.test(name)) run('qemu-img', ['check', packed])
      expect(info(packed)['virtual-size']).to.equal(info(original)['virtual-size'])
      same?.(info(original), info(packed))
      if (says) expect(stdout).to.match(says)
      expect(files.map((each) => sum(join(inner, each)))).to.deep.equal(before)
      expect(readdirSync(inner).sort()).to.deep.equal([...files, `packed-${name}`].sort())
    })

  it('keeps what an image stands on, in the same folder and in another', () => {
    const inner = at('backed')
    mkdirSync(join(inner, 'elsewhere'), { recursive: true })
    run('qemu-img', ['convert', '-O', 'qcow2', at('disk.raw'), join(inner, 'base.qcow2')])
    run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', 'base.qcow2', join(inner, 'top.qcow2')])
    for (const to of [join(inner, 'packed.qcow2'), join(inner, 'elsewhere/packed.qcow2')]) {
      const { status, stdout, stderr } = type(packing(join(inner, 'top.qcow2'), to))
      expect(status, stderr).to.equal(0)
      const kept = dirname(to) === inner ? 'base.qcow2' : join(inner, 'base.qcow2')
      expect(stdout).to.contain(`It stands on ${kept}, as the original does.`)
      expect(info(to)['backing-filename']).to.equal(kept)
      run('qemu-img', ['compare', to, packedRaw])
      expect(statSync(to).size).to.be.below(statSync(join(inner, 'base.qcow2')).size)
    }
  })

  it('says what it cannot keep: snapshots inside', () => {
    run('qemu-img', ['convert', '-O', 'qcow2', at('disk.raw'), at('snapshots.qcow2')])
    run('qemu-img', ['snapshot', '-c', 'one', at('snapshots.qcow2')])
    const { stdout } = type(packing(at('snapshots.qcow2'), at('snapshots-packed.qcow2')))
    expect(stdout).to.contain('Its 1 internal snapshot is not in the new image.')
  })

  it('packs a partition of such a disk', function () {
    needTools(this, 'sfdisk')
    writeFileSync(at('parts.raw'), '')
    run('truncate', ['-s', '64M', at('parts.raw')])
    run('sfdisk', ['-q', at('parts.raw')], { input: 'label: gpt\nstart=2048, size=98304\n' })
    run('dd', [`if=${at('disk.raw')}`, `of=${at('parts.raw')}`, 'bs=1M', 'seek=1', 'conv=notrunc', 'status=none'])
    run('qemu-img', ['convert', '-O', 'qcow2', at('parts.raw'), at('parts.qcow2')])
    expect(type(packing(at('parts.qcow2'), at('parts-packed.qcow2'))).status).to.equal(0)
    run('qemu-img', ['convert', '-O', 'raw', at('parts-packed.qcow2'), at('parts-packed.raw')])
    const ranges = (image: string): string =>
      type(['trace', 'export', at('boot.list'), '--to', 'ranges', '--target', image, '-o', '-']).stdout
    expect(ranges(at('parts-packed.qcow2'))).to.equal(ranges(at('parts-packed.raw')))
    expect(ranges(at('parts-packed.raw'))).to.match(/^\d+ \d+$/m)
    run('dd', [`if=${at('parts-packed.raw')}`, `of=${at('part.raw')}`, 'bs=1M', 'skip=1', 'count=48', 'status=none'])
    checkImage(at('part.raw'))
    expect(hashFiles(at('part.raw'))).to.deep.equal(hashFiles(at('disk.raw')))
  })

  it('is not needed for what only reads: measure, map and plan say of the disk inside what they say of a raw one', () => {
    run('qemu-img', ['convert', '-O', 'vdi', at('disk.raw'), at('read.vdi')])
    const before = sum(at('read.vdi'))
    for (const words of [
      ['measure', '--trace', at('boot.list')],
      ['map', '--trace', at('boot.list')],
      ['pack', '--trace', at('boot.list'), '--evict', '--dry-run'],
    ]) {
      const [command, ...more] = words as [string, ...string[]]
      const answer = (image: string): unknown =>
        JSON.parse(type([command, image, ...more, '--json']).stdout.replaceAll(image, 'IMAGE'))
      expect(answer(at('read.vdi')), command).to.deep.equal(answer(at('disk.raw')))
    }
    expect(sum(at('read.vdi'))).to.equal(before)
  })

  it('refuses what cannot be: in place, over a file, another format, in use, without QEMU, from afar', async () => {
    run('qemu-img', ['convert', '-O', 'qcow2', at('disk.raw'), at('refused.qcow2')])
    const before = sum(at('refused.qcow2'))
    const says = (status: number, pattern: RegExp, words: readonly string[], env?: NodeJS.ProcessEnv): void => {
      const made = type(words, env)
      expect(made.stderr).to.match(pattern)
      expect(made.status).to.equal(status)
    }
    const image = at('refused.qcow2')
    says(5, /not written to where it is[^]*--to packed\.qcow2/, ['pack', image, '--trace', at('boot.list')])
    says(2, /There is something at .*disk\.raw already/, packing(image, at('disk.raw')))
    says(2, /format of the original, qcow2, and .* is named like vmdk/, packing(image, at('new.vmdk')))
    says(2, /no folder/i, packing(image, at('nowhere/new.qcow2')))
    says(5, /Convert it with: qemu-img convert -f qcow2 -O raw/, packing(image, at('new.qcow2')), { PATH: '/nowhere' })
    run('qemu-img', ['create', '-q', '-f', 'qcow2', '-u', '-F', 'raw', '-b', 'nbd:localhost:1', at('far.qcow2'), '48M'])
    says(5, /stands on nbd:localhost:1, which is no file here/, packing(at('far.qcow2'), at('new.qcow2')))
    const user = spawn('qemu-nbd', ['--socket', at('user'), '--format=qcow2', '--persistent', image])
    try {
      for (let tries = 0; tries < 300 && !readdirSync(folder.path).includes('user'); tries++) await sleep(20)
      says(5, /in use by a virtual machine/, packing(image, at('new.qcow2')))
    } finally {
      const ended = new Promise((resolve) => user.once('close', resolve))
      user.kill('SIGKILL')
      await ended
    }
    expect(sum(image)).to.equal(before)
    expect(readdirSync(folder.path).filter((name) => name.startsWith('new') || name.startsWith('.'))).to.deep.equal([])
  })

  it('makes nothing where there is nothing to gain', () => {
    const { status, stderr } = type(packing(packedRaw, at('again.raw')))
    expect(status).to.equal(4)
    expect(stderr).to.match(/again\.raw was not written/)
    expect(readdirSync(folder.path).filter((name) => name.startsWith('again') || name.startsWith('.'))).to.deep.equal(
      [],
    )
  })

  it('keeps no image when the original was written to meanwhile', async () => {
    run('cp', [at('disk.raw'), at('changing.raw')])
    const { status, stderr } = await during('Moving blocks', packing(at('changing.raw'), at('changed.raw')), () => {
      utimesSync(at('changing.raw'), new Date(), new Date())
    })
    expect(status).to.equal(5)
    expect(stderr).to.match(/was written to meanwhile; the new image was not kept/)
    expect(readdirSync(folder.path).filter((name) => name.startsWith('changed') || name.startsWith('.'))).to.deep.equal(
      [],
    )
  })

  it('never takes the place of a file that came meanwhile', async () => {
    const { status } = await during('Moving blocks', packing(at('disk.raw'), at('late.raw')), () => {
      writeFileSync(at('late.raw.new'), 'somebody')
      renameSync(at('late.raw.new'), at('late.raw'))
    })
    expect(status).to.equal(2)
    expect(readFileSync(at('late.raw'), 'utf8')).to.equal('somebody')
  })

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const)
    it(`leaves nothing but the original when it ends by ${signal} in any of its steps`, async () => {
      run('qemu-img', ['convert', '-O', 'qcow2', at('disk.raw'), at('ended.qcow2')])
      const before = sum(at('ended.qcow2'))
      for (const step of ['Planning', 'Moving blocks', 'Writing the new image', 'Comparing it']) {
        const { status, killed } = await during(step, packing(at('ended.qcow2'), at('end.qcow2')), (child) =>
          child.kill(signal),
        )
        // Who was asked late may have been done by then.
        if (status === 0) {
          run('qemu-img', ['compare', at('end.qcow2'), packedRaw])
          run('rm', [at('end.qcow2')])
        } else if (signal === 'SIGKILL') expect(killed, step).to.equal('SIGKILL')
        else expect(status, step).to.equal(130)
        for (let tries = 0; tries < 200 && left().length > 0; tries++) await sleep(50)
        expect(left(), step).to.deep.equal([])
        expect(sum(at('ended.qcow2'))).to.equal(before)
      }
    })

  const left = (): string[] =>
    readdirSync(folder.path).filter((name) => name.startsWith('end.') || name.startsWith('.bootpack'))
})

/** Runs a command and does something when it says that a step begins. */
async function during(
  step: string,
  words: readonly string[],
  act: (child: ReturnType<typeof spawn>) => void,
): Promise<{ status: number | null; killed: NodeJS.Signals | null; stderr: string }> {
  const child = spawn(process.execPath, [bootpack, ...words], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, BOOTPACK_PROGRESS_FD: '3' },
  })
  let stderr = ''
  child.stderr!.on('data', (bytes: Buffer) => void (stderr += bytes.toString()))
  let told = ''
  let acted = false
  child.stdio[3]!.on('data', (bytes: Buffer) => {
    told += bytes.toString()
    if (acted || !told.includes(`"${step}"`)) return
    acted = true
    act(child)
  })
  const [status, killed] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('close', (code, signal) => resolve([code, signal])),
  )
  expect(acted, `${step}: ${told}`).to.equal(true)
  return { status, killed, stderr }
}
