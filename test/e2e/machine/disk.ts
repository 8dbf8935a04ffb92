/**
 * The disk of a machine: a partition table, and an ext4 root that has been in use for a
 * while. Needs root, loop devices, sfdisk and e2fsprogs.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { run, scratchFolder } from '../../support/tools.js'

/** Bytes before the first partition. */
export const rootStart = 1 << 20

export interface DiskRecipe {
  /** Folder with the files of the root. */
  readonly root: string
  /** MiB. */
  readonly size: number
  readonly seed: number
}

/** A disk with the root in its only partition. */
export function makeDisk(path: string, { root, size, seed }: DiskRecipe): void {
  rmSync(path, { force: true })
  writeFileSync(path, '')
  truncateSync(path, (size + 2) << 20)
  run('sfdisk', ['--quiet', path], { input: `label: gpt\nstart=${rootStart / 512}, size=${size * 2048}, type=linux\n` })
  run('mke2fs', [
    '-q',
    '-F',
    '-t',
    'ext4',
    '-E',
    `offset=${rootStart},lazy_itable_init=0,lazy_journal_init=0`,
    path,
    `${size}M`,
  ])
  withRootMounted(path, (mounted) => {
    mkdirSync(join(mounted, 'var'))
    makeCrumbs(mounted, size, seed)
    copyShuffled(root, mounted, seed)
  })
}

/** Mounts the root partition for as long as `use` runs. */
export function withRootMounted<Result>(disk: string, use: (mounted: string) => Result): Result {
  const folder = scratchFolder()
  run('mount', ['-o', `loop,offset=${rootStart}`, disk, folder.path])
  try {
    return use(folder.path)
  } finally {
    run('umount', [folder.path])
    folder.remove()
  }
}

/** Small files all over the disk, of which more than half are deleted again: free space in pieces. */
function makeCrumbs(mounted: string, size: number, seed: number): void {
  const random = mulberry(seed)
  mkdirSync(join(mounted, 'var/crumbs'))
  const wanted = size * 256 * 0.9
  let folder = ''
  for (let made = 0, n = 0; made < wanted; n++) {
    if (n % 500 === 0) {
      folder = join(mounted, 'var/crumbs', String(n))
      mkdirSync(folder)
    }
    const blocks = 1 + Math.floor(random() * random() * 40)
    const file = openSync(join(folder, String(n)), 'w')
    writeSync(file, Buffer.alloc(blocks * 4096, n % 251))
    closeSync(file)
    made += blocks
  }
  spawnSync('sync', ['-f', mounted])
  for (const each of readdirSync(join(mounted, 'var/crumbs')))
    for (const name of readdirSync(join(mounted, 'var/crumbs', each)))
      if (random() < 0.72) rmSync(join(mounted, 'var/crumbs', each, name))
  spawnSync('sync', ['-f', mounted])
}

/** In an order that has nothing to do with folders or boots, as years of upgrades write. */
function copyShuffled(from: string, to: string, seed: number): void {
  const script = `cd "$1" && find . -mindepth 1 -print0 | shuf -z --random-source=<(yes ${seed}) |
    tar -c --null --no-recursion --numeric-owner --xattrs -T - | tar -x --numeric-owner --xattrs --delay-directory-restore -C "$2"`
  run('bash', ['-e', '-o', 'pipefail', '-c', script, 'bash', from, to])
}

/** Numbers from 0 to 1, the same for the same seed. */
function mulberry(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
