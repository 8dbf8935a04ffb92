/**
 * What an engine is made of: the contract of a volume, blocks and runs and their algebra,
 * and errors. docs/plugins.md builds one.
 *
 * @packageDocumentation
 */
export { BootpackError, corrupt, errorFrom, ioError, noSpace, refused, unsupported, usageError } from '../errors.js'

export { fileBlock, fsBlock, type FileBlock, type FsBlock } from '../layout/block.js'
export { extent, mergeExtents, relocateExtents, type Extent, type Relocation } from '../layout/extent.js'
export { blockRun, intersectRuns, runEnd, runsOverlap, type BlockRun } from '../layout/run.js'
export { RunSet } from '../layout/run-set.js'
export { blocksOf, type DiskLayout, type FileLayout } from '../layout/file-layout.js'
export {
  numberReasons,
  stayReasons,
  type ImmovableReason,
  type NumberReason,
  type ReasonText,
  type SkipReason,
  type StayReason,
} from '../layout/reason.js'
export { isOwnedKind, type FixedKind, type OwnedKind, type OwnedRun } from '../layout/owner.js'

export type {
  FileMetadata,
  FileRef,
  FileType,
  FixedRun,
  Geometry,
  Lookup,
  Move,
  MoveOutcome,
  RelocateOptions,
  SkippedMove,
  Stayed,
  Volume,
} from '../volume/volume.js'
export type {
  Capabilities,
  ContentPiece,
  ContentReader,
  FileContents,
  InodeNumbers,
  InodePlace,
  InodeTable,
  InodeTables,
  InodeTableShape,
  RenumberOptions,
  RenumberOutcome,
  Renumbering,
  SkippedRenumbering,
} from '../volume/capabilities.js'
export type { BlockSpace, PlaceRequest, SpaceFile, SpliceOptions, TreeSpace } from '../volume/block-space.js'
export type { TreeShape } from '../layout/tree-size.js'
export { claim, type EngineProvider, type OpenOptions } from '../volume/open-volume.js'
export type { Target } from '../volume/target.js'

export { mountedBootLoaderFiles } from '../host/boot-tree.js'
export { deviceNumber } from '../host/block-devices.js'
export { parseMountinfo } from '../host/mountinfo.js'
export type { Mount } from '../host/mountinfo.js'
export type { Claim } from '../volume/open-volume.js'
export type { FileRange } from '../layout/file-layout.js'
