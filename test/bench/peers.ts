/**
 * bootpack beside those who packed before it, on copies of one image in one run:
 *
 *   node --import tsx --conditions=bootpack-source test/bench/peers.ts IMAGE LIST
 *
 * LIST: paths of the files a boot reads, in order. Each of them lays out its copy, then
 * debugfs tells where the files lie and e2fsck whether the filesystem is sound. Those
 * that work through a mount need root: mainline's e4defrag over the whole filesystem,
 * e4defrag over the listed files alone, and e4rat-realloc where it is installed. Rewriting
 * every file with cp and mv, in order, is what people do without any tool.
 */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { table } from '../../src/text/table.js'
import { count as figure } from '../../src/text/units.js'
import { complaint, lookAtSome, inodesOf } from '../support/bench-debugfs.js'
import { count } from '../support/bench-order.js'
import { benchArguments, benchFolder, costOf, costOfBootpack, type Cost } from '../support/bench-process.js'
import { loopMounted } from '../support/mount.js'
import { hasTool, isRoot } from '../support/tools.js'

const [image, list] = benchArguments(2, 'peers.ts IMAGE LIST')
const paths = readFileSync(list!, 'utf8')
  .split('\n')
  .filter((path) => path.startsWith('/'))
const folder = benchFolder()

/** Lays out a copy of the image; what it gives is its cost. */
const ways: [title: string, missing: string | undefined, way: (copy: string) => Cost | undefined][] = [
  ['as it is', undefined, () => undefined],
  [
    'e4defrag, whole filesystem',
    needs('e4defrag'),
    (copy) => loopMounted(copy, (mounted) => costOf('e4defrag', [mounted], [0, 1])),
  ],
  [
    'e4defrag, listed files',
    needs('e4defrag'),
    (copy) => loopMounted(copy, (mounted) => costOf('e4defrag', inside(mounted), [0, 1])),
  ],
  [
    'cp and mv, in list order',
    needs('cp'),
    (copy) =>
      loopMounted(copy, (mounted) => {
        const names = join(folder.path, 'names')
        writeFileSync(names, inside(mounted).join('\0'))
        const cost = costOf(
          'xargs',
          ['-0', '-n', '1', '-a', names, 'sh', '-c', 'cp -p -- "$0" "$0.new" && sync "$0.new" && mv -- "$0.new" "$0"'],
          [0, 123],
        )
        rmSync(names)
        return cost
      }),
  ],
  [
    'e4rat-realloc',
    needs('e4rat-realloc'),
    (copy) =>
      loopMounted(copy, (mounted) => {
        const names = join(folder.path, 'startup.log')
        writeFileSync(names, inside(mounted).join('\n').concat('\n'))
        return costOf('e4rat-realloc', [names], [0, 1])
      }),
  ],
  ['bootpack, free space only', undefined, (copy) => costOfBootpack(['pack', copy, '--trace', list!], [0, 3, 4, 7])],
  ['bootpack --evict', undefined, (copy) => costOfBootpack(['pack', copy, '--trace', list!, '--evict'])],
]

const rows: string[][] = []
try {
  let before: number | undefined
  for (const [title, missing, way] of ways) {
    if (missing !== undefined) {
      rows.push([title, missing])
      continue
    }
    const copy = join(folder.path, 'copy.img')
    copyFileSync(image!, copy)
    const cost = way(copy)
    const inodes = (await inodesOf(copy, paths)).filter((inode) => inode !== undefined)
    const seen = await lookAtSome(copy, inodes)
    const files = inodes.map((inode) => seen.inodes.get(inode)!).filter(({ type }) => type === 'regular')
    const { breaks, distance } = count(
      { wanted: files.map(({ inode, size }) => ({ inode, block: 0, length: Math.ceil(size / seen.blockSize) })) },
      seen,
      new Map(),
    )
    before ??= distance
    rows.push([
      title,
      figure(files.reduce((sum, { extents }) => sum + extents.length, 0)),
      figure(breaks),
      figure(distance),
      `${((100 * distance) / before).toFixed(1)} %`,
      cost ? cost.seconds.toFixed(1) : '',
      cost ? String(cost.status) : '',
      complaint(copy) === undefined ? 'clean' : 'NOT CLEAN',
    ])
    rmSync(copy)
  }
} finally {
  folder.remove()
}
console.log(table(['', 'extents', 'breaks', 'distance', 'of before', 'seconds', 'exit', 'e2fsck'], rows))

function needs(tool: string): string | undefined {
  return !hasTool(tool) ? 'not installed' : isRoot ? undefined : 'needs root'
}

function inside(mounted: string): string[] {
  return paths.map((path) => join(mounted, path))
}
