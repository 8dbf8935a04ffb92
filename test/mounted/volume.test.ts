import { closeSync, ftruncateSync, linkSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { fallocate } from '../../src/kernel/fallocate.js'
import { fsBlock } from '../../src/layout/block.js'
import { blockRun } from '../../src/layout/run.js'
import { openImage } from '../../src/ext4/engine/open-image.js'
import { openLive } from '../../src/mounted/engine/open.js'
import { resolveTarget } from '../../src/volume/target.js'
import type { Volume } from '../../src/volume/volume.js'
import { loopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools, run } from '../support/tools.js'
import { age } from './aged.js'

/** Everything a volume says, as data. */
async function everything(volume: Volume, paths: readonly string[]): Promise<Record<string, unknown>> {
  const geometry = volume.geometry()
  const all = blockRun(geometry.firstDataBlock, geometry.blockCount - geometry.firstDataBlock)
  const lookups: Record<string, unknown> = {}
  for (const path of paths) {
    const found = await volume.lookup(path)
    lookups[path] = found && {
      ...found,
      again: { ...(await volume.byInode(found.file.inode)), path: found.file.path },
      extents: await volume.extents(found.file),
      metadata: await volume.metadata(found.file),
      first: await volume.firstBlock(found.file),
    }
  }
  const inodes = [2, 7, 8, 11, 12, 13, 5000]
  return {
    geometry,
    lookups,
    byInode: await Promise.all(inodes.map((inode) => volume.byInode(inode))),
    paths: [...(await volume.paths(Array.from({ length: 200 }, (_, i) => i + 2)))].sort(),
    free: await volume.freeRuns(fsBlock(0), fsBlock(geometry.blockCount)),
    owners: (await volume.owners(all)).map((owner) => Object.entries(owner).sort()),
    someOwners: (await volume.owners(blockRun(2000, 500))).map((owner) => Object.entries(owner).sort()),
  }
}

describe('live: the same answers as from the image', function () {
  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'e2fsck', 'python3')
  })

  const recipes = [
    { name: '4 KiB blocks', size: 96 << 20, blockSize: 4096 },
    { name: '1 KiB blocks, no flex_bg', size: 40 << 20, blockSize: 1024, features: '^flex_bg' },
    { name: '2 KiB blocks, no checksums, 32 bit', size: 64 << 20, blockSize: 2048, features: '^metadata_csum,^64bit' },
    { name: 'inline data', size: 64 << 20, blockSize: 4096, features: 'inline_data' },
  ]
  for (const { name, ...recipe } of recipes) {
    it(`with ${name}`, async () => {
      const mount = loopMount(recipe)
      try {
        const paths = age(mount.path, { blockSize: recipe.blockSize, crumbs: 1500, files: 120, seed: 7 })
        const at = (path: string): string => join(mount.path, path)
        mkdirSync(at('many'))
        for (let i = 0; i < 400; i++)
          writeFileSync(at(`many/a name long enough to need blocks ${i}`), i % 50 === 0 ? 'x' : '')
        symlinkSync('/folder0/file1', at('short'))
        symlinkSync('/folder0/' + '../folder0/'.repeat(20) + 'file2', at('long'))
        symlinkSync('../../../../etc/passwd', at('out'))
        linkSync(at('/folder0/file3'), at('linked'))
        writeFileSync(at('tiny'), 'tiny')
        const holes = openSync(at('holes'), 'w')
        for (let i = 0; i < 600; i++) writeSync(holes, 'x', i * 3 * recipe.blockSize)
        fallocate(holes, 'allocate', 10_000 * recipe.blockSize, 20 * recipe.blockSize)
        ftruncateSync(holes, 10_010 * recipe.blockSize)
        closeSync(holes)
        run('python3', ['-c', 'import os, sys; os.setxattr(sys.argv[1], "user.long", b"x" * 700)', at('tiny')])
        writeFileSync(at('still'), Buffer.alloc(5000, 'still'))
        run('chattr', ['+i', at('still')])
        // The kernel keeps some free space back for small files; what it keeps shows as in use until then.
        mount.unmount()
        mount.mount()
        const live = await openLive(resolveTarget(mount.path), false)
        const wanted = [
          ...paths.slice(0, 40),
          '/',
          '/many',
          '/short',
          '/long',
          '/out',
          '/linked',
          '/tiny',
          '/holes',
          '/nowhere',
          '/tiny/below',
          '/still',
          '/folder1/../holes',
        ]
        const fromLive = await everything(live, wanted)
        await live.close()
        run('chattr', ['-i', at('still')])
        mount.unmount()
        const image = await openImage(mount.image, { write: false })
        const fromImage = await everything(image, wanted)
        await image.close()
        // Only on a mounted filesystem does the attribute keep a file in place.
        const moved = (value: unknown): unknown =>
          JSON.parse(
            JSON.stringify(value, (key, inner: unknown) => (inner === 'immutable' ? undefined : inner))
              .replaceAll('["immovable",null],', '')
              .replaceAll(',["immovable",null]', '')
              .replaceAll('["immovable",null]', '')
              .replaceAll('["immovable"],', ''),
          )
        for (const part of Object.keys(fromImage))
          expect(moved(fromLive[part]), part).to.deep.equal(moved(fromImage[part]))
        expect(JSON.stringify(fromLive)).to.contain('"immutable"')
        mount.check()
      } finally {
        mount.remove()
      }
    })
  }
})
