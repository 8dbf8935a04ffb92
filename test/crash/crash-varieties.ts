/** Small images on which power cuts are tried. */
import { ext3Features, type Variety } from '../support/varied-image.js'

export const crashVarieties: readonly Variety[] = [
  { name: '4 KiB blocks, metadata_csum', blockSize: 4096, size: 16, deepExtents: 360 },
  { name: '1 KiB blocks, metadata_csum, deep trees', blockSize: 1024, size: 12, deepExtents: 400 },
  {
    name: '1 KiB blocks, no checksums',
    blockSize: 1024,
    size: 12,
    features: '^metadata_csum,^uninit_bg,^64bit',
    deepExtents: 100,
  },
  {
    name: '1 KiB blocks, gdt_csum, unused groups',
    blockSize: 1024,
    size: 20,
    features: 'uninit_bg,^metadata_csum,^64bit',
    deepExtents: 100,
  },
  { name: '1 KiB blocks, meta_bg', blockSize: 1024, size: 12, features: 'meta_bg,^resize_inode,64bit,metadata_csum' },
  { name: '1 KiB blocks, nearly full', blockSize: 1024, size: 12, deepExtents: 200, filled: 10 },
  {
    name: '4 KiB blocks, nearly full, no checksums',
    blockSize: 4096,
    size: 20,
    features: '^metadata_csum',
    deepExtents: 100,
    filled: 14.75,
  },
  { name: '2 KiB blocks, a fast_commit area', blockSize: 2048, size: 16, features: 'fast_commit' },
  { name: 'ext3, 1 KiB blocks', blockSize: 1024, size: 12, features: ext3Features, deepExtents: 300, tall: true },
  { name: 'ext3, 4 KiB blocks', blockSize: 4096, size: 16, features: ext3Features, deepExtents: 300, tall: true },
  {
    name: 'ext3, used by the kernel, with revoked blocks in its journal',
    blockSize: 1024,
    size: 14,
    features: ext3Features,
    deepExtents: 200,
    used: true,
  },
  {
    name: 'ext3, a journal of version 1, nearly full',
    blockSize: 1024,
    size: 12,
    features: ext3Features,
    deepExtents: 200,
    filled: 7,
    oldJournal: true,
  },
  {
    name: 'old files without extents on an upgraded ext4',
    blockSize: 1024,
    size: 12,
    features: '^extent,^64bit,metadata_csum',
    deepExtents: 200,
    upgraded: true,
  },
]
