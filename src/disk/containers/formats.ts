/**
 * What a file that is not a raw ext4 image may be, known by its magic, and the way
 * from there to something bootpack can open. Sources: the formats' own
 * specifications and libblkid's list of superblocks; each was checked against a
 * file made by the format's own tool where one was at hand.
 */
import { errorCodes, type ContainerCode } from '../../errors.js'
import { besides } from './convert-command.js'
import { shellWord } from '../../text/shell-word.js'

/** Bytes at a place; `offset` counts from the end of the file when negative. */
interface Magic {
  readonly offset: number
  readonly bytes: string
}

export interface ContainerFormat {
  /** Short and stable: 'qcow2'. */
  readonly code: ContainerCode
  /** With its article: 'a qcow2 disk image'. */
  readonly title: string
  /** Any one of these is enough. */
  readonly magic: readonly Magic[]
  /**
   * `outer`: its magic rules out that the same bytes are an ext4 filesystem or a
   * partitioned disk. `inner`: an ext4 superblock found beside it counts more, as
   * what the magic tells may be left over from earlier.
   */
  readonly standing: 'outer' | 'inner'
  /** What QEMU calls it, whose programs can read it. */
  readonly qemu?: string
  /** What to do with it, a full sentence. */
  readonly advice: (path: string) => string
}

const at = (offset: number, ...bytes: (number | string)[]): Magic => ({
  offset,
  bytes: bytes.map((part) => (typeof part === 'number' ? String.fromCharCode(part) : part)).join(''),
})

const qemu =
  (format: string) =>
  (path: string): string =>
    `Convert it with: qemu-img convert -f ${format} -O raw ${shellWord(path)} ${shellWord(besides(path, '.img'))}`

const unpack =
  (command: string) =>
  (path: string): string => {
    const target = path.replace(/\.[A-Za-z0-9]{2,5}$/, '')
    return `Unpack it with: ${command} < ${shellWord(path)} > ${shellWord(target === path ? `${path}.img` : target)}`
  }

const archive =
  (command: string) =>
  (path: string): string =>
    `Take the disk image out of it with: ${command} ${shellWord(path)}`

const otherFilesystem = (): string => 'bootpack packs ext4; nothing can be done with this one.'

const disk = (code: ContainerCode, advice: (path: string) => string, ...magic: Magic[]): ContainerFormat => ({
  code,
  title: errorCodes.unsupported[code].means,
  advice,
  magic,
  standing: 'outer',
})

/** A disk that QEMU's programs read. @param format what they call it */
const virtual = (code: ContainerCode, format: string, ...magic: Magic[]): ContainerFormat => ({
  ...disk(code, qemu(format), ...magic),
  qemu: format,
})

const filesystem = (code: ContainerCode, ...magic: Magic[]): ContainerFormat => ({
  code,
  title: errorCodes.unsupported[code].means,
  advice: otherFilesystem,
  magic,
  standing: 'inner',
})

const swapMagics = [4096, 8192, 16384, 65536].map((page) => page - 10)

export const containerFormats: readonly ContainerFormat[] = [
  // Disks of virtual machines.
  virtual('qcow', 'qcow', at(0, 'QFI', 0xfb, 0, 0, 0, 1)),
  virtual('qcow2', 'qcow2', at(0, 'QFI', 0xfb)),
  virtual('qed', 'qed', at(0, 'QED', 0)),
  virtual('vmdk', 'vmdk', at(0, 'KDMV'), at(0, 'COWD')),
  {
    ...disk(
      'vmdk-descriptor',
      (path) =>
        `Give the raw file it names (often ${shellWord(besides(path, '-flat.vmdk'))}), or convert it with: qemu-img convert -f vmdk -O raw ${shellWord(path)} ${shellWord(besides(path, '.img'))}`,
      at(0, '# Disk DescriptorFile'),
    ),
    qemu: 'vmdk',
  },
  virtual('vdi', 'vdi', at(0x40, 0x7f, 0x10, 0xda, 0xbe)),
  virtual('vhd', 'vpc', at(0, 'conectix')),
  virtual('vhdx', 'vhdx', at(0, 'vhdxfile')),
  virtual('parallels', 'parallels', at(0, 'WithoutFreeSpace'), at(0, 'WithouFreSpacExt')),
  virtual('dmg', 'dmg', at(-512, 'koly')),
  disk(
    'android-sparse',
    (path) => `Convert it with: simg2img ${shellWord(path)} ${shellWord(besides(path, '.raw.img'))}`,
    at(0, 0x3a, 0xff, 0x26, 0xed),
  ),

  // Compressed files and archives.
  disk('xz', unpack('xz -dc'), at(0, 0xfd, '7zXZ', 0)),
  disk('gzip', unpack('gzip -dc'), at(0, 0x1f, 0x8b, 8)),
  disk('bzip2', unpack('bzip2 -dc'), ...[...'123456789'].map((level) => at(0, 'BZh', level, '1AY&SY'))),
  disk('zstd', unpack('zstd -dc'), at(0, 0x28, 0xb5, 0x2f, 0xfd)),
  disk('lz4', unpack('lz4 -dc'), at(0, 0x04, 0x22, 0x4d, 0x18), at(0, 0x02, 0x21, 0x4c, 0x18)),
  disk('lzma', unpack('xz --format=lzma -dc'), at(0, 0x5d, 0, 0, 0x80, 0, 0xff, 0xff, 0xff, 0xff)),
  disk('lzop', unpack('lzop -dc'), at(0, 0x89, 'LZO', 0, 0x0d, 0x0a, 0x1a, 0x0a)),
  disk('zip', archive('unzip'), at(0, 'PK', 3, 4)),
  disk('7z', archive('7z x'), at(0, '7z', 0xbc, 0xaf, 0x27, 0x1c)),
  disk('tar', archive('tar -xf'), at(257, 'ustar')),
  disk(
    'cpio',
    () => 'bootpack packs filesystems; an initramfs is read in one piece as it is.',
    at(0, '070701'),
    at(0, '070702'),
  ),

  // What stands between a disk and a filesystem.
  disk(
    'luks',
    (path) =>
      `Open it with: cryptsetup open ${shellWord(path)} packing; give /dev/mapper/packing; then: cryptsetup close packing`,
    at(0, 'LUKS', 0xba, 0xbe),
  ),
  disk('bitlocker', otherFilesystem, at(3, '-FVE-FS-')),
  disk(
    'lvm2',
    (path) =>
      `Give a logical volume of it: vgchange -ay, then lvs -o lv_path shows them (for an image file first: losetup -f --show ${shellWord(path)}).`,
    ...[0, 512, 1024, 1536].map((sector) => at(sector, 'LABELONE')),
  ),
  disk(
    'raid',
    () => 'Assemble the array with: mdadm --assemble --scan, and give the /dev/md device.',
    at(0, 0xfc, 0x4e, 0x2b, 0xa9),
    at(4096, 0xfc, 0x4e, 0x2b, 0xa9),
  ),
  disk(
    'bcache',
    () => 'Register it and give the /dev/bcache device.',
    at(4096 + 24, 0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca, 0x82, 0x65, 0xf5, 0x7f, 0x48, 0xba, 0x6d, 0x81),
  ),
  disk(
    'hibernated',
    () => 'Resume or discard the hibernated system first; swap is not packed.',
    ...swapMagics.map((offset) => at(offset, 'S1SUSPEND')),
  ),

  // Other filesystems.
  {
    code: 'squashfs',
    title: errorCodes.unsupported.squashfs.means,
    standing: 'outer',
    magic: [at(0, 'hsqs'), at(0, 'sqsh')],
    advice: () =>
      'It cannot be changed in place. Build it in boot order: bootpack trace export boot.trace --to squashfs-sort -o sort.txt, then mksquashfs with -sort sort.txt.',
  },
  disk(
    'xfs',
    (path) =>
      `XFS is packed while it is mounted: mount ${path.startsWith('/dev/') ? '' : '-o loop '}${shellWord(path)} /mnt, and give /mnt.`,
    at(0, 'XFSB'),
  ),
  { ...filesystem('cramfs', at(0, 0x45, 0x3d, 0xcd, 0x28)), standing: 'outer' },
  { ...filesystem('romfs', at(0, '-rom1fs-')), standing: 'outer' },
  { ...filesystem('ubi', at(0, 'UBI#')), standing: 'outer' },
  { ...filesystem('ubifs', at(0, 0x31, 0x18, 0x10, 0x06)), standing: 'outer' },
  { ...filesystem('ntfs', at(3, 'NTFS    ')), standing: 'outer' },
  { ...filesystem('exfat', at(3, 'EXFAT   ')), standing: 'outer' },
  filesystem('vfat', at(54, 'FAT12   '), at(54, 'FAT16   '), at(82, 'FAT32   ')),
  filesystem('erofs', at(1024, 0xe2, 0xe1, 0xf5, 0xe0)),
  filesystem('f2fs', at(1024, 0x10, 0x20, 0xf5, 0xf2)),
  filesystem('hfsplus', at(1024, 'H+', 0, 4), at(1024, 'HX', 0, 5)),
  filesystem('apfs', at(32, 'NXSB')),
  filesystem('nilfs2', at(1024 + 6, 0x34, 0x34)),
  filesystem(
    'bcachefs',
    at(4096 + 24, 0xc6, 0x85, 0x73, 0xf6, 0x66, 0xce, 0x90, 0xa9, 0xd9, 0x6a, 0x60, 0xcf, 0x80, 0x3d, 0xf7, 0xef),
  ),
  filesystem('iso9660', at(32769, 'CD001')),
  filesystem('jfs', at(32768, 'JFS1')),
  filesystem('btrfs', at(65600, '_BHRfS_M')),
  filesystem('reiserfs', at(65536 + 52, 'ReIsErFs'), at(65536 + 52, 'ReIsEr2Fs'), at(65536 + 52, 'ReIsEr3Fs')),
  {
    code: 'swap',
    title: errorCodes.unsupported.swap.means,
    standing: 'inner',
    advice: () => 'Swap holds no files; give the partition or image with the root filesystem.',
    magic: [
      ...swapMagics.map((offset) => at(offset, 'SWAPSPACE2')),
      ...swapMagics.map((offset) => at(offset, 'SWAP-SPACE')),
    ],
  },
]
