// Makes real files of a recipe (sample-trees/*/tree.tsv): a line each, fields apart
// by tabs: kind, mode, path, and the size of a file (f), the target of a symlink (l)
// or the first name of a hard link (h); folders (d) need no more.
//
// Contents are stamps: every 4 KiB block says over and over which file and which
// block of it this is, so that a block in a wrong place can be told from a right one.
import { createHash } from 'node:crypto'
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const blockSize = 4096

/** The bytes of a file, which follow from its path and size alone. */
export function stampedContents(path, size) {
  const contents = Buffer.alloc(size)
  for (let block = 0; block * blockSize < size; block++) {
    contents.fill(`${path} block ${block}\n`, block * blockSize, Math.min(size, (block + 1) * blockSize))
  }
  return contents
}

/** A file as stamped, and what its contents hash to. */
export function makeFile(folder, path, size, mode = 0o644) {
  const contents = stampedContents(path, size)
  writeFileSync(join(folder, path), contents, { mode })
  return createHash('sha256').update(contents).digest('hex')
}

/**
 * @returns what each path of the tree must still be: 'sha256' of a file's contents, 'link to TARGET'
 */
export function expandTree(recipe, folder) {
  const made = new Map()
  const modes = []
  for (const [number, line] of readFileSync(recipe, 'utf8').split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue
    const [kind, mode, path, argument] = line.split('\t')
    if (!path?.startsWith('/') || path.split('/').includes('..'))
      throw new Error(`${recipe}, line ${number + 1}: no path below the root`)
    const place = join(folder, path)
    if (kind === 'd') {
      mkdirSync(place)
      modes.push([place, Number.parseInt(mode, 8)])
    } else if (kind === 'f') {
      made.set(path, makeFile(folder, path, Number(argument), Number.parseInt(mode, 8)))
    } else if (kind === 'l') {
      symlinkSync(argument, place)
      made.set(path, `link to ${argument}`)
    } else if (kind === 'h') {
      linkSync(join(folder, argument), place)
      made.set(path, made.get(argument))
    } else {
      throw new Error(`${recipe}, line ${number + 1}: ${kind} is no kind of entry`)
    }
  }
  // Last, so that a folder's mode does not keep its files from being made.
  for (const [place, mode] of modes.reverse()) chmodSync(place, mode)
  return made
}
