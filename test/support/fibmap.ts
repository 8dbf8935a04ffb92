/**
 * FIBMAP: the physical block of one logical block, the oldest of the mapping
 * calls. Takes an int and overwrites it. Needs CAP_SYS_RAWIO and a regular file;
 * the kernel writes dirty data out first. Block numbers beyond 2^31 - 1 cannot be
 * asked for or answered: use FIEMAP.
 */
import { ioctl } from '../../src/kernel/libc.js'
import { io } from '../../src/kernel/ioctl-number.js'

const FIBMAP = io(0x00, 1)
const largest = 0x7fff_ffff

/**
 * @param logical block of the file, counted in filesystem blocks
 * @returns block of the filesystem, or undefined for a hole
 * @throws KernelError refused without the privilege; io (EINVAL or ENOTTY) for anything but a regular file
 */
export function fibmap(fd: number, logical: number): number | undefined {
  if (!Number.isInteger(logical) || logical < 0 || logical > largest)
    throw new RangeError(`block ${logical} does not fit FIBMAP's int`)
  const block = Buffer.alloc(4)
  block.writeInt32LE(logical)
  ioctl({ call: 'FIBMAP' }, fd, FIBMAP, block)
  const physical = block.readInt32LE()
  return physical === 0 ? undefined : physical
}
