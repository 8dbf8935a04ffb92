/** Images with files in pieces, for two to be at work on, and what they hold. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openImage } from '../../src/ext4/engine/open-image.js'
import { hashFiles, checkImage, makeImage, type ImageRecipe } from '../support/images.js'
import { dumpInodes } from '../support/inode-dump.js'
import { randomMoves } from '../support/random-moves.js'
import { Random } from '../support/random.js'
import { run } from '../support/tools.js'

export const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname

const kinds: readonly { name: string; recipe: Omit<ImageRecipe, 'size' | 'tree'> }[] = [
  { name: '4 KiB blocks', recipe: { blockSize: 4096 } },
  { name: '1 KiB blocks', recipe: { blockSize: 1024 } },
  { name: 'ext3', recipe: { blockSize: 1024, features: '^extent,^64bit,^metadata_csum,^flex_bg,^huge_file' } },
  { name: 'no checksums', recipe: { blockSize: 4096, features: '^metadata_csum,^64bit' } },
]

export interface Specimen {
  readonly name: string
  /** Never written to. */
  readonly image: string
  /** The same, packed by a plan. */
  readonly packed: string
  readonly plan: string
  /** Of what is packed, and of what somebody else packs. */
  readonly trace: string
  readonly otherTrace: string
  /** For sha256sum --check. */
  readonly sums: string
  readonly contents: ReadonlyMap<string, string>
  readonly layout: ReadonlyMap<number, string>
  readonly packedLayout: ReadonlyMap<number, string>
}

/** Where each inode's blocks lie, as debugfs sees it. */
export const layoutOf = (image: string): Map<number, string> =>
  new Map([...dumpInodes(image)].map(([inode, { blocks }]) => [inode, JSON.stringify([...blocks])]))

/**
 * @param folder    for its files
 * @param megabytes size of the image
 */
export async function makeSpecimen(folder: string, number: number, megabytes = 24): Promise<Specimen> {
  const { name, recipe } = kinds[number % kinds.length]!
  mkdirSync(folder)
  const at = (file: string): string => join(folder, file)
  const image = at('image')
  const random = new Random(100 + number)
  const tree = at('tree')
  mkdirSync(tree)
  for (let n = 0; n < 100; n++)
    writeFileSync(join(tree, `file${n}`), Buffer.alloc(random.between(1, 80) * 1024 - 100, `contents of ${n}, `))
  makeImage(image, { size: megabytes << 20, tree, ...recipe })
  const volume = await openImage(image, { write: true })
  for (let round = 0; round < 5; round++)
    for await (const outcome of volume.relocate(await randomMoves(volume, random, 120), { reserved: [] })) void outcome
  await volume.close()
  checkImage(image)
  const contents = hashFiles(image)
  const choose = (share: number): string =>
    random
      .shuffled([...contents.keys()].filter((path) => path.startsWith('/file')))
      .slice(0, contents.size * share)
      .join('\n')
  writeFileSync(at('boot.list'), choose(0.6))
  writeFileSync(at('other.list'), choose(0.4))
  writeFileSync(at('sums'), [...contents].map(([path, hash]) => `${hash}  .${path}\n`).join(''))
  const packed = at('packed')
  run('cp', ['--sparse=always', image, packed])
  run(process.execPath, [launcher, 'pack', packed, '-t', at('boot.list'), '--evict', '-o', at('plan')])
  return {
    name,
    image,
    packed,
    plan: at('plan'),
    trace: at('boot.list'),
    otherTrace: at('other.list'),
    sums: at('sums'),
    contents,
    layout: layoutOf(image),
    packedLayout: layoutOf(packed),
  }
}
