/**
 * XFS_IOC_OPEN_BY_HANDLE: opens an inode by number and generation, with no path in
 * between that could lead elsewhere. Needs CAP_SYS_ADMIN.
 *
 * Unlike open_by_handle_at(2) the descriptor of a regular file is invisible: reading
 * leaves atime, writing and exchanging leave mtime and ctime as they are.
 *
 *   struct xfs_fsop_handlereq {        struct xfs_handle {
 *     u32   fd;         0x00             u32 ha_fsid[2];  0x00
 *     void *path;       0x08             u16 fid_len;     0x08   14: what follows
 *     u32   oflags;     0x10             u16 fid_pad;     0x0a
 *     void *ihandle;    0x18             u32 fid_gen;     0x0c
 *     u32   ihandlen;   0x20             u64 fid_ino;     0x10
 *     void *ohandle;    0x28           };                 size 0x18
 *     u32  *ohandlen;   0x30
 *   };                  size 0x38
 *
 * The layout is fs/xfs/libxfs/xfs_fs.h.
 */
import { addressOf, ioctl, ioReadWrite, setU64, whole } from 'bootpack/kernel'

const requestSize = 0x38
const handleSize = 0x18
const XFS_IOC_FD_TO_HANDLE = ioReadWrite('X', 106, requestSize)
const XFS_IOC_OPEN_BY_HANDLE = ioReadWrite('X', 107, requestSize)

/**
 * @param filesystem descriptor of any directory on the filesystem
 * @param flags      as for open(2)
 * @throws KernelError ESTALE or ENOENT when no such inode is in use, ETXTBSY when it is
 *   being executed and is to be written
 */
export function openXfsInode(filesystem: number, inode: number, generation: number, flags: number): number {
  const handle = handleOf(filesystem)
  handle.writeUInt16LE(handleSize - 0x0a, 0x08)
  handle.writeUInt16LE(0, 0x0a)
  handle.writeUInt32LE(whole(generation), 0x0c)
  setU64(handle, 0x10, inode)
  const request = Buffer.alloc(requestSize)
  request.writeUInt32LE(whole(flags), 0x10)
  request.writeBigUInt64LE(addressOf(handle), 0x18)
  request.writeUInt32LE(handleSize, 0x20)
  return ioctl({ call: 'XFS_IOC_OPEN_BY_HANDLE', on: `inode ${inode}` }, filesystem, XFS_IOC_OPEN_BY_HANDLE, request)
}

/** The handle of the directory itself; its first eight bytes are those of every inode of the filesystem. */
function handleOf(fd: number): Buffer {
  const handle = Buffer.alloc(handleSize)
  const length = Buffer.alloc(4)
  const request = Buffer.alloc(requestSize)
  request.writeUInt32LE(whole(fd), 0x00)
  request.writeBigUInt64LE(addressOf(handle), 0x28)
  request.writeBigUInt64LE(addressOf(length), 0x30)
  ioctl({ call: 'XFS_IOC_FD_TO_HANDLE' }, fd, XFS_IOC_FD_TO_HANDLE, request)
  return handle
}
