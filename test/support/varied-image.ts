/**
 * Images with one of everything an engine may have to move: files in one piece and in
 * many, holes, unwritten extents, trees of several levels, linear and indexed
 * directories, long and short symlinks, hard links, attribute blocks alone and shared.
 * Made by e2fsprogs without root, from a seed.
 */
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32c } from '../../src/bytes/crc32c.js'
import { checkImage, debugfs, debugfsWrite, makeImage } from './images.js'
import { loopMounted } from './mount.js'
import { Random } from './random.js'
import { run, scratchFolder } from './tools.js'

export interface Variety {
  readonly name: string
  /** Bytes. */
  readonly blockSize: number
  /** MiB. */
  readonly size?: number
  readonly features?: string
  readonly extended?: string
  readonly more?: readonly string[]
  /** Extents of the file whose tree is deep; 0 for none. */
  readonly deepExtents?: number
  /** MiB of small files that fill the rest. */
  readonly filled?: number
  /** A sparse file with blocks at every border of a block map, as far as files go. */
  readonly tall?: boolean
  /** Given extents once the files were there, as an old filesystem is; files made later have them. */
  readonly upgraded?: boolean
  /** Mounted, written to and unmounted by the kernel, so that the log holds old transactions and revoked blocks; for root. */
  readonly used?: boolean
  /** The journal's superblock is that of 2000, without features. */
  readonly oldJournal?: boolean
}

/** What mke2fs makes of -t ext3, but for the checksums of group descriptors that some defaults add. */
export const ext3Features =
  '^extent,^64bit,^metadata_csum,^uninit_bg,^flex_bg,^huge_file,^dir_nlink,^extra_isize,^metadata_csum_seed,^orphan_file'

export const varieties: readonly Variety[] = [
  { name: '4 KiB blocks, metadata_csum', blockSize: 4096, deepExtents: 700 },
  { name: '1 KiB blocks, metadata_csum, trees of two levels', blockSize: 1024, deepExtents: 600 },
  { name: '2 KiB blocks, metadata_csum_seed', blockSize: 2048, features: 'metadata_csum_seed', deepExtents: 300 },
  {
    name: '1 KiB blocks, gdt_csum, 32-byte descriptors, unused groups',
    blockSize: 1024,
    size: 64,
    features: 'uninit_bg,^metadata_csum,^64bit',
    deepExtents: 200,
  },
  {
    name: '1 KiB blocks, no checksums, sparse_super2',
    blockSize: 1024,
    features: '^metadata_csum,^uninit_bg,^64bit,sparse_super2,^resize_inode',
    deepExtents: 600,
  },
  {
    name: '1 KiB blocks, meta_bg',
    blockSize: 1024,
    size: 48,
    features: 'meta_bg,^resize_inode,64bit,metadata_csum',
    deepExtents: 200,
  },
  {
    name: '4 KiB blocks, no flex_bg, inodes of 128 bytes',
    blockSize: 4096,
    features: '^flex_bg,metadata_csum,^huge_file',
    more: ['-I', '128', '-g', '2048'],
    deepExtents: 400,
  },
  { name: '64 KiB blocks', blockSize: 65536, size: 192 },
  {
    name: '4 KiB blocks, inline_data, ea_inode, orphan_file',
    blockSize: 4096,
    features: 'inline_data,ea_inode,orphan_file,large_dir',
    deepExtents: 400,
  },
  { name: 'a fast_commit area', blockSize: 1024, features: 'fast_commit', deepExtents: 200 },
  {
    name: 'ext3, 1 KiB blocks, inodes of 128 bytes',
    blockSize: 1024,
    features: ext3Features,
    more: ['-I', '128'],
    deepExtents: 700,
  },
  { name: 'ext3, 4 KiB blocks', blockSize: 4096, features: ext3Features, deepExtents: 700 },
  {
    name: 'ext3 as it was, 2 KiB blocks, linear directories without types',
    blockSize: 2048,
    features: `${ext3Features},^filetype,^dir_index,^resize_inode,^sparse_super`,
    deepExtents: 300,
  },
  {
    name: 'old files without extents on an upgraded ext4, 1 KiB blocks',
    blockSize: 1024,
    features: '^extent,^64bit,metadata_csum',
    deepExtents: 600,
    upgraded: true,
  },
]

/** Whether files are made without extents. */
export const isIndirect = ({ features = '' }: Variety): boolean => features.includes('^extent')

/** The image at `path`, checked. */
export function makeVariedImage(path: string, variety: Variety, seed: number): void {
  const random = new Random(seed)
  const { blockSize, deepExtents = 0 } = variety
  const scratch = scratchFolder()
  try {
    const tree = join(scratch.path, 'tree')
    const text = (bytes: number, name: string): Buffer => Buffer.alloc(bytes, `${name} of seed ${seed}, `)
    mkdirSync(join(tree, 'many'), { recursive: true })
    mkdirSync(join(tree, 'a/b/c'), { recursive: true })
    for (let i = 0; i < 30; i++) {
      const folder = i < 8 ? '' : random.pick(['', 'a', 'a/b', 'a/b/c'])
      writeFileSync(join(tree, folder, `file${i}`), text(random.between(1, 12 * blockSize), `file${i}`))
    }
    // Long names, so that the directory has several blocks and e2fsck -D makes an index.
    for (let i = 0; i < ((8 * blockSize) / 1024) * 5 && i < 400; i++)
      writeFileSync(join(tree, 'many', `${String(i).padStart(4, '0')}-${'n'.repeat(180)}`), '')
    writeFileSync(join(tree, 'holes'), text(blockSize * 3, 'holes'))
    const holes = openSync(join(tree, 'holes'), 'r+')
    for (const at of [9, 10, 25, 70]) writeSync(holes, text(blockSize, `hole ${at}`), 0, blockSize, at * blockSize)
    closeSync(holes)
    truncateSync(join(tree, 'holes'), 100 * blockSize)
    linkSync(join(tree, 'holes'), join(tree, 'a/linked'))
    symlinkSync('holes', join(tree, 'short'))
    symlinkSync('/' + 'long/'.repeat(30) + 'end', join(tree, 'a/long'))
    symlinkSync('x'.repeat(100), join(tree, 'many/long'))
    for (let i = 0; i < (variety.filled ?? 0) * 4; i++)
      writeFileSync(join(tree, 'a/b', `fill${i}`), text((1 << 18) - 5 * blockSize, `fill${i}`))
    for (const name of ['attributes', 'shared1', 'shared2', 'shared3'])
      writeFileSync(join(tree, 'a', name), text(blockSize, name))
    if (deepExtents > 0) writeFileSync(join(tree, 'deep'), text(deepExtents * 2 * blockSize, 'deep'))
    writeFileSync(join(tree, 'reserved'), text(20 * blockSize, 'reserved'))
    if (variety.tall) makeTall(join(tree, 'a/tall'), blockSize)

    const value = join(scratch.path, 'value')
    writeFileSync(value, 'v'.repeat(700))
    makeImage(path, {
      size: (variety.size ?? 32) << 20,
      blockSize,
      tree,
      ...(variety.features ? { features: variety.features } : {}),
      ...(variety.extended ? { extended: variety.extended } : {}),
      more: ['-N', '700', ...(variety.more ?? [])],
    })
    if (variety.upgraded) run('tune2fs', ['-O', 'extent', path])
    debugfsWrite(path, [
      ...(variety.upgraded ? [`write ${join(tree, 'deep')} new`, `write ${join(tree, 'holes')} a/newer`] : []),
      ...Array.from({ length: deepExtents }, (_, i) => `punch /deep ${i * 2 + 1} ${i * 2 + 1}`),
      ...(isIndirect(variety) ? [] : ['fallocate /reserved 10 60']),
      'punch /reserved 30 33',
      `ea_set -f ${value} /a/attributes user.big`,
      `ea_set -f ${value} /a/b user.folder`,
      `ea_set -f ${value} /a/shared1 user.shared`,
    ])
    shareAttributes(path, blockSize, '/a/shared1', ['/a/shared2', '/a/shared3'])
    run('e2fsck', ['-fyD', path], { ok: [0, 1] })
    if (variety.used) useByKernel(path, seed)
    if (variety.oldJournal) ageJournal(path, blockSize)
    checkImage(path)
  } finally {
    scratch.remove()
  }
}

/** Some blocks on both sides of where a map goes one level up, and the last block that a file can have. */
function makeTall(path: string, blockSize: number): void {
  const perBlock = blockSize / 4
  const double = 12 + perBlock
  const triple = double + perBlock ** 2
  // Without huge_file a file that had no holes must be countable in 2^32 sectors, its map blocks included.
  const mapBlocks = 1 + (1 + perBlock) + (1 + perBlock + perBlock ** 2)
  const last = Math.min(triple + perBlock ** 3, Math.floor((2 ** 32 - 1) / (blockSize / 512)) - mapBlocks) - 1
  const file = openSync(path, 'w')
  for (const border of [0, 12, double, double + perBlock, triple, triple + perBlock, triple + perBlock ** 2, last])
    for (const block of [border - 1, border])
      if (block >= 0) writeSync(file, `block ${block} `.repeat(blockSize / 32), block * blockSize)
  closeSync(file)
}

/** Files come and go, map blocks and directory blocks with them, over several transactions. */
function useByKernel(path: string, seed: number): void {
  loopMounted(path, (folder) => {
    for (let round = 0; round < 6; round++) {
      const name = join(folder, `passing${round % 3}`)
      rmSync(name, { recursive: true, force: true })
      mkdirSync(name)
      for (let i = 0; i < 6; i++)
        writeFileSync(join(name, `file${i}`), Buffer.alloc(100 * 1024, `${round} of ${seed} `))
      run('sync', ['-f', folder])
    }
  })
  if (!debugfs(path, 'logdump -O').includes('(revoke table)')) throw new Error('the kernel revoked nothing')
}

/** Rewrites the journal's superblock as JBD's first version had it. */
function ageJournal(path: string, blockSize: number): void {
  const [, block] = /\(0(?:-\d+)?\):(\d+)/.exec(debugfs(path, 'stat <8>'))!
  const image = openSync(path, 'r+')
  try {
    const bytes = Buffer.alloc(blockSize)
    readSync(image, bytes, 0, blockSize, Number(block) * blockSize)
    bytes.writeUInt32BE(3, 4)
    // Features, UUID and users came with the second version.
    bytes.fill(0, 0x24, 1024)
    writeSync(image, bytes, 0, blockSize, Number(block) * blockSize)
  } finally {
    closeSync(image)
  }
}

const inodeOf = (path: string, name: string): number => Number(/^Inode: (\d+)/m.exec(debugfs(path, `stat ${name}`))![1])

/** What the kernel does when the attributes of several files are the same; debugfs cannot. */
function shareAttributes(path: string, blockSize: number, owner: string, others: readonly string[]): void {
  const stat = debugfs(path, `stat ${owner}`)
  const block = Number(/^File ACL: (\d+)/m.exec(stat)![1])
  if (block === 0) throw new Error(`${owner} has no attribute block`)
  debugfsWrite(
    path,
    others.flatMap((name) => {
      const sectors = Number(/Blockcount: (\d+)/.exec(debugfs(path, `stat ${name}`))![1]) + blockSize / 512
      return [`sif <${inodeOf(path, name)}> file_acl ${block}`, `sif <${inodeOf(path, name)}> blocks ${sectors}`]
    }),
  )
  const image = openSync(path, 'r+')
  try {
    const bytes = Buffer.alloc(blockSize)
    readSync(image, bytes, 0, blockSize, block * blockSize)
    bytes.writeUInt32LE(others.length + 1, 4)
    const header = Buffer.alloc(1024)
    readSync(image, header, 0, 1024, 1024)
    if (header.readUInt32LE(0x64) & 0x400) {
      const seed =
        header.readUInt32LE(0x60) & 0x2000 ? header.readUInt32LE(0x270) : crc32c(~0, header.subarray(0x68, 0x78))
      bytes.writeUInt32LE(0, 0x10)
      const number = Buffer.alloc(8)
      number.writeBigUInt64LE(BigInt(block))
      bytes.writeUInt32LE(crc32c(crc32c(seed, number), bytes), 0x10)
    }
    writeSync(image, bytes, 0, blockSize, block * blockSize)
  } finally {
    closeSync(image)
  }
}
