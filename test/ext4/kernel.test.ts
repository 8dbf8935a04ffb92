/**
 * The kernel's answer to the same question: FIEMAP on a mounted copy against our
 * reading of the image, for every file and directory.
 */
import { expect } from 'chai'
import { lstatSync, readdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { FileStore } from '../../src/storage/file-store.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import { extent, type Extent } from '../../src/layout/extent.js'
import { checkImage, debugfsWrite, makeImage } from '../support/images.js'
import { loopMounted } from '../support/mount.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'
import { makeLargeFiles, makeSpecimen, makeTree, specimens } from './specimens.js'

/** Extents by inode number, as filefrag -v prints them: "0: 0.. 3: 100.. 103: 4: 104: last,unwritten,eof". */
function fragments(folder: string, blockSize: number): Map<number, Extent[]> {
  const paths: string[] = []
  const walk = (relative: string): void => {
    for (const name of readdirSync(join(folder, relative), { encoding: 'buffer' })) {
      const path = join(relative, name.toString())
      // Names that filefrag's lines cannot show are read by the other tests.
      if (path.includes('\ufffd') || path.includes('\n')) continue
      const stats = lstatSync(join(folder, path))
      if (stats.isFile() || stats.isDirectory()) paths.push(join(folder, path))
      if (stats.isDirectory()) walk(path)
    }
  }
  walk('')
  const found = new Map<number, Extent[]>()
  let current: Extent[] = []
  for (const line of run('filefrag', [`-b${blockSize}`, '-v', ...paths]).stdout.split('\n')) {
    const file = /^File size of (.*) is \d+/.exec(line)
    if (file) found.set(lstatSync(file[1]!).ino, (current = []))
    const fields = /^\s*\d+:\s*(\d+)\.\.\s*\d+:\s*(\d+)\.\.\s*\d+:\s*(\d+):\s*(?:\d+:)?\s*(.*)$/.exec(line)
    if (fields && !fields[4]!.includes('inline')) {
      current.push(extent(Number(fields[1]), Number(fields[2]), Number(fields[3]), fields[4]!.includes('unwritten')))
    }
  }
  return found
}

async function compare(image: string): Promise<number> {
  const volume = await ImageVolume.open(await Filesystem.open(await FileStore.open(image)))
  try {
    const kernel = loopMounted(image, (folder) => fragments(folder, volume.geometry().blockSize), 'ro,noload')
    for (const [inode, extents] of kernel) {
      const file = await volume.byInode(inode)
      expect(file, `inode ${inode}`).not.to.equal(undefined)
      expect(await volume.extents(file!), `inode ${inode}`).to.deep.equal(extents)
    }
    return kernel.size
  } finally {
    await volume.close()
  }
}

describe('the kernel', () => {
  const folder = scratchFolder()
  const tree = join(folder.path, 'tree')
  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'debugfs', 'filefrag', 'mount')
    makeTree(tree)
  })
  after(() => {
    folder.remove()
  })

  for (const [number, specimen] of specimens.entries()) {
    if (!specimen.mountable) continue
    it(`maps as we do: ${specimen.name}`, async () => {
      const image = join(folder.path, `${number}.img`)
      makeSpecimen(image, specimen, tree)
      expect(await compare(image)).to.be.greaterThan(100)
    })
  }

  it('maps as we do: files of more than 4 GiB, deep trees, and a filesystem it has written itself', async () => {
    const image = join(folder.path, 'large')
    makeLargeFiles(tree)
    makeImage(image, { size: 256 << 20, blockSize: 4096, features: 'metadata_csum,64bit,huge_file,large_file', tree })
    loopMounted(image, (mounted) => {
      run('sh', [
        '-c',
        `
        cd "$1" && mkdir made && cd made && i=0
        while [ $i -lt 60 ]; do head -c 30000 /dev/urandom > f$i; i=$((i+1)); done
        rm f?[13579]
        head -c 2000000 /dev/urandom > scattered && fallocate -l 9M preallocated && fallocate -p -o 100k -l 64k scattered && cp --sparse=always ../comb comb
      `,
        'sh',
        mounted,
      ])
    })
    checkImage(image)
    expect(await compare(image)).to.be.greaterThan(100)
    const volume = await ImageVolume.open(await Filesystem.open(await FileStore.open(image)))
    const big = (await volume.lookup('/five-gib'))!.file
    expect(big.size).to.equal(5 * 2 ** 30)
    expect((await volume.extents(big)).at(-1)!.logical).to.equal(5 * 2 ** 18 - 1)
    const wide = (await volume.lookup('/wide-comb'))!.file
    expect((await volume.metadata(wide)).tree.length).to.be.greaterThan(5)
    await volume.close()
  })

  it('maps as we do: a filesystem it has grown, with descriptors in places of their own', async function () {
    needTools(this, 'resize2fs')
    const image = join(folder.path, 'grown')
    makeImage(image, {
      size: 40 << 20,
      blockSize: 1024,
      features: 'metadata_csum,64bit',
      extended: 'resize=100000',
      tree,
    })
    truncateSync(image, 90 << 20)
    run('resize2fs', [image])
    debugfsWrite(image, ['write /dev/null after-growing', 'fallocate after-growing 0 40000'])
    checkImage(image)
    expect(await compare(image)).to.be.greaterThan(100)
  })
})
