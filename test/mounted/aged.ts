/** A mounted filesystem in the state real ones are in: files in pieces, free space in crumbs. */
import { createHash } from 'node:crypto'
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { syncFilesystem } from '../../src/kernel/syncfs.js'

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

export interface Ageing {
  readonly blockSize: number
  /** Blocks of small files that are made and then mostly deleted. */
  readonly crumbs: number
  /** Files to keep, written into what the crumbs left. */
  readonly files: number
  readonly seed: number
}

/** @returns the kept files, by path from the mount point */
export function age(root: string, { blockSize, crumbs, files, seed }: Ageing): string[] {
  const random = randomFrom(seed)
  const crumbFolder = join(root, 'crumbs')
  mkdirSync(crumbFolder)
  for (let made = 0; made < crumbs;) {
    const blocks = 1 + Math.floor(random() * random() * 12)
    const fd = openSync(join(crumbFolder, `c${made}`), 'w')
    writeSync(fd, Buffer.alloc(blocks * blockSize, made % 251))
    closeSync(fd)
    made += blocks
  }
  sync(crumbFolder)
  for (const name of readdirSync(crumbFolder)) if (random() < 0.6) rmSync(join(crumbFolder, name))
  sync(crumbFolder)
  const paths: string[] = []
  for (let n = 0; n < files; n++) {
    if (n % 40 === 0) mkdirSync(join(root, `folder${n / 40}`))
    const path = `/folder${Math.floor(n / 40)}/file${n}`
    const fd = openSync(join(root, path), 'w')
    const blocks = 1 + Math.floor(random() * random() * 60)
    // Written in the order of a linker: pieces, flushed now and then, some left out.
    for (let at = 0; at < blocks; at += 3) {
      if (random() < 0.1) continue
      const length = Math.min(3, blocks - at)
      writeSync(fd, Buffer.alloc(length * blockSize, `${path} ${at} `), 0, length * blockSize, at * blockSize)
      if (random() < 0.2) fdatasyncSync(fd)
    }
    closeSync(fd)
    paths.push(path)
  }
  sync(root)
  return paths
}

function sync(folder: string): void {
  const fd = openSync(folder, 'r')
  syncFilesystem(fd)
  closeSync(fd)
}

export interface Footprint {
  readonly hash: string
  readonly stamps: string
  /** Units of 512 bytes, tree blocks included. */
  readonly blocks: number
}

/** What must not change, by path: contents, and everything stat says but the last access. */
export function footprints(root: string, folder = ''): Map<string, Footprint> {
  const found = new Map<string, Footprint>()
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) for (const [inner, footprint] of footprints(root, path)) found.set(inner, footprint)
    if (!entry.isFile()) continue
    const { size, mode, uid, gid, nlink, mtimeNs, ctimeNs, birthtimeNs, blocks } = statSync(join(root, path), {
      bigint: true,
    })
    found.set(path, {
      hash: createHash('sha256')
        .update(readFileSync(join(root, path)))
        .digest('hex'),
      stamps: [size, mode, uid, gid, nlink, mtimeNs, ctimeNs, birthtimeNs].join(' '),
      blocks: Number(blocks),
    })
  }
  return found
}

/**
 * The first few files that differ, in words; empty when none does.
 * @param treesMayGrow under load the kernel now and then leaves a file a tree block it needed for a moment
 */
export function differences(
  before: ReadonlyMap<string, Footprint>,
  after: ReadonlyMap<string, Footprint>,
  treesMayGrow = false,
): string[] {
  const found: string[] = []
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(path), after.get(path)]
    // Fewer blocks are fewer blocks of the extent tree.
    if (was && is && was.hash === is.hash && was.stamps === is.stamps && (treesMayGrow || is.blocks <= was.blocks))
      continue
    const words = (footprint: Footprint): string =>
      `${footprint.hash.slice(0, 8)} ${footprint.stamps}, ${footprint.blocks} sectors`
    found.push(`${path}: ${was ? words(was) : 'not there'} became ${is ? words(is) : 'gone'}`)
  }
  return found.slice(0, 5)
}
