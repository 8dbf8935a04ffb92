/**
 * The public library. Plugins and programs import only this.
 *
 * @packageDocumentation
 */
export {
  BootpackError,
  exitCode,
  corrupt,
  ioError,
  noSpace,
  refused,
  unsupported,
  usageError,
  type ErrorDetails,
  type ErrorFamily,
} from './errors.js'

export { fileBlock, fsBlock, type FileBlock, type FsBlock } from './layout/block.js'
export { extent, mergeExtents, relocateExtents, type Extent, type Relocation } from './layout/extent.js'
export { blockRun, intersectRuns, runEnd, runsOverlap, type BlockRun } from './layout/run.js'
export { RunSet } from './layout/run-set.js'
export { blocksOf, type DiskLayout, type FileLayout } from './layout/file-layout.js'
export { type GapCause, gapCauses } from './layout/gap-cause.js'
export {
  numberReasons,
  stayReasons,
  type ImmovableReason,
  type NumberReason,
  type ReasonText,
  type SkipReason,
  type StayReason,
} from './layout/reason.js'
export { isOwnedKind, type FixedKind, type OwnedKind, type OwnedRun } from './layout/owner.js'

export type {
  FileMetadata,
  FileRef,
  FileType,
  FixedRun,
  Geometry,
  InodeNumbers,
  InodeTable,
  Lookup,
  Move,
  MoveOutcome,
  RelocateOptions,
  RenumberOptions,
  RenumberOutcome,
  Renumbering,
  SkippedMove,
  SkippedRenumbering,
  Stayed,
  Volume,
} from './volume/volume.js'

export { traceHeader, type ReadKind, type Trace, type TraceHeader, type TraceRead } from './trace/model/trace.js'

export { Allocator } from './mballoc/allocator.js'
export type { AllocationFlags, AllocationRequest, Strategy } from './mballoc/request.js'

export { deviceReads, type DeviceRead } from './measure/device-reads.js'
export { diskModels, referenceModel, type DiskModel } from './measure/disk-model.js'
export { measureLayout } from './measure/measure.js'
export type { BootRead } from './measure/boot-read.js'
export type { LayoutMeasure } from './measure/layout-measure.js'

export { resolveTrace, type BootSet } from './plan/resolve/boot-set.js'
export { createPlan, type PlanningResult, type PlanOptions } from './plan/create-plan.js'
export { createRepair, type RepairOptions, type RepairResult } from './plan/repair/create-repair.js'
export type { Drift, DriftedFile } from './plan/repair/drift.js'
export { parsePlan, planText } from './plan/plan-file.js'
export type {
  Plan,
  PlanCost,
  PlanGap,
  PlanGoal,
  PlanInodes,
  PlannedMove,
  PlannedRenumbering,
  Skip,
} from './plan/plan.js'

export { applyPlan, undoPlan, type ApplyOptions, type ApplyResult } from './pack/apply-plan.js'
export { measureNow, packVolume, type PackOptions, type PackResult } from './pack/pack-volume.js'
export { verifyPlan, type Verification } from './pack/verify-plan.js'
export { objectiveFor, type Balance, type Objective } from './plan/objective.js'
export { checkPacking, type CheckOptions, type PackingCheck } from './pack/check-packing.js'

export { ALLOC_CONTIGUOUS, ALLOC_FIXED_LEN, ALLOC_FIXED_START, allocate } from './blocks/allocate.js'
export { freeRunsFrom, getFreeBlocks, type AllocExtent, type FreeSpace } from './blocks/get-free-blocks.js'
export { movedata } from './blocks/movedata.js'
export { openBlockSpace } from './blocks/open-space.js'
export type { BlockSpace, PlaceRequest, SpaceFile, SpliceOptions, TreeSpace } from './volume/block-space.js'

export { mountFuse, openFuseDevice, unmount, type FuseMount } from './kernel/mount-fuse.js'

export { openTarget } from './cli/session/open-target.js'
export { BootpackCommand } from './cli/session/base-command.js'

export { nameTrace, type NamedTrace } from './plan/resolve/name-trace.js'
export { refuseOther, writeAtomically } from './files/atomic-file.js'
export { readTrace, type ReadTraceOptions } from './trace/read-trace.js'
export { writeTrace, type WritableTrace } from './trace/write-trace.js'
export { escapePath } from './text/escape-path.js'
export { table } from './text/table.js'
export { bytes, count, seconds } from './text/units.js'

export type { EngineProvider, OpenOptions } from './volume/open-volume.js'
export type { Target } from './volume/target.js'

// An image's files, for plugins that read what lies in them.
export { decodeName } from './bytes/file-name.js'
export { visitDirectory } from './ext4/read/directory.js'
export { readFileMap } from './ext4/read/file-map.js'
export { Filesystem } from './ext4/read/filesystem.js'
export { openGated } from './ext4/engine/open-exclusive.js'
export { refuseState, type FilesystemName } from './ext4/ownership/preconditions.js'
export { findFilesystem } from './ext4/engine/open-image.js'
export { walkPath } from './ext4/read/path-walk.js'
export type { Store } from './storage/store.js'
export { claim } from './volume/open-volume.js'
export { quoted } from './volume/target.js'
export { deviceNumber } from './host/block-devices.js'
export { parseMountinfo } from './host/mountinfo.js'

// System calls, for plugins that work on mounted filesystems of their own kind.
export { alignedBuffer } from './kernel/aligned-buffer.js'
export { collapseRange } from './kernel/collapse-range.js'
export { errnoName, errnoNumber, failedWith } from './kernel/errno.js'
export { fallocate, tryFallocate } from './kernel/fallocate.js'
export { setExtendedAttribute } from './kernel/fsetxattr.js'
export { extendedFlag, fileAttributes, setFileAttributes, type FileAttributes } from './kernel/fsxattr.js'
export { directoryEntries } from './kernel/getdents.js'
export { lockHolder } from './kernel/getlk.js'
export { filesystemSpace } from './kernel/statfs.js'
export { syncFilesystem } from './kernel/syncfs.js'
export { openTemporaryFile } from './kernel/temporary-file.js'
export { xfsBulkstat, xfsInode, type XfsInode } from './kernel/xfs-bulkstat.js'
export { xfsDirectIo } from './kernel/xfs-dio-info.js'
export { startCommit, tryCommitRange, type Freshness } from './kernel/xfs-exchange-range.js'
export { xfsGeometry, type XfsGeometry } from './kernel/xfs-geometry.js'
export { xfsExtents, type XfsExtent } from './kernel/xfs-getbmapx.js'
export { xfsSpaceMap, type XfsSpace } from './kernel/xfs-getfsmap.js'
export { openXfsInode } from './kernel/xfs-open-by-handle.js'
export { trySwapExtents } from './kernel/xfs-swapext.js'

// Merging boots, for engines that count elsewhere (plugins/fleet).
export { medianOf, medianOfValues, type Histogram } from './trace/merge/histogram.js'
export { mergedHeader, mergeTraces, supportFor } from './trace/merge/merge.js'
export { profileReads, profileRuns, type KeptSegment, type ProfileRun } from './trace/merge/profile.js'
export { Segmentation } from './trace/merge/segmentation.js'
export { expandPatterns } from './cli/args/patterns.js'
export type { TraceArchive, WrittenArchive } from './cli/session/trace-archives.js'
