/**
 * What e2fsprogs says of an image: every inode in use, where its blocks lie and what
 * else is known of it. Nothing here comes from the code that is measured.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface SeenExtent {
  readonly logical: number
  readonly physical: number
  readonly length: number
  readonly unwritten: boolean
}

export interface SeenInode {
  readonly inode: number
  /** In debugfs' words: regular, directory, symlink, … */
  readonly type: string
  readonly size: number
  /** As the tree has them, neighbours joined. */
  readonly extents: readonly SeenExtent[]
  /** Extent-tree or map blocks. */
  readonly tree: readonly number[]
  /** 0 for none. */
  readonly xattr: number
  /** Owner, mode, links, times, attributes: all that moving blocks must not change. */
  readonly attributes: string
}

export interface SeenImage {
  readonly blockSize: number
  readonly blockCount: number
  readonly freeBlocks: number
  /** First inode that is not the filesystem's own. */
  readonly firstInode: number
  readonly inodes: ReadonlyMap<number, SeenInode>
}

const environment = {
  ...process.env,
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
  LC_ALL: 'C',
  TZ: 'UTC',
  DEBUGFS_PAGER: 'cat',
}

function output(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    env: environment,
  })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}

/** Lines of debugfs' answer to many requests in one process. */
async function* answers(image: string, requests: Iterable<string>): AsyncGenerator<string> {
  const child = spawn('debugfs', ['-f', '-', image], { env: environment, stdio: ['pipe', 'pipe', 'ignore'] })
  child.stdin.end([...requests].join('\n').concat('\n'))
  yield* createInterface({ input: child.stdout, crlfDelay: Infinity })
}

export interface Summary {
  readonly blockSize: number
  readonly blockCount: number
  readonly freeBlocks: number
  readonly firstInode: number
  readonly inodeCount: number
}

export function summary(image: string): Summary {
  const header = output('dumpe2fs', ['-h', image])
  const figure = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(header)![1])
  return {
    blockSize: figure('Block size'),
    blockCount: figure('Block count'),
    freeBlocks: figure('Free blocks'),
    firstInode: figure('First inode'),
    inodeCount: figure('Inode count'),
  }
}

/** Numbers of the inodes in use, from the free ones dumpe2fs lists. */
function usedInodes(image: string, inodeCount: number): number[] {
  const free = new Uint8Array(inodeCount + 1)
  for (const [, list] of output('dumpe2fs', [image]).matchAll(/^ {2}Free inodes: (.*)$/gm)) {
    for (const text of list!.split(', ')) {
      if (text === '') continue
      const [first, last] = text.split('-').map(Number)
      free.fill(1, first, (last ?? first!) + 1)
    }
  }
  const used: number[] = []
  for (let inode = 1; inode <= inodeCount; inode++) if (free[inode] === 0) used.push(inode)
  return used
}

/** Everything in use. */
export function lookAt(image: string): Promise<SeenImage> {
  return lookAtSome(image, usedInodes(image, summary(image).inodeCount))
}

export async function lookAtSome(image: string, numbers: readonly number[]): Promise<SeenImage> {
  const { blockSize, blockCount, freeBlocks, firstInode } = summary(image)
  const inodes = new Map<number, SeenInode>()
  let lines: string[] = []
  const take = (): void => {
    const seen = lines.length === 0 ? undefined : parseStat(lines)
    if (seen) inodes.set(seen.inode, seen)
    lines = []
  }
  for await (const line of answers(
    image,
    numbers.map((inode) => `stat <${inode}>`),
  )) {
    if (line.startsWith('debugfs: stat <')) take()
    else if (!line.startsWith('debugfs:')) lines.push(line)
  }
  take()
  if (inodes.size !== numbers.length) throw new Error(`debugfs told of ${inodes.size} inodes of ${numbers.length}`)
  return { blockSize, blockCount, freeBlocks, firstInode, inodes }
}

function parseStat(lines: readonly string[]): SeenInode | undefined {
  const head = /^Inode: (\d+)\s+Type: (.*?)\s+Mode:/.exec(lines[0]!)
  if (!head) return undefined
  const from = lines.findIndex((line) => /^(?:EXTENTS|BLOCKS):$/.test(line))
  const text = lines.slice(0, from < 0 ? lines.length : from).join('\n')
  const extents: SeenExtent[] = []
  const tree: number[] = []
  for (const [, first, last, unwritten, start] of (from < 0 ? '' : lines.slice(from + 1).join(' ')).matchAll(
    /\((ETB\d+|[DT]?IND|\d+)(?:-(\d+))?(\[u\])?\):(\d+)/g,
  )) {
    if (!/^\d/.test(first!)) tree.push(Number(start))
    else
      joinTo(extents, {
        logical: Number(first),
        physical: Number(start),
        length: Number(last ?? first) - Number(first) + 1,
        unwritten: unwritten !== undefined,
      })
  }
  return {
    inode: Number(head[1]),
    type: head[2]!,
    size: Number(/ Size: (\d+)/.exec(text)?.[1] ?? 0),
    extents,
    tree,
    xattr: Number(/^File ACL: (\d+)/m.exec(text)?.[1] ?? 0),
    // Without what is where: tree blocks count in Blockcount, and the checksum covers all of it.
    attributes: text
      .replace(/^File ACL: \d+.*$/m, '')
      .replace(/Blockcount: \d+/, '')
      .replace(/^Inode checksum:.*$/m, ''),
  }
}

function joinTo(extents: SeenExtent[], next: SeenExtent): void {
  const last = extents.at(-1)
  if (
    last &&
    last.unwritten === next.unwritten &&
    last.logical + last.length === next.logical &&
    last.physical + last.length === next.physical
  ) {
    extents[extents.length - 1] = { ...last, length: last.length + next.length }
  } else extents.push(next)
}

/** Inode numbers of paths, as debugfs walks them; undefined where there is nothing. */
export async function inodesOf(image: string, paths: readonly string[]): Promise<(number | undefined)[]> {
  const found: (number | undefined)[] = []
  for await (const line of answers(
    image,
    paths.map((path) => `stat "${path.replaceAll('"', '""')}"`),
  )) {
    if (line.startsWith('debugfs: stat "')) found.push(undefined)
    const inode = /^Inode: (\d+)/.exec(line)
    if (inode) found[found.length - 1] = Number(inode[1])
  }
  if (found.length !== paths.length) throw new Error(`debugfs answered ${found.length} of ${paths.length} paths`)
  return found
}

/** e2fsck's verdict: undefined when it found nothing to say. */
export function complaint(image: string): string | undefined {
  const { status, stdout, stderr } = spawnSync('e2fsck', ['-fn', image], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    env: environment,
  })
  return status === 0 ? undefined : `e2fsck ended with ${status}:\n${stdout}${stderr}`
}
