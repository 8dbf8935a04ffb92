/**
 * Images that between them have every shape the reading side knows: a tree with
 * every kind of file, made into filesystems with every feature that matters.
 */
import { closeSync, ftruncateSync, linkSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { debugfsWrite, makeImage, type ImageRecipe } from '../support/images.js'
import { Random } from '../support/random.js'
import { run } from '../support/tools.js'

export interface Specimen extends Omit<ImageRecipe, 'tree' | 'debugfs'> {
  readonly name: string
  /** The kernel of an ordinary machine can mount it: its blocks are at most a page. */
  readonly mountable: boolean
  /** Run on the finished image. */
  readonly afterwards?: (image: string) => void
}

const mib = 1024 * 1024

export const specimens: readonly Specimen[] = [
  { name: "4k, today's defaults", size: 96 * mib, blockSize: 4096, mountable: true },
  {
    name: '1k, checksums, 32-byte descriptors',
    size: 64 * mib,
    blockSize: 1024,
    features: 'metadata_csum,^64bit',
    mountable: true,
  },
  {
    name: '2k, where tree checksums do not end the block',
    size: 64 * mib,
    blockSize: 2048,
    features: 'metadata_csum,64bit',
    mountable: true,
  },
  { name: '64k', size: 256 * mib, blockSize: 65536, more: ['-N', '4096'], mountable: false },
  {
    name: 'meta_bg',
    size: 96 * mib,
    blockSize: 1024,
    features: 'meta_bg,^resize_inode,metadata_csum,64bit',
    more: ['-g', '1024'],
    mountable: true,
  },
  {
    name: 'sparse_super2',
    size: 96 * mib,
    blockSize: 1024,
    features: 'sparse_super2,^resize_inode',
    extended: 'num_backup_sb=2',
    mountable: true,
  },
  {
    name: 'gdt_csum, groups without a flex, some never written',
    size: 128 * mib,
    blockSize: 1024,
    features: '^metadata_csum,uninit_bg,^flex_bg,^64bit',
    mountable: true,
  },
  {
    name: 'no checksums, superblock copies everywhere',
    size: 64 * mib,
    blockSize: 1024,
    features: '^metadata_csum,^uninit_bg,^sparse_super,^resize_inode',
    mountable: true,
  },
  {
    name: 'a checksum seed that is not the UUID',
    size: 64 * mib,
    blockSize: 4096,
    features: 'metadata_csum,metadata_csum_seed',
    mountable: true,
    afterwards: (image) => {
      run('tune2fs', ['-U', '0b00c0de-2222-4000-8000-000000000002', image])
    },
  },
  {
    name: 'ext3: block maps instead of extents',
    size: 64 * mib,
    blockSize: 1024,
    features: '^extent,^flex_bg,^64bit,^metadata_csum,^uninit_bg',
    mountable: true,
  },
  {
    name: 'inline data',
    size: 64 * mib,
    blockSize: 4096,
    features: 'inline_data',
    more: ['-I', '256'],
    mountable: true,
  },
  {
    name: 'small inodes, no journal, no types in directories',
    size: 64 * mib,
    blockSize: 1024,
    features: '^filetype,^has_journal,^extra_isize',
    more: ['-I', '128'],
    mountable: true,
  },
  {
    name: 'multiple mount protection, bad blocks',
    size: 64 * mib,
    blockSize: 1024,
    features: 'mmp',
    mountable: true,
    afterwards: (image) => {
      writeFileSync(`${image}.bad`, '60001\n60002\n61000\n')
      run('e2fsck', ['-fy', '-l', `${image}.bad`, image], { ok: [0, 1] })
    },
  },
  {
    name: 'quota, project, orphan file',
    size: 96 * mib,
    blockSize: 4096,
    features: 'quota,project,orphan_file',
    extended: 'quotatype=usrquota:grpquota:prjquota',
    mountable: true,
  },
]

/** How many names the large directory has: enough for an index in blocks of up to 4 KiB. */
export const manyNames = 1000

/** Makes the tree that all specimens hold. Block sizes to 4 KiB are thought of in the sparse files. */
export function makeTree(folder: string): void {
  const random = new Random(20)
  const file = (path: string, size: number): void => writeFileSync(join(folder, path), randomBytes(random, size))
  mkdirSync(join(folder, 'usr/lib/deep/er/and/deeper'), { recursive: true })
  mkdirSync(join(folder, 'boot/grub/i386-pc'), { recursive: true })
  mkdirSync(join(folder, 'many'))
  mkdirSync(join(folder, 'empty-folder'))
  file('usr/lib/one', 1)
  file('usr/lib/block', 4096)
  file('usr/lib/big', 3_000_000)
  file('usr/lib/deep/er/and/deeper/file', 12_345)
  file('usr/empty', 0)
  file('tiny', 40)
  file('boot/vmlinuz', 200_000)
  file('boot/grub/grub.cfg', 500)
  file('boot/grub/i386-pc/core.img', 30_000)
  file('name with ümläut and\nnewline', 10)
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/bytes-`), Buffer.of(0xff, 0xfe)]), 'not UTF-8')
  for (let i = 0; i < manyNames; i++) file(`many/${'n'.repeat(i % 60)}-${i}`, i % 7 === 0 ? 100 : 0)
  linkSync(join(folder, 'usr/lib/block'), join(folder, 'hard-link'))
  symlinkSync('usr/lib', join(folder, 'lib'))
  symlinkSync('/usr/lib/one', join(folder, 'absolute'))
  symlinkSync(`${'./'.repeat(60)}usr/lib/big`, join(folder, 'slow-link'))
  symlinkSync('../../../../tiny', join(folder, 'above-the-root'))
  symlinkSync('circle-b', join(folder, 'circle-a'))
  symlinkSync('circle-a', join(folder, 'circle-b'))
  symlinkSync('nowhere', join(folder, 'dangling'))
  // Every other 4 KiB page, so that nothing can be joined: extents by the hundred.
  sparse(
    join(folder, 'comb'),
    Array.from({ length: 800 }, (_, i) => i * 8192),
    4096,
    random,
  )
}

/** A file of more than 4 GiB with something at its very end, and one with a tree two levels deep in 4 KiB blocks. */
export function makeLargeFiles(folder: string): void {
  const random = new Random(21)
  sparse(join(folder, 'five-gib'), [0, 5 * 1024 * mib - 4096], 4096, random)
  sparse(
    join(folder, 'wide-comb'),
    Array.from({ length: 1600 }, (_, i) => i * 8192),
    4096,
    random,
  )
}

function sparse(path: string, offsets: readonly number[], length: number, random: Random): void {
  const descriptor = openSync(path, 'w')
  for (const offset of offsets) writeSync(descriptor, randomBytes(random, length), 0, length, offset)
  ftruncateSync(descriptor, offsets.at(-1)! + length)
  closeSync(descriptor)
}

const randomBytes = (random: Random, size: number): Buffer => {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(random.below(0x1_0000_0000), at)
  return bytes
}

/** Makes the specimen from the tree, with what mke2fs cannot copy added by debugfs. */
export function makeSpecimen(image: string, specimen: Specimen, tree: string): void {
  const { name: _name, mountable: _mountable, afterwards, ...recipe } = specimen
  makeImage(image, { ...recipe, tree })
  const extents = !specimen.features?.includes('^extent')
  debugfsWrite(image, [
    'mknod fifo p',
    'mknod device c 4 64',
    // More than fits the inode: a block of its own.
    `ea_set /usr/lib/one user.long ${'v'.repeat(300)}`,
    `ea_set /usr/lib user.long ${'w'.repeat(300)}`,
    ...(extents
      ? ['write /dev/null preallocated', 'fallocate preallocated 3 20', 'set_inode_field preallocated size 500000']
      : []),
  ])
  // Directories are indexed by e2fsck only; it leaves with 1, "corrected".
  run('e2fsck', ['-fyD', image], { ok: [0, 1] })
  afterwards?.(image)
}
