/**
 * Whether a file holds a disk or a filesystem, by the signatures of what people keep
 * boots in. It is asked before a file is replaced: who writes -o disk.img for
 * -o disk.plan must not lose the disk.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** Bytes, as Latin-1 text, at places. */
const signatures: readonly (readonly [offset: number, bytes: string])[] = [
  [0x438, '\x53\xef'], // ext2, ext3, ext4
  [0x1fe, '\x55\xaa'], // a partition table
  [0, 'XFSB'],
  [0, 'LUKS\xba\xbe'],
  [0, 'QFI\xfb'],
  [0, 'KDMV'],
  [0, 'vhdxfile'],
  [0, 'conectix'],
]

export const isDisk = (head: string): boolean => signatures.some(([offset, bytes]) => head.startsWith(bytes, offset))

/** @returns false, too, for what cannot be read */
export async function holdsDisk(path: string): Promise<boolean> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined)
  if (!file) return false
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2048), 0, 2048, 0)
    return isDisk(buffer.toString('latin1', 0, bytesRead))
  } catch {
    return false
  } finally {
    await file.close()
  }
}
