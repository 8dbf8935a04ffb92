/**
 * Boots with the script of share/preload in the ramdisk: with a good list everything is
 * read once, in the order of the disk, before init; with any other it is the ordinary boot.
 */
import { expect } from 'chai'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debugfs, debugfsWrite, makeImage } from '../../../test/support/images.js'
import { needLoopMounts, run, scratchFolder } from '../../../test/support/tools.js'
import { bootTrace } from '../src/machine/boot-trace.js'
import { bootSeries } from '../src/machine/series.js'
import { parseUntil } from '../src/machine/until.js'
import { makeRoot, needMachine, ramdisk } from './support/small-system.js'

const mebibyte = 2 ** 20
const launcher = new URL('../../../bin/bootpack.js', import.meta.url).pathname
const script = readFileSync(new URL('../../../share/preload/preload.sh', import.meta.url), 'utf8').replaceAll(
  '@LIMIT@',
  '30',
)

describe('a boot that reads in advance', function () {
  this.timeout(240_000)
  const scratch = scratchFolder()
  const image = join(scratch.path, 'system.img')
  const initrd = join(scratch.path, 'initrd')
  const names = Array.from({ length: 12 }, (_, i) => `f${i}`)
  const readOrder = ['f7', 'f2', 'f11', 'f0', 'f5']

  before(function () {
    const kernel = needMachine(this)
    needLoopMounts(this)
    const tree = join(scratch.path, 'tree')
    makeRoot(tree, [...names, 'late'], readOrder, kernel)
    // What the install command asks for; nothing of it runs here.
    for (const folder of ['etc/systemd/system', 'usr/lib/systemd', 'proc'])
      mkdirSync(join(tree, folder), { recursive: true })
    writeFileSync(join(tree, 'usr/lib/systemd/systemd'), 'x')
    makeImage(image, { size: 160 * mebibyte, blockSize: 4096, tree })
    writeFileSync(initrd, ramdisk(kernel, script))
    const list = join(scratch.path, 'list')
    writeFileSync(list, ['/sbin/init', '/bin/sh', ...readOrder.map((name) => `/data/${name}`)].join('\n') + '\n')
    run(process.execPath, [launcher, 'preload', 'install', image, '--trace', list, '--form', 'systemd'])
  })
  after(() => scratch.remove())

  interface Read {
    readonly off: number
    readonly len: number
  }

  async function reads(path: string): Promise<Read[]> {
    let found: Read[] = []
    await bootSeries(
      [path],
      { disk: 'hdd', scale: 0, cpus: 1, memory: 256, network: false, initrd },
      {
        runs: 1,
        choice: 'auto',
        until: parseUntil('READY'),
        linger: 0,
        timeout: 120,
        signal: new AbortController().signal,
        onResult: async (_machine, _image, _run, result) => {
          found = [...bootTrace(result.recording, {}).reads].map(({ off, len }) => ({ off, len: len! }))
        },
      },
    )
    return found
  }

  const placeOf = (name: string): { from: number; to: number } => {
    const blocks = debugfs(image, `blocks /data/${name}`).trim().split(/\s+/).map(Number)
    return { from: blocks[0]! * 4096, to: (blocks.at(-1)! + 1) * 4096 }
  }

  /** The files in the order their reading began; a range of metadata may reach into the first block of a file behind it. */
  function orderOf(all: readonly Read[], twice = 32_768): string[] {
    const begun = names.flatMap((name) => {
      const { from, to } = placeOf(name)
      const inside = all
        .map(({ off, len }, i) => ({ i, bytes: Math.min(to, off + len) - Math.max(from, off) }))
        .filter(({ bytes }) => bytes > 0)
      if (inside.length === 0) return []
      const bytes = inside.reduce((sum, each) => sum + each.bytes, 0)
      expect(bytes, name).to.be.within(to - from, to - from + twice)
      return [{ name, i: inside.find(({ i }) => all[i]!.off >= from)?.i ?? inside[0]!.i }]
    })
    return begun.sort((a, b) => a.i - b.i).map(({ name }) => name)
  }

  const listed = (): string => debugfs(image, 'cat /etc/bootpack/preload.list')

  function withList(name: string, text: string | undefined): string {
    const copy = join(scratch.path, `${name}.img`)
    copyFileSync(image, copy)
    const file = join(scratch.path, 'changed')
    writeFileSync(file, text ?? '')
    debugfsWrite(copy, [
      'rm /etc/bootpack/preload.list',
      ...(text === undefined ? [] : [`write ${file} /etc/bootpack/preload.list`]),
    ])
    return copy
  }

  it('reads the metadata, then the files in the order of the disk, each once', async () => {
    const all = await reads(image)
    const physical = [...readOrder].sort((a, b) => placeOf(a).from - placeOf(b).from)
    expect(physical).to.not.deep.equal(readOrder)
    expect(orderOf(all)).to.deep.equal(physical)
    const first = all.findIndex(({ off }) =>
      physical.some((name) => placeOf(name).from <= off && off < placeOf(name).to),
    )
    // The rounded ends of a range may hold a file's data, which is read again as such.
    const metadata = [
      ...['/data', '/sbin', '/bin'].map((path) => Number(debugfs(image, `blocks ${path}`).trim().split(/\s+/)[0])),
      ...[...readOrder.map((name) => `/data/${name}`), '/sbin/init', '/bin/busybox'].map((path) =>
        Number(/block (\d+)/.exec(debugfs(image, `imap ${path}`))![1]),
      ),
    ].map((block) => block * 4096)
    for (const at of metadata) {
      const readIn = all.flatMap(({ off, len }, i) => (off <= at && at < off + len ? [i] : []))
      expect(readIn.length, `byte ${at}`).to.be.at.least(1)
      expect(readIn.at(-1), `byte ${at}`).to.be.below(first)
    }
  })

  const failures: Record<string, () => string | undefined> = {
    'no list': () => undefined,
    'an empty list': () => '',
    'a list that is cut off': () => listed().slice(0, -30),
    'a list for another filesystem': () =>
      listed().replace(/^uuid .*$/m, 'uuid 11111111-1111-4111-8111-111111111111 \\0021\\0021'),
    'a list of other things': () => 'bootpack-preload 1\nreboot -f\n$(reboot -f)\nend 4\n',
  }
  for (const [name, text] of Object.entries(failures)) {
    it(`is the ordinary boot with ${name}`, async () => {
      expect(orderOf(await reads(withList('changed', text())))).to.deep.equal(readOrder)
    })
  }

  it('boots with a stale list: files gone, moved, ranges that mean nothing now', async () => {
    const lines = listed()
      .trimEnd()
      .split('\n')
      .slice(0, -1)
      .map((line) =>
        line.replace(/^d (\d+)/, (_, skip) => `d ${Number(skip) + 1500}`).replace('/data/f2', '/data/gone'),
      )
    lines.push('d 90000000 400', `end ${lines.length + 2}`)
    expect(orderOf(await reads(withList('stale', `${lines.join('\n')}\n`)), Infinity)).to.include.members(readOrder)
  })
})
