/**
 * open_by_handle_at(2): opens an inode by its number, with no path in between that
 * could be renamed, replaced by a link or hidden below a mount. Needs
 * CAP_DAC_READ_SEARCH, and a kernel with file handles.
 *
 *   struct file_handle {
 *     u32 handle_bytes;   0x00   8
 *     s32 handle_type;    0x04   1: inode number and generation
 *     u32 inode;          0x08
 *     u32 generation;     0x0c   0: whatever it is (fs/ext4/super.c, ext4_nfs_get_inode)
 *   };
 */
import { checked, libcFunction } from './libc.js'
import { whole } from './words.js'

const call = libcFunction('int open_by_handle_at(int, void *, int)')

const FILEID_INO32_GEN = 1
const O_CLOEXEC = 0o2000000

/**
 * @param filesystem a descriptor of any directory on the filesystem (not O_PATH)
 * @param flags      as for open(2)
 * @throws KernelError ESTALE when no such inode is in use, EPERM without the privilege
 */
export function openByInode(filesystem: number, inode: number, flags: number): number {
  const handle = Buffer.alloc(0x10)
  handle.writeUInt32LE(8, 0x00)
  handle.writeInt32LE(FILEID_INO32_GEN, 0x04)
  handle.writeUInt32LE(whole(inode), 0x08)
  return checked({ call: 'open_by_handle_at', on: `inode ${inode}` }, () => call(filesystem, handle, flags | O_CLOEXEC))
}
