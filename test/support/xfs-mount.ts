/** An XFS filesystem made for one test and mounted through a loop device; gone at the end of the process at the latest. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, constants, mkdirSync, openSync, readFileSync, readdirSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Context } from 'mocha'
import { fallocate } from '../../src/kernel/fallocate.js'
import type { Random } from './random.js'
import { needLoopMounts, needTools, run, scratchFolder } from './tools.js'

export function needXfs(context: Context): void {
  needLoopMounts(context)
  needTools(context, 'mkfs.xfs', 'xfs_repair', 'xfs_io', 'xfs_bmap', 'xfs_db')
}

export interface XfsRecipe {
  /** Bytes; 300 MiB is the least mkfs.xfs takes. */
  readonly size?: number
  readonly rmapbt?: boolean
  /** The feature exchange, which this machine's mkfs may not know: the bit is set with xfs_db. */
  readonly exchange?: boolean
}

export interface XfsMount {
  readonly path: string
  readonly device: string
  /** Unmounts and throws with xfs_repair's own words unless it finds nothing. */
  check(): void
  remove(): void
}

const open = new Set<XfsMount>()
process.on('exit', () => {
  for (const mount of open) mount.remove()
})

const exchangeBit = 0x40

export function xfsMount({ size = 400 << 20, rmapbt = false, exchange = false }: XfsRecipe = {}): XfsMount {
  const folder = scratchFolder()
  const image = join(folder.path, 'image')
  const path = join(folder.path, 'mounted')
  mkdirSync(path)
  closeSync(openSync(image, 'w'))
  truncateSync(image, size)
  run('mkfs.xfs', ['-f', '-q', '-m', `rmapbt=${rmapbt ? 1 : 0},reflink=1`, image])
  if (exchange) setExchange(image, true)
  const device = run('losetup', ['--find', '--show', image]).stdout.trim()
  let mounted = false
  const mount: XfsMount = {
    path,
    device,
    check() {
      if (mounted) run('umount', [path])
      mounted = false
      waitUntilUnused(device)
      // Older tools refuse what they do not know; the feature has nothing on the disk but its bit.
      if (exchange) setExchange(image, false)
      run('xfs_repair', ['-n', image])
    },
    remove() {
      if (!open.delete(mount)) return
      if (mounted && spawnSync('umount', [path]).status !== 0) spawnSync('umount', ['--lazy', path])
      mounted = false
      spawnSync('losetup', ['--detach', device])
      folder.remove()
    },
  }
  open.add(mount)
  try {
    run('mount', ['-t', 'xfs', device, path])
    mounted = true
  } catch (error) {
    mount.remove()
    throw error
  }
  return mount
}

/** A mount namespace made meanwhile keeps the filesystem alive a little longer than our umount. */
function waitUntilUnused(device: string): void {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      closeSync(openSync(device, constants.O_RDONLY | constants.O_EXCL))
      return
    } catch {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
    }
  }
  throw new Error(`${device} is still in use ten seconds after umount`)
}

function setExchange(image: string, on: boolean): void {
  const shown = run('xfs_db', ['-x', '-c', 'sb 0', '-c', 'p features_incompat', image]).stdout
  const now = Number(/features_incompat = (0x[0-9a-f]+)/.exec(shown)![1])
  const then = on ? now | exchangeBit : now & ~exchangeBit
  run('xfs_db', ['-x', '-c', 'sb 0', '-c', `write -d features_incompat 0x${then.toString(16)}`, image])
}

/**
 * Files that grew in turns, each a few blocks at a time, so that none is in one piece.
 * @returns their names
 */
export function growInTurns(folder: string, count: number, random: Random, rounds = 10): string[] {
  mkdirSync(folder, { recursive: true })
  const files = Array.from({ length: count }, (_, i) => ({
    name: `file-${i}`,
    fd: openSync(join(folder, `file-${i}`), 'w'),
    size: 0,
  }))
  for (let round = 0; round < rounds; round++) {
    for (const file of random.shuffled(files)) {
      if (random.chance(0.3) && round > 1) continue
      const blocks = random.between(1, 5)
      fallocate(file.fd, 'allocate', file.size, blocks * 4096)
      const bytes = Buffer.alloc(blocks * 4096)
      for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(random.below(2 ** 32), i)
      writeSync(file.fd, bytes, 0, bytes.length, file.size)
      file.size += bytes.length
    }
  }
  for (const { fd } of files) closeSync(fd)
  run('sync', ['-f', folder])
  return files.map(({ name }) => name)
}

/** Contents of every file below, by path. */
export function contentsBelow(folder: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) found.set(path, createHash('sha256').update(readFileSync(path)).digest('hex'))
  }
  return found
}

export interface BmapLine {
  /** In units of 512 bytes. */
  readonly from: number
  readonly to: number
  /** undefined for a hole. */
  readonly start: number | undefined
  readonly unwritten: boolean
}

/** What `xfs_bmap -vp` prints. */
export function xfsBmap(path: string): BmapLine[] {
  const { stdout } = run('xfs_bmap', ['-vp', path])
  return [
    ...stdout.matchAll(/^\s*\d+: \[(\d+)\.\.(\d+)\]: +(?:(hole)|(\d+)\.\.\d+ +\d+ +\([^)]*\) +\d+(?: +(\d+))?)/gm),
  ].map(([, from, to, hole, start, flags]) => ({
    from: Number(from),
    to: Number(to),
    start: hole ? undefined : Number(start),
    unwritten: Math.floor(Number(flags ?? 0) / 10000) % 10 === 1,
  }))
}

/** Extents of a file, holes not counted. */
export const bmapCount = (path: string): number => xfsBmap(path).filter(({ start }) => start !== undefined).length
