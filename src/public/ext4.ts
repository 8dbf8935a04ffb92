/**
 * The structures of ext4: an image's files, the kernel's allocator as a pure function,
 * and Jan Kara's calls (allocate, movedata, get_free_blocks) over images and mounted
 * filesystems alike.
 *
 * @packageDocumentation
 */
export { decodeName } from '../bytes/file-name.js'
export { visitDirectory } from '../ext4/read/directory.js'
export { readFileMap } from '../ext4/read/file-map.js'
export { Filesystem } from '../ext4/read/filesystem.js'
export { walkPath } from '../ext4/read/path-walk.js'
export { openGated } from '../ext4/engine/open-exclusive.js'
export { findFilesystem } from '../ext4/engine/open-image.js'
export { refuseState, type FilesystemName } from '../ext4/ownership/preconditions.js'
export type { Store } from '../storage/store.js'

export { Allocator } from '../mballoc/allocator.js'
export type { AllocationFlags, AllocationRequest, Strategy } from '../mballoc/request.js'

export { ALLOC_CONTIGUOUS, ALLOC_FIXED_LEN, ALLOC_FIXED_START, allocate } from '../blocks/allocate.js'
export { freeRunsFrom, getFreeBlocks, type AllocExtent, type FreeSpace } from '../blocks/get-free-blocks.js'
export { movedata } from '../blocks/movedata.js'
export { openBlockSpace } from '../blocks/open-space.js'
export type { BlockSpace, PlaceRequest, SpaceFile, SpliceOptions, TreeSpace } from '../volume/block-space.js'
export type { BlockCache } from '../storage/block-cache.js'
export type { GroupDescriptors } from '../ext4/read/group-descriptors.js'
export type { Superblock } from '../ext4/format/superblock.js'
export type { FilesystemPlace } from '../ext4/engine/open-image.js'
export type { GatedDisk } from '../ext4/engine/open-exclusive.js'
export type { FileMap } from '../ext4/read/file-map.js'
export type { PathWalk } from '../ext4/read/path-walk.js'
export type { AllocatorCounters } from '../mballoc/allocator.js'
export type { Inode } from '../ext4/format/inode.js'
export type { DirectoryVisitor } from '../ext4/read/directory.js'
export type { ReadBudget } from '../ext4/read/directory.js'
export type { NameCache } from '../ext4/read/name-cache.js'
export type { FreeSpaceSource } from '../mballoc/free-space.js'
export type { AllocatorGeometry } from '../mballoc/free-space.js'
export type { Piece } from '../mballoc/criteria.js'
export type { MapKind } from '../ext4/read/file-map.js'
export type { Identity } from '../host/block-devices.js'
export type { ChecksumKind } from '../ext4/format/superblock.js'
export type { Features } from '../ext4/format/features.js'
export type { GroupDescriptor } from '../ext4/format/group-descriptor.js'
export type { EntryVisitor } from '../ext4/format/directory-block.js'
