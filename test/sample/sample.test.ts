import { expect } from 'chai'
import { copyFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { openImage } from '../../src/ext4/engine/open-image.js'
import { readTrace } from '../../src/trace/read-trace.js'
import type { Volume } from '../../src/volume/volume.js'
import { checkImage, hashFiles, makeImage } from '../support/images.js'
import { needTools, run, scratchFolder, skip } from '../support/tools.js'

const home = new URL('../..', import.meta.url).pathname
const committed = join(home, 'sample-trees/tiny-root')

/** The scripts are plain JavaScript, so that they run before anything is built. */
const script = async <T>(path: string): Promise<T> =>
  (await import(new URL(`../../scripts/${path}`, import.meta.url).href)) as T

describe('the sample tree', () => {
  const folder = scratchFolder()
  const at = (name: string): string => join(folder.path, name)
  after(folder.remove)

  it('is what its generator makes', () => {
    run(process.execPath, [join(home, 'scripts/make-sample-tree.mjs'), at('made')])
    for (const name of ['tree.tsv', 'boot.trace.jsonl']) {
      expect(
        readFileSync(join(at('made'), name), 'utf8') === readFileSync(join(committed, name), 'utf8'),
        `${name} is up to date`,
      ).to.equal(true)
    }
  })

  it('expands to real files, links and hard links', async () => {
    const { expandTree } = await script<{ expandTree: (recipe: string, folder: string) => Map<string, string> }>(
      'sample/expand-tree.mjs',
    )
    mkdirSync(at('tree'))
    const made = expandTree(join(committed, 'tree.tsv'), at('tree'))
    expect(made.size).to.be.greaterThan(800)
    expect(made.get('/usr/bin/perl5.36.0')).to.equal(made.get('/usr/bin/perl'))
    expect(
      [...made.values()].filter((each) => each.startsWith('link to ') && each.length > 'link to '.length + 60),
    ).to.have.length.greaterThan(5)
    expect(readFileSync(at('tree/etc/hostname'), 'utf8')).to.match(/^\/etc\/hostname block 0\n/)
  })

  it('has a boot whose reads are in it, but for one', async () => {
    const { reads, bad } = await readTrace(join(committed, 'boot.trace.jsonl'))
    expect(bad.count).to.equal(0)
    const missing = new Set(reads.map((read) => read.path!).filter((path) => !existsSync(join(at('tree'), path))))
    // Absolute links lead out of the expanded tree; inside an image they do not.
    expect([...missing].filter((path) => !/^\/etc\/(localtime$|ssl\/certs\/)/.test(path))).to.deep.equal([
      '/run/sample/ready',
    ])
    for (let i = 1; i < reads.length; i++) expect(reads[i]!.t).to.be.at.least(reads[i - 1]!.t!)
  })

  it('is scattered the same way by the same seed, and nothing is lost', async function () {
    needTools(this, 'mke2fs', 'e2fsck', 'debugfs')
    this.timeout(120_000)
    const { scatter } = await script<{ scatter: (volume: Volume, seed: number) => Promise<number> }>(
      'sample/scatter.mjs',
    )
    makeImage(at('whole.img'), { size: 128 << 20, blockSize: 4096, tree: at('tree'), more: ['-J', 'size=8'] })
    const before = hashFiles(at('whole.img'))
    const aged = async (name: string, seed: number): Promise<Buffer> => {
      copyFileSync(at('whole.img'), at(name))
      const volume = await openImage(at(name), { write: true })
      expect(await scatter(volume, seed)).to.be.greaterThan(1000)
      await volume.close()
      return readFileSync(at(name))
    }
    const first = await aged('aged.img', 1)
    expect(first.equals(await aged('again.img', 1)), 'same seed, same bytes').to.equal(true)
    expect(first.equals(await aged('other.img', 2)), 'other seed, other bytes').to.equal(false)
    checkImage(at('aged.img'))
    expect(hashFiles(at('aged.img'))).to.deep.equal(before)
    for (const name of ['aged.img', 'again.img', 'other.img', 'whole.img']) truncateSync(at(name), 0)
  })
})

describe('the sample', () => {
  it('packs its aged image and says so', function () {
    needTools(this, 'mke2fs', 'e2fsck', 'debugfs')
    if (!existsSync(join(home, 'dist/public/index.js'))) skip(this, 'needs the build: npm run build')
    this.timeout(180_000)
    const folder = scratchFolder()
    try {
      const { stdout } = run(process.execPath, [join(home, 'scripts/sample.mjs'), '--keep', folder.path])
      expect(stdout).to.match(/e2fsck finds nothing wrong, and all [\d,]+ files have the contents they had/)
      expect(stdout).to.match(/boot files in one piece +\d+ of (\d+) +\1 of \1\n/)
      const [, before, after] = /\(seeks\) +([\d,]+) +([\d,]+)\n/
        .exec(stdout)!
        .map((text) => Number(text.replaceAll(',', '')))
      expect(after! * 5, stdout).to.be.lessThan(before!)
      checkImage(join(folder.path, 'packed.img'))
    } finally {
      folder.remove()
    }
  })
})
