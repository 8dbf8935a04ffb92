import { getU32 } from '../../bytes/little-endian.js'
import { corrupt, refused, unsupported } from '../../errors.js'
import { shellWord } from '../../text/shell-word.js'
import type { FilesystemName } from '../ownership/preconditions.js'
import type { Store } from '../../storage/store.js'
import type { Superblock } from '../format/superblock.js'

const mmpMagic = 0x004d4d50
const sequence = { clean: 0xff4d4d50, fsck: 0xe24d4d50, largest: 0xe24d4d4f } as const

/**
 * Multiple-mount protection: a block where whoever uses the filesystem, perhaps on
 * another machine, counts up. At rest it holds the word for clean. Source of the
 * layout: the kernel's Documentation/filesystems/ext4/mmp.rst.
 *
 * A block at rest lets us in; it is not claimed, since a claim would outlive a crash
 * and then forbid the next mount.
 *
 * @throws refused when the block says that somebody uses the filesystem
 */
export async function refuseMmpInUse(superblock: Superblock, store: Store, name: FilesystemName): Promise<void> {
  if (!superblock.features.names.has('mmp')) return
  const block = superblock.mmpBlock
  if (block <= superblock.firstDataBlock || block >= superblock.blockCount)
    throw corrupt('superblock', 0, `the MMP block ${block} is outside the filesystem`)
  const bytes = new Uint8Array(1024)
  await store.read(block * superblock.blockSize, bytes)
  const mmp_magic = getU32(bytes, 0)
  const mmp_seq = getU32(bytes, 4)
  const mmp_nodename = Buffer.from(bytes.subarray(16, 80)).toString('latin1').replace(/\0.*$/s, '')
  if (mmp_magic !== mmpMagic) throw corrupt('MMP block', block, `its magic number is 0x${mmp_magic.toString(16)}`)
  if (mmp_seq === sequence.clean) return
  const clear = `If nothing uses it any more: tune2fs -f -E clear_mmp ${shellWord(name.operand)}`
  if (mmp_seq === sequence.fsck)
    throw refused('mmp-in-use', `e2fsck is at work on ${name.title}, says its multiple-mount protection.`, clear)
  if (mmp_seq <= sequence.largest) {
    throw refused(
      'mmp-in-use',
      `${name.title} is mounted on ${shellWord(mmp_nodename || 'another machine')}, says its multiple-mount protection.`,
      clear,
    )
  }
  throw unsupported(
    'mmp-unknown',
    `The multiple-mount protection of ${name.title} has an unknown state, 0x${mmp_seq.toString(16)}.`,
    clear,
  )
}
