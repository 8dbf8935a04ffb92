/**
 * Inodes with other numbers, against e2fsck, debugfs and the kernel: everything but the
 * numbers is as it was, and every name leads to the inode it named.
 */
import { expect } from 'chai'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FileStore } from '../../src/storage/file-store.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import { UndoStore } from '../../src/ext4/undo/recording-store.js'
import type { Renumbering, RenumberOutcome } from '../../src/volume/capabilities.js'
import { checkImage, debugfs, debugfsWrite, makeImage } from '../support/images.js'
import { dumpInodes } from '../support/inode-dump.js'
import { manifestOf } from '../support/manifest.js'

import { loopMounted } from '../support/mount.js'
import { numbersAfter, randomExchanges } from '../support/random-exchanges.js'
import { Random } from '../support/random.js'
import { hasTool, isRoot, needLoopMounts, needTools, run, scratchFolder, skip } from '../support/tools.js'
import { makeVariedImage, varieties, type Variety } from '../support/varied-image.js'

const mountable = isRoot && hasTool('getfattr')

async function renumber(
  path: string,
  choose: (volume: ImageVolume) => Promise<Renumbering[]>,
): Promise<{ exchanges: Renumbering[]; outcomes: RenumberOutcome[] }> {
  let store: FileStore | UndoStore = await FileStore.open(path, { writable: true })
  if (!debugfs(path, 'stats').includes('has_journal')) store = await UndoStore.create(store, `${path}.undo`, 0)
  const volume = await ImageVolume.open(await Filesystem.open(store))
  try {
    const exchanges = await choose(volume)
    const outcomes: RenumberOutcome[] = []
    for await (const outcome of volume.capabilities.inodeTables.numbers.renumber(exchanges, {})) outcomes.push(outcome)
    return { exchanges, outcomes }
  } finally {
    await volume.close()
  }
}

/** debugfs' words on an inode without its number. */
const restOf = (path: string): Map<number, string> =>
  new Map(
    [...dumpInodes(path)].map(([inode, { rest, blocks, unwritten, treeBlocks, xattr, sectors }]) => [
      inode,
      JSON.stringify([rest.replace(/^Inode: \d+/m, ''), [...blocks], [...unwritten], treeBlocks, xattr, sectors]),
    ]),
  )

const more: readonly Variety[] = [
  {
    name: '1 KiB blocks, no journal, no types in directories',
    blockSize: 1024,
    features: '^filetype,^has_journal,^extra_isize',
    more: ['-I', '128'],
  },
  { name: 'ext3: block maps', blockSize: 1024, features: '^extent,^flex_bg,^64bit,^metadata_csum,^uninit_bg' },
  {
    name: '1 KiB blocks, csum, groups without a flex',
    blockSize: 1024,
    size: 40,
    features: '^flex_bg,metadata_csum',
    more: ['-g', '4096'],
  },
  { name: '1 KiB blocks, inline data', blockSize: 1024, features: 'inline_data,metadata_csum', more: ['-I', '512'] },
  {
    name: 'quota, project',
    blockSize: 1024,
    features: 'quota,project',
    extended: 'quotatype=usrquota:grpquota:prjquota',
  },
]

describe('renumbering inodes', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())
  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'dumpe2fs')
  })

  for (const [index, variety] of [...varieties, ...more].entries()) {
    it(`changes numbers and nothing else: ${variety.name}`, async function () {
      this.timeout(120_000)
      const seed = 7000 + index
      const path = join(scratch.path, `${index}.img`)
      makeVariedImage(path, variety, seed)
      debugfsWrite(path, ['cd a', 'mknod fifo p', 'mknod device c 4 64', 'mknod disk b 8 1'])
      // Quotas do not count what debugfs makes.
      run('e2fsck', ['-fy', path], { ok: [0, 1] })
      checkImage(path)
      const before = restOf(path)
      const mounted = mountable && variety.blockSize <= 4096
      const names = mounted ? manifestOf(path) : undefined
      const { exchanges, outcomes } = await renumber(path, (volume) => randomExchanges(volume, new Random(seed), 150))
      expect(
        outcomes.filter(({ status }) => status !== 'renumbered'),
        `seed ${seed}`,
      ).to.deep.equal([])
      expect(outcomes).to.have.length(exchanges.length)
      checkImage(path)
      const numbers = numbersAfter(exchanges)
      const expected = new Map([...before].map(([inode, rest]) => [numbers.get(inode) ?? inode, rest]))
      expect(new Map([...restOf(path)].sort(([a], [b]) => a - b)), `seed ${seed}`).to.deep.equal(
        new Map([...expected].sort(([a], [b]) => a - b)),
      )
      if (!names) return
      const after = manifestOf(path)
      expect([...after.keys()].sort()).to.deep.equal([...names.keys()].sort())
      for (const [name, { inode, facts }] of names) {
        expect(after.get(name), `${name}, seed ${seed}`).to.deep.equal({ inode: numbers.get(inode) ?? inode, facts })
      }
    })
  }

  describe('of a tree the kernel made', () => {
    const folder = scratch.path
    before(function () {
      needLoopMounts(this)
      needTools(this, 'getfattr', 'setfattr', 'setfacl', 'python3')
    })

    for (const [name, recipe, freeInodes] of [
      ['1 KiB blocks, an index of two levels', { size: 64 << 20, blockSize: 1024, more: ['-N', '6000'] }, 3000],
      ['no inode is free', { size: 32 << 20, blockSize: 1024, more: ['-N', '3500'] }, 0],
      ['one inode is free', { size: 48 << 20, blockSize: 4096, features: 'inline_data', more: ['-N', '3500'] }, 1],
      [
        'inodes of 128 bytes, no checksums',
        { size: 48 << 20, blockSize: 1024, features: '^metadata_csum,^uninit_bg', more: ['-I', '128', '-N', '5000'] },
        2500,
      ],
    ] as const) {
      it(`changes numbers and nothing else: ${name}`, async function () {
        this.timeout(120_000)
        const path = join(folder, 'kernel.img')
        makeImage(path, recipe)
        loopMounted(path, (mounted) => makeKernelTree(mounted, freeInodes))
        checkImage(path)
        const seed = 7100
        const before = manifestOf(path)
        const { exchanges, outcomes } = await renumber(path, (volume) => randomExchanges(volume, new Random(seed), 900))
        expect(outcomes.filter(({ status }) => status !== 'renumbered')).to.deep.equal([])
        checkImage(path)
        const numbers = numbersAfter(exchanges)
        expect(numbers.size).to.be.greaterThan(500)
        const after = manifestOf(path)
        expect(after.size).to.equal(before.size)
        for (const [entry, { inode, facts }] of before) {
          expect(after.get(entry), `${entry}, seed ${seed}`).to.deep.equal({
            inode: numbers.get(inode) ?? inode,
            facts,
          })
        }
        // And it goes on being a filesystem: the kernel makes, renames and removes in it.
        loopMounted(path, (mounted) =>
          run('sh', [
            '-c',
            `
          set -e; cd "$1"; mv wide narrow; mv narrow/sub200 .; rm -r sub1 wide2 narrow
          mkdir new; i=0; while [ $i -lt 60 ]; do echo $i > new/f$i; i=$((i+1)); done; mv new/f1 sub200/`,
            'sh',
            mounted,
          ]),
        )
        checkImage(path)
      })
    }

    it('leaves a directory alone that is more than the journal takes at once, and what is in it not', async function () {
      this.timeout(120_000)
      const path = join(folder, 'large.img')
      makeImage(path, { size: 64 << 20, blockSize: 1024, more: ['-N', '8000', '-J', 'size=1'] })
      loopMounted(path, (mounted) =>
        run('python3', [
          '-c',
          `
import os, sys
os.chdir(sys.argv[1]); os.mkdir('large'); os.mkdir('other')
for i in range(1500): open('large/%04d' % i + 'n' * 200, 'w').close()
`,
          mounted,
        ]),
      )
      const inode = (name: string): number => Number(/Inode: (\d+)/.exec(debugfs(path, `stat ${name}`))![1])
      const [large, other, inside] = ['large', 'other', `large/0003${'n'.repeat(200)}`].map(inode)
      const { outcomes } = await renumber(path, () => Promise.resolve([{ inode: large!, to: other! }]))
      expect(outcomes.map(({ reason }) => reason)).to.deep.equal(['large-directory'])
      expect(
        (await renumber(path, () => Promise.resolve([{ inode: inside!, to: other! }]))).outcomes[0]!.status,
      ).to.equal('renumbered')
      checkImage(path)
      // What a plan made without writing takes for possible is possible.
      const reading = await ImageVolume.open(await Filesystem.open(await FileStore.open(path)))
      expect(await reading.capabilities.inodeTables.numbers.fixed(large!)).to.equal('large-directory')
      await reading.close()
    })

    it('leaves the origins of an overlay their numbers, which is not mounted without them', async function () {
      const path = join(folder, 'overlay.img')
      makeImage(path, { size: 32 << 20, blockSize: 4096 })
      const overlay = (mounted: string, work: string): void => {
        run('sh', [
          '-ec',
          `cd "$1"; mkdir -p lower upper work merged; [ -e lower/file ] || { echo a > lower/file; echo b > lower/other; echo c > plain; }
          mount -t overlay overlay -o index=on,lowerdir=lower,upperdir=upper,workdir=work merged; trap 'umount merged' EXIT; ${work}`,
          'sh',
          mounted,
        ])
      }
      if (!readFileSync('/proc/filesystems', 'utf8').includes('\toverlay\n'))
        skip(this, 'needs a kernel with overlayfs')
      // The long attribute drives the handle of one file out of its inode.
      loopMounted(path, (mounted) =>
        overlay(
          mounted,
          'setfattr -n user.long -v $(head -c 150 /dev/zero | tr "\\0" x) merged/file; echo more >> merged/file',
        ),
      )
      const inode = (name: string): number => Number(/Inode: (\d+)/.exec(debugfs(path, `stat ${name}`))![1])
      expect(debugfs(path, 'stat upper/file'), 'a block for the handle').not.to.match(/File ACL: 0\b/)
      const plain = inode('plain')
      const reasons: string[] = []
      for (const name of ['lower', 'lower/file', 'upper/file', 'lower/other']) {
        const {
          outcomes: [outcome],
        } = await renumber(path, () => Promise.resolve([{ inode: inode(name), to: plain }]))
        reasons.push(outcome!.reason ?? outcome!.status)
      }
      expect(reasons).to.deep.equal(['overlay-origin', 'overlay-origin', 'renumbered', 'renumbered'])
      checkImage(path)
      loopMounted(path, (mounted) => overlay(mounted, '[ "$(cat merged/file merged/other | tr -d "\\n")" = amoreb ]'))
    })

    it('keeps numbers that are signed, keyed or held elsewhere', async function () {
      const path = join(folder, 'kept.img')
      makeImage(path, { size: 32 << 20, blockSize: 4096, features: 'ea_inode' })
      loopMounted(path, (mounted) =>
        run('sh', [
          '-c',
          `
        cd "$1" && for f in evm value plain other; do echo $f > $f; done
        setfattr -n security.evm -v 0x02$(printf %040d 0) evm
        setfattr -n user.big -v $(head -c 9000 /dev/zero | tr '\\0' x) value`,
          'sh',
          mounted,
        ]),
      )
      const inode = (name: string): number => Number(/Inode: (\d+)/.exec(debugfs(path, `stat ${name}`))![1])
      const other = inode('other')
      const numbers = ['evm', 'value', 'plain'].map(inode)
      const { outcomes } = await renumber(path, () =>
        Promise.resolve([...numbers, 2, 8, 11].map((number) => ({ inode: number, to: other }))),
      )
      expect(outcomes.map(({ status, reason }) => reason ?? status)).to.deep.equal([
        'evm',
        'after-skipped',
        'after-skipped',
        'after-skipped',
        'after-skipped',
        'after-skipped',
      ])
      const reasons: string[] = []
      for (const number of [...numbers, 2, 8, 11]) {
        const {
          outcomes: [outcome],
        } = await renumber(path, () => Promise.resolve([{ inode: number, to: other }]))
        reasons.push(outcome!.reason ?? outcome!.status)
      }
      expect(reasons).to.deep.equal(['evm', 'ea-inode', 'renumbered', 'system-inode', 'system-inode', 'system-inode'])
      checkImage(path)
    })
  })

  describe('of what cannot be trusted', () => {
    const path = join(scratch.path, 'hostile.img')
    const base = join(scratch.path, 'hostile-base.img')
    before(() => {
      makeVariedImage(base, varieties[5]!, 7300)
    })
    const inode = (name: string): number => Number(/Inode: (\d+)/.exec(debugfs(base, `stat ${name}`))![1])
    const once = async (commands: readonly string[], ...pairs: [string, string][]): Promise<string[]> => {
      copyFileSync(base, path)
      debugfsWrite(path, commands)
      const { outcomes } = await renumber(path, () =>
        Promise.resolve(pairs.map(([a, b]) => ({ inode: inode(a), to: inode(b) }))),
      )
      return outcomes.map(({ status, reason, detail }) => detail ?? reason ?? status)
    }
    const thrown = async (...attempt: Parameters<typeof once>): Promise<unknown> =>
      once(...attempt).catch((error: unknown) => error)

    it('skips an inode whose links are not its names', async () => {
      expect(await once(['link /file1 /another'], ['/file1', '/file2'], ['/file3', '/file4'])).to.deep.equal([
        'it counts 1 links, and 2 names were found',
        'renumbered',
      ])
      expect(await once(['unlink /a/linked'], ['/holes', '/file2'])).to.deep.equal([
        'it counts 2 links, and 1 names were found',
      ])
      expect(await once(['unlink /a/linked'], ['/file2', '/holes'])).to.deep.equal([
        'it counts 2 links, and 1 names were found',
      ])
    })

    it('skips a directory whose dots lie', async () => {
      expect(await once(['sif /a/b/c links_count 3'], ['/a/b/c', '/file2'])).to.deep.equal([
        'it counts 3 links, and 0 directories name it as their parent',
      ])
      expect(await once(['link /a/b/c /again'], ['/a/b/c', '/file2'])).to.deep.equal(['it is a directory with 2 names'])
      expect(await once(['link /a/b /moved', 'unlink /a/b'], ['/a/b', '/file2'])).to.deep.equal([
        `its ".." names inode ${inode('/a')}, and its name is in 2`,
      ])
    })

    it('does not use a slot that was never used, or none', async () => {
      copyFileSync(base, path)
      const last = Number(/Inode count: +(\d+)/.exec(run('dumpe2fs', ['-h', path]).stdout)![1])
      const { outcomes } = await renumber(path, () =>
        Promise.resolve([
          { inode: inode('/file1'), to: last },
          { inode: inode('/file2'), to: last + 1 },
          { inode: inode('/file3'), to: 5 },
          { inode: inode('/file4'), to: inode('/file4') },
          { inode: inode('/file5'), to: inode('/file6') },
        ]),
      )
      expect(outcomes.map(({ status, reason, detail }) => [reason ?? status, detail])).to.deep.equal([
        ['never-used', `inode ${last}`],
        ['no-slot', `inode ${last + 1}`],
        ['system-inode', undefined],
        ['same-number', undefined],
        ['renumbered', undefined],
      ])
      checkImage(path)
    })

    it('uses no number that the kernel keeps for quotas or orphans, with those features or without', async function () {
      copyFileSync(base, path)
      const [free, used] = ['/file7', '/file8'].map(inode) as [number, number]
      debugfsWrite(path, ['rm /file7', `ssv orphan_file_inum ${free}`, `ssv prj_quota_inum ${used}`])
      const { outcomes } = await renumber(path, () => Promise.resolve([{ inode: inode('/file1'), to: free }]))
      expect(outcomes[0]).to.include({ reason: 'no-slot', detail: `inode ${free}` })
      const { outcomes: others } = await renumber(path, () => Promise.resolve([{ inode: inode('/file1'), to: used }]))
      expect(others[0]!.reason).to.equal('system-inode')
      if (!mountable) return
      // What would become of a file there.
      copyFileSync(base, path)
      debugfsWrite(path, ['rm /file7'])
      expect(
        (await renumber(path, () => Promise.resolve([{ inode: inode('/file1'), to: free }]))).outcomes[0]!.status,
      ).to.equal('renumbered')
      debugfsWrite(path, [`ssv orphan_file_inum ${free}`])
      loopMounted(path, (mounted) => {
        run('stat', [join(mounted, 'file2')])
        expect(() => run('stat', [join(mounted, 'file1')])).to.throw(/structure needs cleaning/i)
      })
    })

    it('leaves the folder of EXTLINUX 3 its number, and others theirs', async () => {
      expect(await once(['mkdir /boot', 'mkdir /boot/extlinux', 'mkdir /boot/syslinux'])).to.deep.equal([])
      debugfsWrite(path, [
        'cd /boot/extlinux',
        'mknod extlinux.sys p',
        'mknod ldlinux.sys p',
        'cd /boot/syslinux',
        'mknod ldlinux.sys p',
      ])
      const now = (name: string): number => Number(/Inode: (\d+)/.exec(debugfs(path, `stat ${name}`))![1])
      const { outcomes } = await renumber(path, () =>
        Promise.resolve([
          { inode: now('/boot/extlinux'), to: inode('/file1') },
          { inode: now('/boot/syslinux'), to: inode('/file2') },
          { inode: now('/boot'), to: inode('/file3') },
        ]),
      )
      expect(outcomes.map(({ status, reason }) => reason ?? status)).to.deep.equal([
        'boot-loader',
        'renumbered',
        'renumbered',
      ])
      checkImage(path)
    })

    it('refuses what others rely on, and blocks with two owners', async () => {
      expect(await thrown(['feature stable_inodes'], ['/file1', '/file2'])).to.include({
        code: 'feature-stable_inodes',
        exitCode: 5,
      })
      // Its directory's block becomes a file's block as well.
      const [block] = /\(0\):(\d+)/.exec(debugfs(base, 'stat /a/b'))!.slice(1)
      const pointers = [...Array.from({ length: 12 }, (_, i) => String(i)), 'IND', 'DIND', 'TIND']
      expect(
        await thrown(
          ['sif /file7 flags 0', ...pointers.map((at) => `sif /file7 block[${at}] ${at === '0' ? block : 0}`)],
          ['/a/b/c', '/file2'],
        ),
      ).to.include({ code: 'multiply-claimed', exitCode: 5 })
    })
  })
})

/** What mke2fs cannot copy: an index of two levels, sockets, access lists, links across folders, long trees. */
function makeKernelTree(folder: string, freeInodes: number): void {
  run('python3', [
    '-c',
    `
import os, socket, subprocess, sys
os.chdir(sys.argv[1]); free = int(sys.argv[2])
os.mkdir('wide')
for i in range(900): open('wide/%05d' % i + 'n' * 200, 'w').write('x' * (i % 80))
for i in range(300): os.mkdir('wide/sub%d' % i)
for i in range(60): os.mkdir('sub%d' % i); os.link('wide/%05d' % i + 'n' * 200, 'sub%d/linked' % i)
for i in range(0, 900, 3): os.unlink('wide/%05d' % i + 'n' * 200)
os.mkdir('wide2'); open('wide2/a', 'w').write('a')
socket.socket(socket.AF_UNIX).bind('socket')
os.mkfifo('pipe'); os.mknod('device', 0o20600, os.makedev(4, 64))
os.symlink('short', 'fast'); os.symlink('long/' * 40, 'slow')
with open('deep', 'wb') as f:
    for i in range(0, 2000, 2):
        f.seek(i * 1024); f.write(b'd' * 1024)
        if i % 100 == 0: f.flush(); os.fsync(f.fileno())
os.chmod('sub3', 0o1777); os.chown('sub4', 12, 34); os.utime('sub5', ns=(1_000_000_001, 2_000_000_002))
for i in range(20, 40):
    os.setxattr('sub%d' % i, 'user.long', b'v' * 600)
subprocess.check_call(['setfacl', '-m', 'u:7:rw,g:8:r', 'sub6', 'deep'])
subprocess.check_call(['setfacl', '-d', '-m', 'u:7:rwx', 'sub7'])
os.mkdir('fill'); made = 0
while os.statvfs('.').f_ffree > free:
    open('fill/%d' % made, 'w').close(); made += 1
`,
    folder,
    String(freeInodes),
  ])
}
