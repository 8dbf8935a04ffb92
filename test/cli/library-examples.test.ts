/** The programs in docs/examples, run as they are, and what they print judged by e2fsprogs. */
import { expect } from 'chai'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engines } from '../../src/engines.js'
import { openVolume } from '../../src/volume/open-volume.js'
import { checkImage, hashFiles, makeImage } from '../support/images.js'
import { Random } from '../support/random.js'
import { randomMoves } from '../support/random-moves.js'
import { needTools, run, scratchFolder, type Ran } from '../support/tools.js'

const root = new URL('../..', import.meta.url).pathname
const example = (name: string, ...args: string[]): Ran =>
  run(process.execPath, [join(root, 'docs/examples', name), ...args], { cwd: root })

describe('the library, in docs/examples', function () {
  const scratch = scratchFolder()
  const image = join(scratch.path, 'disk.img')
  const list = join(scratch.path, 'boot.list')
  let hashes: Map<string, string>
  after(scratch.remove)

  before(async function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'dumpe2fs')
    const tree = join(scratch.path, 'tree')
    const random = new Random(3)
    run('mkdir', [tree])
    for (let i = 0; i < 60; i++)
      writeFileSync(join(tree, `file${i}`), Buffer.alloc(random.between(4, 120) * 1024, `contents of ${i}, `))
    makeImage(image, { size: 32 << 20, blockSize: 1024, tree })
    const volume = await openVolume(image, { write: true }, engines)
    for (let round = 0; round < 4; round++) {
      for await (const outcome of volume.relocate(await randomMoves(volume, random, 100), { reserved: [] }))
        void outcome
    }
    await volume.close()
    hashes = hashFiles(image)
    writeFileSync(list, random.shuffled([...hashes.keys()]).join('\n'))
  })

  it('are all run here', () => {
    expect(readdirSync(join(root, 'docs/examples')).filter((name) => name.endsWith('.mjs'))).to.have.members([
      'where-it-lies.mjs',
      'free-space.mjs',
      'boot-on-my-disk.mjs',
      'pack-an-image.mjs',
    ])
  })

  it('say where a file lies as debugfs does', () => {
    const { stdout } = example('where-it-lies.mjs', image, '/file7')
    const told = run('debugfs', ['-R', 'stat /file7', image]).stdout
    const extents = [...told.matchAll(/\((\d+)(?:-(\d+))?\):(\d+)(?:-(\d+))?/g)].map(
      ([, a, b, c, d]) => `  ${a}..${b ?? a} at ${c}..${d ?? c}`,
    )
    expect(extents).to.not.deep.equal([])
    expect(stdout.trimEnd().split('\n').slice(1)).to.deep.equal(extents)
  })

  it('count free blocks as dumpe2fs does', () => {
    const free = Number(/^Free blocks:\s+(\d+)$/m.exec(run('dumpe2fs', ['-h', image]).stdout)![1])
    expect(example('free-space.mjs', image).stdout).to.include(`${free.toLocaleString('en-US')} blocks are free`)
  })

  it('pack an image, and find it faster then', () => {
    const seconds = (): number =>
      Number(/([\d.]+) s on the drum/.exec(example('boot-on-my-disk.mjs', image, list).stdout)![1])
    const before = seconds()
    expect(example('pack-an-image.mjs', image, list).stdout).to.match(
      /^[\d,]+ blocks moved: [\d,]+ seeks became \d+\.$/m,
    )
    expect(seconds()).to.be.below(before)
    checkImage(image)
    expect(hashFiles(image)).to.deep.equal(hashes)
  })
})
