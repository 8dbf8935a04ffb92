/** ext4 images for tests, made and checked by e2fsprogs. */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { run, scratchFolder } from './tools.js'

export interface ImageRecipe {
  /** Bytes; sparse. */
  readonly size: number
  readonly blockSize?: number
  /** As for mke2fs -O: 'metadata_csum,^64bit'. */
  readonly features?: string
  /** As for mke2fs -E; lazy initialisation is always off and the hash seed fixed. */
  readonly extended?: string
  /** More mke2fs arguments, such as ['-N', '1000']. */
  readonly more?: readonly string[]
  /** A folder to copy in (mke2fs -d). */
  readonly tree?: string
  /** debugfs -w commands run afterwards, one per line. */
  readonly debugfs?: readonly string[]
}

export const testUuid = '0b00c0de-1111-4000-8000-000000000001'

/** Makes the image at `path`; the same recipe gives the same layout. */
export function makeImage(path: string, recipe: ImageRecipe): void {
  writeFileSync(path, '')
  truncateSync(path, recipe.size)
  const extended = [
    'lazy_itable_init=0',
    'lazy_journal_init=0',
    `hash_seed=${testUuid}`,
    ...(recipe.extended ? [recipe.extended] : []),
  ]
  run('mke2fs', [
    '-q',
    '-F',
    '-t',
    'ext4',
    '-U',
    testUuid,
    ...(recipe.blockSize ? ['-b', String(recipe.blockSize)] : []),
    ...(recipe.features ? ['-O', recipe.features] : []),
    '-E',
    extended.join(','),
    ...(recipe.tree ? ['-d', recipe.tree] : []),
    ...(recipe.more ?? []),
    path,
  ])
  if (recipe.debugfs) debugfsWrite(path, recipe.debugfs)
}

/** Output of one read-only debugfs request. */
export const debugfs = (image: string, request: string): string => run('debugfs', ['-R', request, image]).stdout

/** Output of many read-only debugfs requests, made by one process. */
export const debugfsAll = (image: string, requests: readonly string[]): string =>
  run('debugfs', ['-f', '-', image], { input: requests.join('\n') + '\n' }).stdout

export function debugfsWrite(image: string, commands: readonly string[]): void {
  run('debugfs', ['-w', '-f', '-', image], { input: commands.join('\n') + '\n' })
}

/** Throws with e2fsck's own words unless a forced read-only check finds nothing. */
export function checkImage(image: string): void {
  run('e2fsck', ['-fn', image])
}

/** Bytes of one file. Larger ones are for mappedContents. */
const longestDump = 1 << 30

/**
 * SHA-256 of every regular file of the image by its path, read by debugfs (rdump
 * into a scratch folder), so that nothing of ours takes part.
 */
export function hashFiles(image: string): Map<string, string> {
  const folder = scratchFolder()
  try {
    // debugfs writes holes out as zeros: one sparse file could fill the disk.
    run('prlimit', [`--fsize=${longestDump}`, 'debugfs', '-R', `rdump / "${folder.path}"`, image])
    const hashes = new Map<string, string>()
    // Names are bytes and need not be UTF-8.
    const walk = (relative: Buffer): void => {
      const at = (path: Buffer): Buffer => Buffer.concat([Buffer.from(folder.path), path])
      for (const entry of readdirSync(at(relative), { withFileTypes: true, encoding: 'buffer' })) {
        const path = Buffer.concat([relative, Buffer.from('/'), entry.name])
        if (entry.isDirectory()) walk(path)
        else if (entry.isFile())
          hashes.set(
            path.toString(),
            createHash('sha256')
              .update(readFileSync(at(path)))
              .digest('hex'),
          )
        else if (entry.isSymbolicLink()) hashes.set(path.toString(), `link to ${readlinkSync(at(path))}`)
      }
    }
    walk(Buffer.alloc(0))
    return hashes
  } finally {
    folder.remove()
  }
}
