/** The mail's tree, sentence by sentence, used from a shell; e2fsprogs says what became of the disk. */
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { openTarget, type Volume } from 'bootpack'
import type { Extent } from 'bootpack/engine'
import { layoutInText, layoutOfFile, openMounted } from '../../../test/blocks/stage.js'
import { checkImage } from '../../../test/support/images.js'
import { loopMounted } from '../../../test/support/mount.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../../../test/support/tools.js'
import { mountMeta, type MetaMount } from '../src/mount/mount-meta.js'
import { makeAgedImage, type AgedImage } from './aged-image.js'
import { finished, isMounted, needFuse, output, pause, sh, start } from './shell.js'

const scratch = scratchFolder()
const aged = join(scratch.path, 'aged.img')
const image = join(scratch.path, 'image.img')
const meta = join(scratch.path, 'meta')
const blockSize = 1024
let made: AgedImage
let volume: Volume | undefined
let mount: MetaMount | undefined
const failures: string[] = []

async function show(target: string, readOnly = false): Promise<void> {
  failures.length = 0
  volume = await (statSync(target).isDirectory()
    ? openMounted(target, !readOnly)
    : openTarget(target, { write: !readOnly }))
  mount = await mountMeta(volume, meta, {
    source: target,
    readOnly,
    onFailure: (error, node) => failures.push(`${node}: ${(error as Error).message}`),
  })
}

async function putAway(): Promise<void> {
  try {
    await mount?.unmount()
  } finally {
    await volume?.close()
    mount = volume = undefined
  }
}

/**
 * Whoever opens an image that is being changed waits until this process lets him, so the
 * oracles are waited for as the clients of the mount are.
 */
const debugfs = (path: string, request: string): Promise<string> =>
  output(`debugfs -R '${request}' '${path}' 2>/dev/null`, '/')

const layoutInImage = async (path: string, file: string): Promise<Extent[]> =>
  layoutInText(await debugfs(path, `stat ${file}`))

const inodeOf = async (path: string): Promise<number> =>
  Number(/^Inode: (\d+)/m.exec(await debugfs(image, `stat ${path}`))![1])

async function contents(path: string): Promise<string> {
  await debugfs(image, `dump ${path} ${join(scratch.path, 'dump')}`)
  return readFileSync(join(scratch.path, 'dump'), 'latin1')
}

const text = (i: number): string => Buffer.alloc((30 + 10 * i) * blockSize - 100, `file ${i} `).toString('latin1')

/** Free blocks by dumpe2fs: "Free blocks: 10-12, 20". */
async function freeBlocks(): Promise<Set<number>> {
  const free = new Set<number>()
  const stdout = await output(`dumpe2fs '${image}' 2>/dev/null`, '/')
  for (const [, list] of stdout.matchAll(/^ {2}Free blocks: (.*)$/gm)) {
    for (const [, first, last] of list!.matchAll(/(\d+)(?:-(\d+))?/g))
      for (let block = Number(first); block <= Number(last ?? first); block++) free.add(block)
  }
  return free
}

const pairs = (lines: string): number[][] =>
  lines
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ').map(Number))

describe('the meta filesystem over an image', () => {
  before(function () {
    needFuse(this)
    needTools(this, 'mke2fs', 'debugfs', 'dumpe2fs', 'e2fsck', 'dd', 'perl')
    mkdirSync(meta)
    made = makeAgedImage(aged, blockSize)
  })
  beforeEach(async () => {
    copyFileSync(aged, image)
    await show(image)
  })
  afterEach(async () => {
    await putAway()
    checkImage(image)
  })

  it('"meta/features - bitmap of features supported by the interface"', async () => {
    expect(await output('cat features', meta)).to.equal('compat 0x1f\nro_compat 0xf\nincompat 0x3\n')
  })

  it('"meta/super/blocksize - filesystem block size", "meta/super/id - filesystem ID"', async () => {
    expect(await output('cat super/blocksize super/id', meta)).to.equal(
      `1024\n${/UUID: +(\S+)/.exec(await output(`dumpe2fs -h '${image}' 2>/dev/null`, '/'))![1]}\n`,
    )
  })

  describe('allocation/free_blocks', () => {
    it('"you\'ll get a list of extents describing areas with free blocks"', async () => {
      const told = new Set<number>()
      for (const [start, length] of pairs(await output('cat allocation/free_blocks', meta))) {
        for (let block = start!; block < start! + length!; block++) told.add(block)
      }
      expect([...told]).to.deep.equal([...(await freeBlocks())])
      expect(told.size).to.be.above(5000)
    })

    it('"if you read from fpos F [...] starting from block F"', async () => {
      const all = pairs(await output('cat allocation/free_blocks', meta))
      const [start, length] = all[40]!
      const [first] = pairs(
        await output(
          `dd if=allocation/free_blocks bs=64k skip=${start! + length! - 1} iflag=skip_bytes status=none`,
          meta,
        ),
      )
      expect(first, 'the rest of a run').to.deep.equal([start! + length! - 1, 1])
      expect(pairs(await output(`tail -c +${all[41]![0]! + 1} allocation/free_blocks`, meta))).to.deep.equal(
        all.slice(41),
      )
      expect(
        await output('dd if=allocation/free_blocks bs=64k skip=16384 iflag=skip_bytes status=none', meta),
        'behind the end',
      ).to.equal('')
    })

    it('"(as many as fits into supplied buffer)": whole lines, and what follows with the next read', async () => {
      const whole = await output('cat allocation/free_blocks', meta)
      for (const size of [3, 16, 100, 4096]) {
        expect(
          await output(`dd if=allocation/free_blocks bs=${size} status=none`, meta),
          `in pieces of ${size}`,
        ).to.equal(whole)
      }
      expect(
        await output('dd if=allocation/free_blocks bs=100 iflag=fullblock status=none', meta),
        'buffers filled to the last byte',
      ).to.equal(whole)
      const once = await output('dd if=allocation/free_blocks bs=100 count=1 status=none', meta)
      expect(once.endsWith('\n')).to.equal(true)
      expect(100 - once.length).to.be.below(16)
    })

    it('"Fpos of your file descriptor is shifted to the first unreported free block"', async () => {
      // As the kernel's position can only move by bytes: reading on goes on there, and SEEK_DATA puts the position there.
      const [told, position, jumped, again, refused] = (
        await output(
          `perl -e '
        open F, "<", "allocation/free_blocks"; sysread(F, $_, 100); $told = tr/\\n//;
        $at = sysseek(F, 0, 1); $next = sysseek(F, $at, 3); sysread(F, $_, 100); ($first) = split;
        print "$told ", $at + 0, " $next $first "; sysseek(F, $next + 5, 0); print defined(sysread(F, $_, 100)) ? "read" : $!{EINVAL} ? "EINVAL" : $!;
      '`,
          meta,
        )
      ).split(' ')
      const all = pairs(await output('cat allocation/free_blocks', meta))
      expect(Number(jumped)).to.equal(all[Number(told)]![0])
      expect(again).to.equal(jumped)
      expect(Number(position)).to.be.most(100)
      expect(refused, 'inside the text read last a position says nothing').to.equal('EINVAL')
    })

    it('does not send a shell that goes back in it round and round', async () => {
      const { stdout, stderr } = await sh(
        'while read -r start length; do echo "$start"; done < allocation/free_blocks',
        meta,
      )
      expect(stdout.split('\n').filter(Boolean)).to.have.length(1)
      expect(stderr).to.include('Invalid argument')
      expect(
        await output(
          'sh -c "while read -r start length; do echo \\$start \\$length; done" < allocation/free_blocks',
          meta,
        ),
        'one that reads byte by byte',
      ).to.equal(await output('cat allocation/free_blocks', meta))
      expect(
        await output('cat allocation/free_blocks | while read -r start length; do echo "$start $length"; done', meta),
      ).to.equal(await output('cat allocation/free_blocks', meta))
    })

    it('is the same for programs that copy in the kernel or look for holes', async () => {
      const whole = await output('cat allocation/free_blocks', meta)
      const copy = join(scratch.path, 'copy')
      await output(`cp allocation/free_blocks ${copy}`, meta)
      expect(readFileSync(copy, 'latin1')).to.equal(whole)
      expect(await output('grep -c . allocation/free_blocks', meta)).to.equal(`${whole.split('\n').length - 1}\n`)
      expect(
        (
          await sh(
            `perl -e 'open F, "<", "allocation/free_blocks"; $n = syscall(40, 1, fileno(F), 0, 65536); print $n' | cat`,
            meta,
          )
        ).stdout,
        'sendfile is told to read',
      ).to.equal('-1')
    })
  })

  describe('nodes/<ident>', () => {
    it('"this should be a directory containing things specific for a fs-object with identification <ident>"', async () => {
      const listed = (await output('ls -1 nodes', meta)).split('\n').filter(Boolean).map(Number)
      expect(listed).to.include.members([...made.fragmented, made.donor])
      expect(listed).to.have.length(305)
      for (const inode of [2, 8, 11, 1000, 99_999])
        expect((await sh(`ls nodes/${inode}`, meta)).stderr, `inode ${inode}`).to.include('No such file')
      expect(
        (await output(`find nodes/${made.donor} -type f | sort`, meta))
          .split('\n')
          .filter(Boolean)
          .map((path) => path.split('/').slice(2).join('/')),
      ).to.deep.equal(['alloc_goal', 'data/alloc', 'data/extents', 'data/reloc', 'metadata/alloc', 'metadata/reloc'])
    })

    it('"data/extents - if you read from this file, you get a list of extents describing data blocks (and holes) of the file. The listing starts at logical block fpos"', async () => {
      const [inode] = made.fragmented
      const expected = (await layoutInImage(image, '/f0')).map(
        ({ logical, length, physical }) => `${logical} ${length} ${physical}\n`,
      )
      expect(await output(`cat nodes/${inode}/data/extents`, meta)).to.equal(expected.join(''))
      expect(
        await output(`dd if=nodes/${inode}/data/extents bs=4k skip=25 iflag=skip_bytes status=none`, meta),
      ).to.equal(expected.slice(25).join(''))
      expect(await output(`dd if=nodes/${inode}/data/extents bs=20 status=none`, meta), 'in small pieces').to.equal(
        expected.join(''),
      )
      await output(
        `echo 900 > nodes/${made.donor}/alloc_goal; echo 4 | dd of=nodes/${made.donor}/data/alloc seek=10 oflag=seek_bytes status=none`,
        meta,
      )
      const told = await output(`cat nodes/${made.donor}/data/extents`, meta)
      expect(told).to.match(/^0 10 hole\n10 \d+ \d+ unwritten\n/)
      const clipped = await output(
        `dd if=nodes/${made.donor}/data/extents bs=4k skip=5 iflag=skip_bytes status=none`,
        meta,
      )
      expect(clipped).to.equal(told.replace('0 10 hole', '5 5 hole'))
    })

    it('"alloc_goal - block number with current allocation goal"', async () => {
      const goal = `nodes/${made.donor}/alloc_goal`
      expect(Number(await output(`cat ${goal}`, meta)), 'at first where the inode is').to.equal(1)
      expect(await output(`echo 9000 > ${goal}; cat ${goal}`, meta)).to.equal('9000\n')
      for (const bad of ['0', '16384', 'x', '-1', '1 2', ''])
        expect((await sh(`echo "${bad}" > ${goal}`, meta)).stderr, bad).to.include('Invalid argument')
      expect(await output(`cat ${goal}`, meta)).to.equal('9000\n')
    })

    it('"data/alloc - you write there a number L and fs allocates L blocks to a file (preferable from alloc_goal) starting from file-block fpos"', async () => {
      const node = `nodes/${made.donor}`
      await output(`echo 12000 > ${node}/alloc_goal; echo 8 > ${node}/data/alloc`, meta)
      expect(await layoutInImage(image, '/donor')).to.deep.include({
        logical: 0,
        physical: 12000,
        length: 8,
        unwritten: true,
      })
      expect(await output(`cat ${node}/data/alloc ${node}/alloc_goal`, meta)).to.equal('0 8\n12008\n')
      await output(`echo 4 | dd of=${node}/data/alloc seek=100 oflag=seek_bytes status=none`, meta)
      await output(`echo 2 >> ${node}/data/alloc`, meta)
      expect(
        (await layoutInImage(image, '/donor')).map(({ logical, physical, length }) => [logical, physical, length]),
        'at a position, and behind the end',
      ).to.deep.equal([
        [0, 12000, 8],
        [100, 12008, 6],
      ])
      expect((await sh(`echo 5 > ${node}/data/alloc`, meta)).stderr).to.include('File exists')
      expect((await sh(`echo 0 > ${node}/data/alloc`, meta)).stderr).to.include('Invalid argument')
      expect(
        (await sh(`echo 999999 | dd of=${node}/data/alloc seek=200 oflag=seek_bytes`, meta)).status,
        'up to that many',
      ).to.equal(0)
      expect((await freeBlocks()).size, 'all there were').to.equal(0)
      expect((await sh(`echo 1 | dd of=${node}/data/alloc seek=50 oflag=seek_bytes`, meta)).stderr).to.include(
        'No space left',
      )
      expect(failures.join('\n')).to.include('is allocated').and.to.include('no free space')
      const told = await output('cat failures', meta)
      expect(
        told
          .trimEnd()
          .split('\n')
          .map((line) => line.split(': ')[0]),
      ).to.deep.equal(Array(3).fill(`${node}/data/alloc`))
      expect(told).to.include('is allocated').and.to.include('no free space')
    })

    it('"Fpos is shifted after the last block allocated in this call"', async () => {
      const file = `nodes/${made.donor}/data/alloc`
      // The same descriptor goes on there; what came of it can be read from the same descriptor.
      const told = await output(
        `exec 3<>${file}; echo 8 >&3; read -r a b <&3; echo "$a $b"; exec 3>&-; exec 3>${file}; echo 3 | dd seek=20 oflag=seek_bytes status=none >&3; echo 2 >&3; echo 1 >&3`,
        meta,
      )
      expect(told).to.equal('0 8\n')
      expect(
        (await layoutInImage(image, '/donor')).flatMap(({ logical, length }) =>
          Array.from({ length }, (_, i) => logical + i),
        ),
      ).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 23, 24, 25])
    })

    it('"data/reloc - All blocks that are allocated both in original file and <ident> are relocated to <ident>. Write returns number of relocated blocks"', async () => {
      const [inode] = made.fragmented
      const before = await layoutInImage(image, '/f0')
      await output(
        `echo 12000 > nodes/${made.donor}/alloc_goal; echo 5 | dd of=nodes/${made.donor}/data/alloc seek=3 oflag=seek_bytes status=none; echo 4 | dd of=nodes/${made.donor}/data/alloc seek=28 oflag=seek_bytes status=none`,
        meta,
      )
      await output(`echo ${made.donor} > nodes/${inode}/data/reloc`, meta)
      expect(await output(`cat nodes/${inode}/data/reloc`, meta), 'what a write cannot return to a shell').to.equal(
        '7\n',
      )
      const after = new Map(
        (await layoutInImage(image, '/f0')).flatMap(({ logical, physical, length }) =>
          Array.from({ length }, (_, i): [number, number] => [logical + i, physical + i]),
        ),
      )
      for (const { logical, physical } of before) {
        expect(after.get(logical), `file block ${logical}`).to.equal(
          logical >= 3 && logical < 8 ? 12000 + logical - 3 : logical >= 28 ? 12005 + logical - 28 : physical,
        )
      }
      expect(await contents('/f0')).to.equal(text(0))
      expect(
        (await layoutInImage(image, '/donor')).map(({ logical, length }) => [logical, length]),
        'what the original has no block for stays',
      ).to.deep.equal([[30, 2]])
      for (const bad of [String(inode), '99999', '2', ''])
        expect((await sh(`echo "${bad}" > nodes/${inode}/data/reloc`, meta)).status, bad).to.not.equal(0)
    })

    it('"metadata/alloc - you write there number Level and a fs allocates an indirect block to a file [...] Parent indirect block must be already allocated"', async () => {
      const node = `nodes/${made.donor}`
      expect((await sh(`echo 1 > ${node}/metadata/alloc`, meta)).stderr, 'over nothing').to.include('Invalid argument')
      await output(`echo 1 > ${node}/data/alloc; echo 9500 > ${node}/alloc_goal`, meta)
      expect(
        (await sh(`echo 2 > ${node}/metadata/alloc`, meta)).stderr,
        'nothing of level 1 that it could hold',
      ).to.include('Invalid argument')
      expect(await output(`echo 1 > ${node}/metadata/alloc; cat ${node}/metadata/alloc`, meta)).to.equal('9500\n')
      expect(await debugfs(image, 'stat /donor')).to.include('(ETB0):9500')
      expect((await sh(`echo 1 > ${node}/metadata/alloc`, meta)).stderr).to.include('File exists')
    })

    it('"metadata/reloc - you write two numbers <ident> Level and an indirect block for logical offset fpos at level Level will be swapped with corresponding indirect block of <ident>"', async function () {
      const [, , , inode] = made.fragmented
      const donor = `nodes/${made.donor}`
      const tree = async (path: string): Promise<string[]> =>
        [...(await debugfs(image, `stat ${path}`)).matchAll(/\(ETB\d+\):(\d+)/g)].map(([, block]) => block!)
      const [old] = await tree('/f3')
      await output(
        `echo 1 > ${donor}/data/alloc; echo 9500 > ${donor}/alloc_goal; echo 1 > ${donor}/metadata/alloc`,
        meta,
      )
      await output(`echo "${made.donor} 1" > nodes/${inode}/metadata/reloc`, meta)
      expect([await tree('/f3'), await tree('/donor')]).to.deep.equal([['9500'], [old]])
      expect(await contents('/f3')).to.equal(text(3))
      // A level higher: both grow one, then those change places as well.
      await output(
        `for n in ${made.donor} ${inode}; do echo 9600 > nodes/$n/alloc_goal; echo 2 > nodes/$n/metadata/alloc; done`,
        meta,
      )
      const [[one], [other]] = [await tree('/f3'), await tree('/donor')]
      await output(
        `echo "${made.donor} 2" | dd of=nodes/${inode}/metadata/reloc seek=7 oflag=seek_bytes status=none`,
        meta,
      )
      expect([await tree('/f3'), await tree('/donor')]).to.deep.equal([
        [other, '9500'],
        [one, old],
      ])
      await output(`echo "${made.donor} 1" > nodes/${inode}/metadata/reloc`, meta)
      expect([await tree('/f3'), await tree('/donor')]).to.deep.equal([
        [other, old],
        [one, '9500'],
      ])
      expect((await sh(`echo "${made.donor} 3" > nodes/${inode}/metadata/reloc`, meta)).stderr).to.include(
        'No such file',
      )
      await putAway()
      needLoopMounts(this)
      expect(
        loopMounted(image, (folder) => readFileSync(join(folder, 'f3'), 'latin1'), 'ro'),
        'the kernel reads it',
      ).to.equal(text(3))
    })

    it('does all of it with files mapped by indirect blocks, "Parent indirect block must be already allocated"', async () => {
      await putAway()
      const tree = join(scratch.path, 'old')
      mkdirSync(tree, { recursive: true })
      for (const name of ['old', 'spare']) writeFileSync(join(tree, name), Buffer.alloc(30 * blockSize, `${name} `))
      run('mke2fs', ['-q', '-F', '-t', 'ext4', '-O', '^extent,^64bit', '-b', '1024', '-d', tree, image, '8M'])
      await show(image)
      const [inode, spare] = [await inodeOf('/old'), await inodeOf('/spare')]
      const mapOf = async (path: string): Promise<string[]> =>
        [...(await debugfs(image, `stat ${path}`)).matchAll(/\((D?IND)\):(\d+)/g)].map(
          ([, what, block]) => `${what} ${block}`,
        )
      const order = (numbers: string, at: number, file: string): Promise<{ stderr: string }> =>
        sh(`echo "${numbers}" | dd of=nodes/${inode}/${file} seek=${at} oflag=seek_bytes status=none`, meta)
      expect(await output(`cat nodes/${inode}/data/extents | head -n 1`, meta)).to.match(/^0 12 \d+\n$/)

      const [ofOld, ofSpare] = [await mapOf('/old'), await mapOf('/spare')]
      expect((await order(`${spare} 1`, 20, 'metadata/reloc')).stderr).to.equal('')
      expect([await mapOf('/old'), await mapOf('/spare')], 'changed places').to.deep.equal([ofSpare, ofOld])
      expect((await order(`${spare} 1`, 5, 'metadata/reloc')).stderr, 'none over block 5').to.include('No such file')

      expect((await order('1', 5, 'metadata/alloc')).stderr).to.include('Invalid argument')
      expect((await order('1', 20, 'metadata/alloc')).stderr).to.include('File exists')
      expect((await order('1', 300, 'metadata/alloc')).stderr, 'without its parent').to.include('No such file')
      expect((await order('2', 300, 'metadata/alloc')).stderr).to.equal('')
      expect((await order('1', 300, 'metadata/alloc')).stderr).to.equal('')
      expect((await order('2', 300, 'metadata/alloc')).stderr).to.include('File exists')
      const [, double, single] = await mapOf('/old')
      expect([double, single].map((each) => each?.split(' ')[0])).to.deep.equal(['DIND', 'IND'])
      expect((await order('2', 300, 'data/alloc')).stderr).to.equal('')
      expect(await mapOf('/old'), 'what was allocated is used').to.deep.equal([...ofSpare, double, single])
      expect(await output(`tail -c +301 nodes/${inode}/data/extents`, meta)).to.match(/^300 2 \d+\n$/)

      const lay = async (path: string): Promise<string> =>
        /\(0-11\):(\d+-\d+)/.exec(await debugfs(image, `stat ${path}`))![1]!
      const target = await lay('/spare')
      expect((await order(String(spare), 0, 'data/reloc')).stderr).to.equal('')
      expect(await lay('/old')).to.equal(target)
      expect(await output(`cat nodes/${spare}/data/extents | grep -vc hole || true`, meta)).to.equal('0\n')
      await putAway()
      run('e2fsck', ['-fn', image])
      expect((await debugfs(image, 'cat /old')).slice(0, 30 * blockSize)).to.equal('old '.repeat((30 * blockSize) / 4))
    })
  })

  it('leaves the image at rest after every order', async () => {
    const before = statSync(image).mtimeMs
    await pause(20)
    await output(`echo 8 > nodes/${made.donor}/data/alloc`, meta)
    expect(statSync(image).mtimeMs).to.be.above(before)
    expect(await output(`dumpe2fs -h '${image}' 2>/dev/null`, '/')).to.not.include('needs_recovery')
  })

  it('refuses every change when mounted read-only', async () => {
    await putAway()
    await show(image, true)
    const before = readFileSync(image)
    expect(await output('cat features', meta)).to.equal('compat 0x1f\nro_compat 0x0\nincompat 0x3\n')
    for (const file of ['alloc_goal', 'data/alloc', 'data/reloc', 'metadata/alloc', 'metadata/reloc']) {
      expect((await sh(`echo 12 > nodes/${made.donor}/${file}`, meta)).stderr, file).to.include('Read-only file system')
    }
    await output(`mount -o remount,rw ${meta}; cat nodes/${made.donor}/data/extents`, meta)
    expect((await sh(`echo 12 > nodes/${made.donor}/data/alloc`, meta)).stderr, 'remounting does not help').to.include(
      'Read-only file system',
    )
    expect(readFileSync(image).equals(before)).to.equal(true)
  })

  it('refuses a second one at the same place', async () => {
    let code = ''
    try {
      await mountMeta(volume!, meta, { source: image, readOnly: true })
    } catch (error) {
      code = (error as { code: string }).code
    }
    expect(code).to.equal('mounted')
  })

  it('unmounts from under a client that has files open', async () => {
    const client = start('exec 3< allocation/free_blocks; echo ready; exec sleep 30', meta)
    await new Promise((resolve) => client.stdout!.once('data', resolve))
    await mount!.unmount()
    expect(isMounted(meta)).to.equal(false)
    client.kill('SIGKILL')
    await finished(client)
  })

  it('is defragmented by a few lines of shell', async () => {
    const script = new URL('../../../docs/examples/defragment-by-shell.sh', import.meta.url).pathname
    const told = await output(
      `sh ${script} ${meta} ${made.donor} ${made.fragmented.join(' ')} ${await inodeOf('/small001')}`,
      '/',
    )
    expect(told).to.equal(
      [
        ...made.fragmented.map(
          (inode, i) => `${inode}: ${30 + 10 * i} blocks relocated, from ${30 + 10 * i} pieces to 1\n`,
        ),
        `${await inodeOf('/small001')}: in 1 piece, left alone\n`,
      ].join(''),
    )
    for (let i = 0; i < 4; i++) {
      expect(await layoutInImage(image, `/f${i}`), `f${i}`).to.have.length(1)
      expect(await contents(`/f${i}`), `f${i}`).to.equal(text(i))
    }
    expect(
      readFileSync(script, 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '' && !line.trim().startsWith('#')).length,
    ).to.be.most(30)
  })
})

describe('the meta filesystem over a mounted filesystem', () => {
  const mounted = join(scratch.path, 'mounted')
  before(function () {
    needFuse(this)
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'filefrag', 'e2fsck', 'dd')
    mkdirSync(mounted)
    mkdirSync(meta, { recursive: true })
    made ??= makeAgedImage(aged, blockSize)
  })
  beforeEach(async () => {
    copyFileSync(aged, image)
    run('mount', ['-o', 'loop', image, mounted])
    await show(mounted)
  })
  afterEach(async () => {
    try {
      await putAway()
    } finally {
      run('umount', [mounted])
    }
    checkImage(image)
  })
  after(() => scratch.remove())

  it('shows the same as over the image', async () => {
    expect(await output('cat features', meta)).to.equal('compat 0x17\nro_compat 0x3\nincompat 0x3\n')
    const [inode] = made.fragmented
    expect(await output(`cat nodes/${inode}/data/extents`, meta)).to.equal(
      layoutOfFile(join(mounted, 'f0'), blockSize)
        .map(({ logical, length, physical }) => `${logical} ${length} ${physical}\n`)
        .join(''),
    )
    expect(await output('ls nodes', meta), 'who asks for a number is given it').to.equal('')
    expect(
      pairs(await output('cat allocation/free_blocks', meta)).reduce((sum, [, length]) => sum + length!, 0),
    ).to.be.above(5000)
  })

  it('moves files of a filesystem in use', async () => {
    const node = `nodes/${made.donor}`
    await output(`echo 12000 > ${node}/alloc_goal; echo 30 > ${node}/data/alloc`, meta)
    expect(layoutOfFile(join(mounted, 'donor'), blockSize)).to.deep.include({
      logical: 0,
      physical: 12000,
      length: 30,
      unwritten: true,
    })
    await output(`echo ${made.donor} > nodes/${made.fragmented[0]}/data/reloc`, meta)
    expect(
      await output(`cat nodes/${made.fragmented[0]}/data/reloc nodes/${made.fragmented[0]}/data/extents`, meta),
    ).to.equal('30\n0 30 12000\n')
    expect(readFileSync(join(mounted, 'f0'), 'latin1')).to.equal(text(0))
    expect((await sh(`echo 1 > ${node}/metadata/alloc`, meta)).stderr).to.include('not supported')
  })

  it('finds a file that was made a moment ago', async () => {
    const path = join(mounted, 'new')
    writeFileSync(path, Buffer.alloc(3 * blockSize, 'n'))
    expect(
      await output(`awk '{ sum += $2 } END { print sum }' nodes/${statSync(path).ino}/data/extents`, meta),
    ).to.equal('3\n')
  })

  it('is defragmented by the same lines of shell', async () => {
    const script = new URL('../../../docs/examples/defragment-by-shell.sh', import.meta.url).pathname
    await output(
      `: > ${mounted}/lent; sh ${script} ${meta} $(stat -c %i ${mounted}/lent) ${made.fragmented.join(' ')}; rm ${mounted}/lent`,
      '/',
    )
    for (let i = 0; i < 4; i++) {
      expect(layoutOfFile(join(mounted, `f${i}`), blockSize), `f${i}`).to.have.length(1)
      expect(readFileSync(join(mounted, `f${i}`), 'latin1'), `f${i}`).to.equal(text(i))
    }
  })

  it('refuses what the kernel refuses, and says why', async () => {
    await output(`chattr +i ${mounted}/f0`, '/')
    try {
      expect(
        (await sh(`echo ${made.donor} > nodes/${made.fragmented[0]}/data/reloc`, meta)).status,
        'nothing in common yet',
      ).to.equal(0)
      await output(`echo 12000 > nodes/${made.donor}/alloc_goal; echo 30 > nodes/${made.donor}/data/alloc`, meta)
      expect((await sh(`echo ${made.donor} > nodes/${made.fragmented[0]}/data/reloc`, meta)).stderr).to.include(
        'not permitted',
      )
      expect(failures.join('\n')).to.include('immutable')
    } finally {
      await output(`chattr -i ${mounted}/f0`, '/')
    }
  })
})
