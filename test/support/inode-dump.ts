/** What debugfs says of every inode in use. */
import { createHash } from 'node:crypto'
import { debugfsAll } from './images.js'
import { run } from './tools.js'

export interface InodeDump {
  readonly inode: number
  /** Physical block of every mapped file block, in order of the file. */
  readonly blocks: ReadonlyMap<number, number>
  readonly unwritten: ReadonlySet<number>
  /** Of an extent tree or a block map, in depth-first order. */
  readonly treeBlocks: readonly number[]
  /** Mapped by indirect blocks. */
  readonly indirect: boolean
  /** 0 for none. */
  readonly xattr: number
  /** In units of 512 bytes. */
  readonly sectors: number
  /** Extents as stored. */
  readonly extents: number
  /** Everything else debugfs prints, which no move may change: mode, size, owner, links, times, attributes. */
  readonly rest: string
}

export function dumpInodes(image: string): Map<number, InodeDump> {
  const count = Number(/^Inode count: +(\d+)/m.exec(run('dumpe2fs', ['-h', image]).stdout)![1])
  const numbers = Array.from({ length: count }, (_, i) => i + 1)
  const dumps = new Map<number, InodeDump>()
  for (const text of debugfsAll(
    image,
    numbers.map((inode) => `stat <${inode}>`),
  ).split(/^debugfs: stat .*$/m)) {
    const inode = Number(/^Inode: (\d+)/m.exec(text)?.[1] ?? 0)
    if (inode === 0 || (/^Links: 0 /m.test(text) && inode > 10)) continue
    dumps.set(inode, parse(inode, text))
  }
  return dumps
}

/** Every name of the inodes, by debugfs, with its number. */
export function namesIn(image: string, inodes: readonly number[]): Map<string, number> {
  const names = new Map<string, number>()
  const requests: string[] = []
  // debugfs cuts longer lines without a word.
  for (let at = 0; at < inodes.length; at += 300) requests.push(`ncheck ${inodes.slice(at, at + 300).join(' ')}`)
  for (const [, inode, path] of debugfsAll(image, requests).matchAll(/^(\d+)\t(.*)$/gm)) names.set(path!, Number(inode))
  return names
}

/**
 * Of every name, by debugfs: contents, and whatever else is not a place. Gathered block by
 * block over debugfs' mapping, so that holes of a terabyte cost nothing. Of directories
 * the names say what they hold.
 */
export function mappedContents(
  path: string,
  image: Uint8Array,
  dumps: ReadonlyMap<number, InodeDump>,
  blockSize: number,
): Map<string, string> {
  const hashes = new Map<string, string>()
  for (const [name, number] of namesIn(
    path,
    [...dumps.keys()].filter((inode) => inode > 10),
  )) {
    const { blocks, unwritten, rest } = dumps.get(number)!
    const hash = createHash('sha256').update(rest.replace(/^Inode: \d+/m, ''))
    for (const [logical, physical] of / Type: directory /.test(rest) ? [] : blocks) {
      if (!unwritten.has(logical))
        hash.update(`${logical}:`).update(image.subarray(physical * blockSize, (physical + 1) * blockSize))
    }
    hashes.set(name, hash.digest('hex'))
  }
  return hashes
}

function parse(inode: number, text: string): InodeDump {
  const [head = '', body = ''] = text.split(/^(?:EXTENTS|BLOCKS):$/m)
  const blocks = new Map<number, number>()
  const unwritten = new Set<number>()
  let extents = 0
  for (const [, first, last, flag, physical] of body.matchAll(/\((\d+)(?:-(\d+))?(\[u\])?\):(\d+)/g)) {
    extents++
    for (let logical = Number(first); logical <= Number(last ?? first); logical++) {
      blocks.set(logical, Number(physical) + logical - Number(first))
      if (flag) unwritten.add(logical)
    }
  }
  return {
    inode,
    blocks,
    unwritten,
    treeBlocks: [...body.matchAll(/\((?:ETB\d+|IND|DIND|TIND)\):(\d+)/g)].map(([, block]) => Number(block)),
    indirect: /^BLOCKS:$/m.test(text),
    xattr: Number(/^File ACL: (\d+)/m.exec(head)?.[1] ?? 0),
    sectors: Number(/Blockcount: (\d+)/.exec(head)?.[1] ?? 0),
    extents,
    rest: head
      .replace(/^File ACL: .*$/m, '')
      .replace(/Blockcount: \d+/, '')
      .replace(/^Inode checksum: .*$/m, ''),
  }
}
