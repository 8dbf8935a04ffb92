/**
 * The contents of every file, read past the code that is measured: from the image
 * at the places debugfs names, or through the kernel from a read-only mount.
 */
import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { SeenExtent, SeenImage, SeenInode } from './bench-debugfs.js'

/** Says of a block of a file what is wrong with it; undefined when nothing is. */
export type BlockCheck = (inode: number, block: number, bytes: Uint8Array, length: number) => string | undefined

export interface Contents {
  /** SHA-256 of blocks and their places in the file, by inode. */
  readonly hashes: ReadonlyMap<number, string>
  readonly files: number
  readonly blocks: number
}

const piece = 1 << 20

/** Regular files, directories and symlinks that have blocks; not the filesystem's own. */
export function contentsByDebugfs(image: string, seen: SeenImage): Contents {
  const descriptor = openSync(image, 'r')
  try {
    const hashes = new Map<number, string>()
    let blocks = 0
    const buffer = Buffer.alloc(piece)
    const inodes = [...seen.inodes.values()].filter(
      ({ inode, extents }) => extents.length > 0 && (inode === 2 || inode >= seen.firstInode),
    )
    for (const file of inodes) {
      const hash = createHash('sha256')
      for (const { logical, unwritten, pieces } of stretches(file)) {
        const length = pieces.reduce((sum, run) => sum + run.length, 0)
        blocks += length
        hash.update(`${logical}+${length}${unwritten ? 'u' : ''}\n`)
        for (const run of unwritten ? [] : pieces) {
          for (let done = 0; done < run.length * seen.blockSize;) {
            const count = readSync(
              descriptor,
              buffer,
              0,
              Math.min(piece, run.length * seen.blockSize - done),
              run.physical * seen.blockSize + done,
            )
            if (count === 0) throw new Error(`${image} ends before block ${run.physical + run.length}`)
            hash.update(buffer.subarray(0, count))
            done += count
          }
        }
      }
      hashes.set(file.inode, hash.digest('hex'))
    }
    return { hashes, files: inodes.length, blocks }
  } finally {
    closeSync(descriptor)
  }
}

interface Stretch {
  readonly logical: number
  readonly unwritten: boolean
  readonly pieces: SeenExtent[]
}

/** The extents joined wherever the file continues, so that the hash does not depend on the layout. */
function stretches({ extents }: SeenInode): Stretch[] {
  const joined: Stretch[] = []
  let end = -1
  for (const next of extents) {
    const last = joined.at(-1)
    if (last && next.logical === end && next.unwritten === last.unwritten) last.pieces.push(next)
    else joined.push({ logical: next.logical, unwritten: next.unwritten, pieces: [next] })
    end = next.logical + next.length
  }
  return joined
}

export interface MountedFiles {
  /** Type, mode, owner, size, times and, of symlinks, where they lead; by path. */
  readonly attributes: ReadonlyMap<string, string>
  readonly regular: number
  readonly blocks: number
  /** The first few words of `check`. */
  readonly wrong: readonly string[]
  readonly wrongBlocks: number
}

/** Every name below a mount point, and every block of every regular file through the kernel. */
export function contentsByKernel(folder: string, blockSize: number, check: BlockCheck): MountedFiles {
  const attributes = new Map<string, string>()
  const seen = new Set<number>()
  const buffer = Buffer.alloc(piece)
  const wrong: string[] = []
  let wrongBlocks = 0
  let blocks = 0
  const walk = (path: string): void => {
    for (const entry of readdirSync(join(folder, path))) {
      const inside = `${path}/${entry}`
      const stats = lstatSync(join(folder, inside), { bigint: true })
      const { mode, uid, gid, nlink, ino, rdev, size, mtimeNs, ctimeNs, atimeNs, birthtimeNs } = stats
      attributes.set(
        inside,
        [
          mode,
          uid,
          gid,
          nlink,
          ino,
          rdev,
          size,
          mtimeNs,
          ctimeNs,
          atimeNs,
          birthtimeNs,
          stats.isSymbolicLink() ? readlinkSync(join(folder, inside)) : '',
        ].join(' '),
      )
      if (stats.isDirectory()) walk(inside)
      else if (stats.isFile() && !seen.has(Number(ino))) {
        seen.add(Number(ino))
        readBlocks(inside, Number(ino))
      }
    }
  }
  const readBlocks = (path: string, inode: number): void => {
    const descriptor = openSync(join(folder, path), 'r')
    try {
      let block = 0
      for (let count = readSync(descriptor, buffer); count > 0; count = readSync(descriptor, buffer)) {
        for (let at = 0; at < count; at += blockSize, block++) {
          blocks++
          const problem = check(
            inode,
            block,
            buffer.subarray(at, Math.min(count, at + blockSize)),
            Math.min(blockSize, count - at),
          )
          if (problem === undefined) continue
          wrongBlocks++
          if (wrong.length < 5) wrong.push(`${path} block ${block}: ${problem}`)
        }
      }
    } finally {
      closeSync(descriptor)
    }
  }
  walk('')
  return { attributes, regular: seen.size, blocks, wrong, wrongBlocks }
}

/**
 * The lab's images carry stamps: every block of a regular file repeats
 * `root ino NNNNNNNN blk NNNNNNNN` (or `cold …`).
 */
export const checkStamp: BlockCheck = (inode, block, bytes, length) => {
  const tail = ` ino ${String(inode).padStart(8, '0')} blk ${String(block).padStart(8, '0')}\n`
  const word = Buffer.from(bytes.subarray(0, 4)).toString('latin1')
  if (!'root'.startsWith(word) && !'cold'.startsWith(word)) return `begins with ${JSON.stringify(word)}`
  const stamp = Buffer.alloc(length).fill((word.startsWith('r') ? 'root' : 'cold') + tail)
  return stamp.equals(bytes) ? undefined : 'differs from its stamp'
}
