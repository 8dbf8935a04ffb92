/**
 * Hashes of everything a plan moves, before and after. Contents are read through the
 * volume, a piece at a time, so that memory stays flat whatever the files' sizes.
 *
 * A hash is SHA-256 over the file's bytes, what sha256sum prints. Only of a file that
 * is mostly holes (more than a GiB of them) it is taken over the blocks that are not
 * all zeros, each behind its offset: hashing a terabyte of nothing would take hours.
 */
import { createHash, type Hash } from 'node:crypto'
import { BootpackError, unsupported } from '../errors.js'
import type { Plan } from '../plan/plan.js'
import type { ContentPiece, FileContents } from '../volume/capabilities.js'
import type { FileRef, Volume } from '../volume/volume.js'
import { inodeProgressOf } from './inode-progress.js'

export interface ContentHash {
  readonly inode: number
  readonly path?: string
  /** As in FileContents. */
  readonly stamp: string
  /** Hexadecimal. */
  readonly sha256: string
  /**
   * 'file': over the bytes of the file; 'blocks': over offsets and blocks that are not
   * zeros; 'names': over a directory's names and types, where inode numbers change.
   */
  readonly over: 'file' | 'blocks' | 'names'
}

export type ContentChange =
  /** Other contents although nobody wrote to the file. */
  | 'changed'
  /** Written to since: nothing can be said. */
  | 'written'
  /** Deleted. */
  | 'gone'
  /** There, but nothing this engine reads: of a mounted filesystem the kernel gives regular files. */
  | 'unread'

export interface ChangedContent {
  readonly inode: number
  readonly path?: string
  readonly change: ContentChange
}

export interface ContentCheck {
  readonly files: number
  /** Files whose contents are the recorded ones. */
  readonly same: number
  readonly different: readonly ChangedContent[]
}

/** Kinds whose blocks are contents; tree and attribute blocks change their checksums when they move. */
const contentKinds: ReadonlySet<string> = new Set(['data', 'directory', 'symlink'])

/** Bytes of holes up to which they are hashed as the zeros they read as. */
const mostHoles = 1024 ** 3

/**
 * Hashes every file whose contents the plan moves, those moved out of the way too.
 * @returns sorted by inode
 * @throws unsupported when the engine cannot read contents; what reading throws
 */
export async function recordContents(plan: Plan, volume: Volume): Promise<ContentHash[]> {
  const paths = new Map<number, string | undefined>()
  for (const { inode, path, kind } of plan.rounds.flat()) if (contentKinds.has(kind)) paths.set(inode, path)
  for (const { inode, path } of plan.inodes?.renumberings ?? []) paths.set(inode, path)
  const { now } = await inodeProgressOf(plan, volume)
  const hashes: ContentHash[] = []
  for (const [inode, path] of [...paths].sort(([a], [b]) => a - b)) {
    const hash = await hashInode(now.get(inode) ?? inode, volume, plan.inodes !== undefined)
    if (hash) hashes.push({ inode, ...(path !== undefined && { path }), ...hash })
  }
  return hashes
}

/**
 * Hashes the same files again.
 * @param plan the one they were recorded for, if it may have renumbered inodes since
 */
export async function compareContents(
  recorded: readonly ContentHash[],
  volume: Volume,
  plan?: Plan,
): Promise<ContentCheck> {
  const now = plan ? (await inodeProgressOf(plan, volume)).now : new Map<number, number>()
  const different: ChangedContent[] = []
  for (const { inode, path, stamp, sha256, over } of recorded) {
    const found = await hashInode(now.get(inode) ?? inode, volume, over === 'names')
    if (found?.sha256 === sha256 && found.over === over) continue
    const change =
      found === undefined
        ? (await volume.byInode(now.get(inode) ?? inode))
          ? 'unread'
          : 'gone'
        : found.stamp === stamp
          ? 'changed'
          : 'written'
    different.push({ inode, ...(path !== undefined && { path }), change })
  }
  return { files: recorded.length, same: recorded.length - different.length, different }
}

/** @param names hash the names of a directory instead of its blocks */
async function hashInode(
  inode: number,
  volume: Volume,
  names: boolean,
): Promise<Omit<ContentHash, 'inode' | 'path'> | undefined> {
  const read = volume.capabilities.contents
  if (!read)
    throw unsupported(
      'no-contents',
      `The engine ${volume.engine} cannot read what files hold.`,
      'Leave out the check of contents.',
    )
  const file = await volume.byInode(inode)
  const contents = file && (await read(file))
  if (!contents) return undefined
  try {
    if (names && contents.names)
      return { stamp: contents.stamp, sha256: await hashNames(contents.names()), over: 'names' }
    return { stamp: contents.stamp, ...(await hashContents(contents, file, volume)) }
  } catch (error) {
    // On a filesystem in use one file that vanishes, or cannot be read, says nothing about the others.
    if (volume.atRest || !(error instanceof BootpackError) || error.family !== 'io') throw error
    return undefined
  }
}

async function hashNames(pieces: AsyncIterable<ContentPiece>): Promise<string> {
  const hash = createHash('sha256')
  for await (const { bytes } of pieces) hash.update(bytes)
  return hash.digest('hex')
}

async function hashContents(
  contents: FileContents,
  file: FileRef,
  volume: Volume,
): Promise<Pick<ContentHash, 'sha256' | 'over'>> {
  const { blockSize } = volume.geometry()
  const mapped =
    (await volume.extents(file)).reduce((sum, { length, unwritten }) => sum + (unwritten ? 0 : length), 0) * blockSize
  const whole = file.size - mapped <= mostHoles
  const hash = createHash('sha256')
  let at = 0
  for await (const { offset, bytes } of contents.pieces()) {
    if (whole) {
      addZeros(hash, offset - at)
      hash.update(bytes)
    } else {
      addBlocks(hash, offset, bytes, blockSize)
    }
    at = offset + bytes.length
  }
  if (whole) addZeros(hash, file.size - at)
  return { sha256: hash.digest('hex'), over: whole ? 'file' : 'blocks' }
}

const zeros = Buffer.alloc(1024 * 1024)

function addZeros(hash: Hash, length: number): void {
  for (let left = length; left > 0; left -= zeros.length) hash.update(zeros.subarray(0, Math.min(left, zeros.length)))
}

function addBlocks(hash: Hash, offset: number, bytes: Uint8Array, blockSize: number): void {
  for (let at = 0; at < bytes.length; at += blockSize) {
    const block = bytes.subarray(at, at + blockSize)
    if (zeros.compare(block, 0, block.length, 0, block.length) !== 0) hash.update(`${offset + at} `).update(block)
  }
}
