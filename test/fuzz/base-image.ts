/**
 * The good images that are broken on purpose: small, with 1 KiB blocks, between them
 * every structure there is to parse, and a map of where each of those lies.
 */
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readFileMap } from '../../src/ext4/read/file-map.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { descriptorBlock, inodeTableBlocks } from '../../src/ext4/format/group-layout.js'
import { debugfsWrite, makeImage } from '../support/images.js'
import { run, scratchFolder } from '../support/tools.js'
import { MemoryStore } from '../storage/memory-store.js'

export const blockSize = 1024

export type RegionKind =
  | 'superblock'
  | 'descriptor'
  | 'block-bitmap'
  | 'inode-bitmap'
  | 'inode'
  | 'tree-block'
  | 'map-block'
  | 'directory'
  | 'symlink'
  | 'xattr'
  | 'journal'

export interface Region {
  readonly kind: RegionKind
  /** Bytes from the start of the image. */
  readonly offset: number
  readonly length: number
  /** Group of a descriptor or bitmap, inode of an inode or what hangs on one. */
  readonly number: number
}

export interface BaseImage {
  readonly name: string
  readonly bytes: Uint8Array
  readonly filesystem: Filesystem
  readonly regions: readonly Region[]
  /** Paths of the tree, and some that lead nowhere. */
  readonly paths: readonly string[]
  /** Moves go above an undo file, because there is no journal. */
  readonly undo: boolean
}

interface Recipe {
  readonly name: string
  readonly features: string
  readonly kibibytes: number
  readonly more?: readonly string[]
  /** Blocks of the file with a hole behind each: its tree has two levels from 337 on. */
  readonly comb: number
}

const journalled = 2600
const recipes: readonly Recipe[] = [
  {
    name: 'metadata_csum, 64bit, trees of two levels',
    features: 'metadata_csum,64bit',
    kibibytes: journalled,
    comb: 345,
  },
  {
    name: 'no checksums, 32-byte descriptors',
    features: '^metadata_csum,^uninit_bg,^64bit',
    kibibytes: journalled,
    comb: 60,
  },
  {
    name: 'gdt_csum, block maps, inodes of 128 bytes',
    features: '^extent,^flex_bg,^64bit,^metadata_csum,uninit_bg',
    kibibytes: journalled,
    more: ['-I', '128'],
    comb: 40,
  },
  {
    name: 'inline data, quota, project, orphan file',
    features: 'metadata_csum,inline_data,quota,project,orphan_file,ea_inode',
    kibibytes: 3072,
    comb: 20,
  },
  { name: 'meta_bg, mmp', features: 'metadata_csum,meta_bg,^resize_inode,mmp', kibibytes: journalled, comb: 20 },
  {
    name: 'no journal, no types in directories',
    features: '^has_journal,^metadata_csum,^filetype',
    kibibytes: 512,
    comb: 20,
  },
]

/** Makes all of them with e2fsprogs; the same every time. */
export async function makeBaseImages(): Promise<BaseImage[]> {
  const scratch = scratchFolder()
  try {
    const images: BaseImage[] = []
    for (const recipe of recipes) images.push(await makeBaseImage(join(scratch.path, 'base.img'), recipe, scratch.path))
    return images
  } finally {
    scratch.remove()
  }
}

async function makeBaseImage(path: string, recipe: Recipe, scratch: string): Promise<BaseImage> {
  const tree = join(scratch, recipe.name)
  mkdirSync(join(tree, 'usr/lib'), { recursive: true })
  mkdirSync(join(tree, 'many'))
  const text = (length: number, name: string): string => `${name}, `.repeat(length).slice(0, length)
  for (const [name, length] of [
    ['usr/lib/one', 10],
    ['usr/lib/two', 5000],
    ['usr/three', 3000],
    ['four', 40],
    ['reserved', 9000],
  ] as const)
    writeFileSync(join(tree, name), text(length, name))
  for (let i = 0; i < 24; i++)
    writeFileSync(join(tree, 'many', `${i}-${'n'.repeat(80 + i)}`), i % 5 === 0 ? text(700, `${i}`) : '')
  writeFileSync(join(tree, 'comb'), text(recipe.comb * 2 * blockSize, 'comb'))
  linkSync(join(tree, 'usr/three'), join(tree, 'linked'))
  symlinkSync('usr/lib', join(tree, 'lib'))
  symlinkSync(`${'./'.repeat(60)}usr/lib/two`, join(tree, 'long-link'))
  symlinkSync('b', join(tree, 'a'))
  symlinkSync('a', join(tree, 'b'))
  symlinkSync('../../../etc/passwd', join(tree, 'out'))

  const undo = recipe.features.includes('^has_journal')
  makeImage(path, {
    size: recipe.kibibytes * 1024,
    blockSize,
    tree,
    features: recipe.features,
    more: ['-N', '96', '-g', '1024', ...(undo ? [] : ['-J', 'size=1']), ...(recipe.more ?? [])],
  })
  debugfsWrite(path, [
    ...Array.from({ length: recipe.comb }, (_, i) => `punch /comb ${i * 2 + 1} ${i * 2 + 1}`),
    'mknod device c 4 64',
    `ea_set /usr/lib/one user.long ${'v'.repeat(300)}`,
    `ea_set /usr/lib user.long ${'w'.repeat(300)}`,
    ...(recipe.features.includes('^extent') ? [] : ['fallocate /reserved 10 30', 'punch /reserved 4 5']),
  ])
  run('e2fsck', ['-fyD', path], { ok: [0, 1] })
  const bytes = new Uint8Array(readFileSync(path))
  const filesystem = await Filesystem.open(new MemoryStore(bytes))
  const paths = [
    '/usr/lib/one',
    '/usr/lib/two',
    '/usr/three',
    '/four',
    '/comb',
    '/lib/two',
    '/long-link',
    '/a',
    '/out',
    '/reserved',
    '/linked',
    '/device',
    ...Array.from({ length: 24 }, (_, i) => `/many/${i}-${'n'.repeat(80 + i)}`),
    '/nowhere',
    '/usr/../four',
  ]
  return { name: recipe.name, bytes, filesystem, regions: await mapRegions(filesystem), paths, undo }
}

async function mapRegions(filesystem: Filesystem): Promise<Region[]> {
  const { superblock, groups } = filesystem
  const regions: Region[] = [{ kind: 'superblock', offset: 1024, length: 1024, number: 0 }]
  const blockRegion = (kind: RegionKind, block: number, number: number): void => {
    regions.push({ kind, offset: block * blockSize, length: blockSize, number })
  }
  for (let group = 0; group < superblock.groupCount; group++) {
    const { block, offset } = groups.home(group)
    regions.push({
      kind: 'descriptor',
      offset: block * blockSize + offset,
      length: superblock.descriptorSize,
      number: group,
    })
    const { blockBitmap, inodeBitmap } = groups.get(group)
    blockRegion('block-bitmap', blockBitmap, group)
    blockRegion('inode-bitmap', inodeBitmap, group)
  }
  for (let number = 1; number <= superblock.inodeCount; number++) {
    if (!(await filesystem.inodeInUse(number))) continue
    const { block, offset } = filesystem.inodeHome(number)
    regions.push({ kind: 'inode', offset: block * blockSize + offset, length: superblock.inodeSize, number })
    const inode = await filesystem.readInode(number)
    if (
      inode.xattrBlock !== 0 &&
      !regions.some(({ kind, offset: at }) => kind === 'xattr' && at === inode.xattrBlock * blockSize)
    )
      blockRegion('xattr', inode.xattrBlock, number)
    const map = await readFileMap(filesystem, inode)
    for (const at of map.treeBlocks) blockRegion(map.kind === 'extents' ? 'tree-block' : 'map-block', at, number)
    const first = map.extents[0]?.physical
    if (number === superblock.journalInode && first !== undefined) blockRegion('journal', first, number)
    else if (inode.type === 'symlink' && first !== undefined) blockRegion('symlink', first, number)
    else if (inode.type === 'directory') {
      for (const { logical, physical, length } of map.extents) {
        for (let i = 0; i < length && (logical + i) * blockSize < inode.size; i++)
          blockRegion('directory', physical + i, number)
      }
    }
  }
  // Inode tables are found by their inodes; that they are where groups say is checked here.
  if (
    inodeTableBlocks(superblock) * superblock.groupCount > superblock.blockCount ||
    descriptorBlock(superblock, 0) === 0
  )
    throw new Error('the base image is no good')
  return regions
}
