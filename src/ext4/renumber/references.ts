/**
 * Who names an inode: one pass over all directories, keeping only the places that hold
 * one of the numbers asked for. An entry is kept by its block, not its byte; the block is
 * read again when it is changed.
 *
 * What is counted tells whether renumbering is safe. Of a sound inode every link is a
 * name that was found; a directory has one name, "." that names itself, ".." that names
 * its parent, and as many ".." of others as its link count says. Where that does not hold
 * some entry would be left pointing at the old number. Only directories marked in use are
 * looked at; so that no name hides in another one, every entry must lead to an inode that
 * is marked in use, from the root down.
 */
import { corrupt, refused } from '../../errors.js'
import { hasBit } from '../../bytes/bitset.js'
import { getU32 } from '../../bytes/little-endian.js'
import type { FsBlock } from '../../layout/block.js'
import { visitEntries, isDots } from '../format/directory-block.js'
import { directoryFormat, directoryParts, ReadBudget } from '../read/directory.js'
import type { Filesystem } from '../read/filesystem.js'
import { hasInlineData } from '../format/inline-data.js'
import { scanInodes } from '../read/inode-scan.js'
import type { Inode } from '../format/inode.js'
import { firstDirectoryBlocks } from '../read/name-search.js'
import { inodeXattrs, xattrIndex } from '../format/xattr-entries.js'

/** A directory block, and whose it is. */
export interface DirectoryPlace {
  readonly directory: number
  /** Of the directory, for the checksum. */
  readonly generation: number
  readonly encrypted: boolean
}

export interface InodeReferences {
  /** Entries that name it, "." and ".." not counted. */
  names: number
  /** The directory that holds the last of them. */
  parent: number
  /** Its own ".." entry, of a directory; 0 when none was seen. */
  above: number
  /** "." entries in itself. */
  self: number
  /** ".." entries of other directories. */
  children: number
  /** Something that no sound filesystem has. */
  oddity: string | undefined
  /** Directory blocks that hold its number. */
  readonly blocks: Set<FsBlock>
  /** Inline directories that hold its number. */
  readonly inline: Set<number>
}

export interface References {
  readonly of: ReadonlyMap<number, InodeReferences>
  /** Owners of the blocks among the references. */
  readonly owners: ReadonlyMap<FsBlock, DirectoryPlace>
}

/** Places kept for all inodes together; more are the work of somebody who wants memory to run out. */
const mostPlaces = 4_000_000

/**
 * @param wanted inode numbers
 * @throws corrupt when a directory or an inode is damaged, wherever it is; refused when
 *         there are more entries than can be held
 */
export async function findReferences(filesystem: Filesystem, wanted: ReadonlySet<number>): Promise<References> {
  const of = new Map<number, InodeReferences>()
  for (const number of wanted) {
    of.set(number, {
      names: 0,
      parent: 0,
      above: 0,
      self: 0,
      children: 0,
      oddity: undefined,
      blocks: new Set(),
      inline: new Set(),
    })
  }
  const owners = new Map<FsBlock, DirectoryPlace>()
  const inUse = await inodesMarked(filesystem)
  const budget = new ReadBudget(filesystem.superblock.blockCount)
  let places = 0
  for await (const directories of directoriesInUse(filesystem)) {
    for (const directory of directories) await scanDirectory(directory)
  }
  return { of, owners }

  async function scanDirectory(directory: Inode): Promise<void> {
    const { number: holder, generation } = directory
    const format = directoryFormat(filesystem, directory)
    const note = (inode: number, block: FsBlock | undefined): InodeReferences | undefined => {
      const found = of.get(inode)
      if (!found) return undefined
      const before = found.blocks.size + found.inline.size
      if (block === undefined) found.inline.add(holder)
      else {
        found.blocks.add(block)
        const owner = owners.get(block)
        if (owner === undefined) owners.set(block, { directory: holder, generation, encrypted: format.encrypted })
        else if (owner.directory !== holder)
          throw corrupt('directory inode', holder, `its block ${block} belongs to directory ${owner.directory} as well`)
      }
      places += found.blocks.size + found.inline.size - before
      if (places > mostPlaces)
        throw refused(
          'too-many-names',
          'The inodes to be renumbered have more names than can be held.',
          'Leave out --inodes.',
        )
      return found
    }
    const noteAbove = (parent: number, block: FsBlock | undefined): void => {
      const own = of.get(holder)
      if (own) {
        if (own.above !== 0) own.oddity ??= 'it has two entries ".."'
        own.above = parent
      }
      const found = note(parent, block)
      if (found && parent !== holder) found.children++
    }
    if (hasInlineData(directory)) {
      noteAbove(getU32(directory.blockArea, 0), undefined)
      const own = of.get(holder)
      if (own) own.self++
    }
    const sealedValue =
      hasInlineData(directory) &&
      inodeXattrs(directory).some(
        ({ index, name, hash }) => index === xattrIndex.system && name === 'data' && hash !== 0,
      )
    for await (const { bytes, block } of directoryParts(filesystem, directory, budget)) {
      visitEntries(
        bytes,
        format,
        (inode, _type, start, end) => {
          if (!isDots(bytes, start, end - start)) {
            if (!inUse(inode))
              throw corrupt('inode', inode, `it is marked free, but directory inode ${holder} has a name for it`)
            const found = note(inode, block)
            if (!found) return
            found.names++
            found.parent = holder
            if (sealedValue)
              found.oddity ??= `its name is in directory inode ${holder}, whose contents are sealed by a hash`
          } else if (end - start === 2) {
            noteAbove(inode, block)
          } else {
            const found = note(inode, block)
            if (!found) return
            if (inode === holder) found.self++
            else found.oddity ??= `the entry "." of directory inode ${holder} names it`
          }
        },
        true,
      )
    }
  }
}

/** All inode bitmaps, a KiB for each 8,192 inodes. */
async function inodesMarked(filesystem: Filesystem): Promise<(inode: number) => boolean> {
  const { inodesPerGroup, groupCount } = filesystem.superblock
  const marks: Uint8Array[] = []
  for (let group = 0; group < groupCount; group++) {
    const { inodesUninitialised } = filesystem.groups.get(group)
    marks.push(
      inodesUninitialised ? new Uint8Array(0) : (await filesystem.inodeBitmap(group)).slice(0, inodesPerGroup / 8),
    )
  }
  return (inode) => {
    const bit = (inode - 1) % inodesPerGroup
    const bits = marks[Math.floor((inode - 1) / inodesPerGroup)]
    return bits !== undefined && bits.length > 0 && hasBit(bits, bit)
  }
}

async function* directoriesInUse(filesystem: Filesystem): AsyncGenerator<Inode[]> {
  for await (const inodes of scanInodes(filesystem)) {
    const directories = inodes.filter(({ type, links }) => type === 'directory' && links > 0)
    for (let from = 0; from < directories.length; from += 256) {
      const some = directories.slice(from, from + 256)
      await filesystem.blocks.prefetch(some.flatMap((inode) => firstDirectoryBlocks(filesystem, inode)))
      yield some
    }
  }
}

/** Why the names that were found are not all there are; undefined when they are. */
export function unsoundNames(inode: Inode, found: InodeReferences): string | undefined {
  const { names, self, above, parent, children, oddity } = found
  if (oddity !== undefined) return oddity
  if (inode.type !== 'directory') {
    if (self + children > 0) return 'an entry ".." names it, and it is no directory'
    return names === inode.links ? undefined : `it counts ${inode.links} links, and ${names} names were found`
  }
  if (names !== 1) return `it is a directory with ${names} names`
  if (self !== 1) return `it has ${self} entries "."`
  if (above !== parent) return `its ".." names inode ${above}, and its name is in ${parent}`
  // With more than 65,000 of them the count is 1 and says nothing.
  return inode.links === 1 || inode.links === children + 2
    ? undefined
    : `it counts ${inode.links} links, and ${children} directories name it as their parent`
}
