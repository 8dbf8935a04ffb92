/** What debugfs says of every inode in use. */
import { debugfsAll } from './images.js'
import { run } from './tools.js'

export interface InodeDump {
  readonly inode: number
  /** Physical block of every mapped file block, in order of the file. */
  readonly blocks: ReadonlyMap<number, number>
  readonly unwritten: ReadonlySet<number>
  readonly treeBlocks: readonly number[]
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
    treeBlocks: [...body.matchAll(/\(ETB\d+\):(\d+)/g)].map(([, block]) => Number(block)),
    xattr: Number(/^File ACL: (\d+)/m.exec(head)?.[1] ?? 0),
    sectors: Number(/Blockcount: (\d+)/.exec(head)?.[1] ?? 0),
    extents,
    rest: head
      .replace(/^File ACL: .*$/m, '')
      .replace(/Blockcount: \d+/, '')
      .replace(/^Inode checksum: .*$/m, ''),
  }
}
