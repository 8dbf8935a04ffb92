/**
 * bootpack fsr against Debian's xfs_fsr on two copies of one aged XFS: extents, time and
 * contents. As root, from the checkout:
 *
 *   node --import tsx --conditions=bootpack-source plugins/xfs/bench/against-xfs-fsr.ts [FILES] [SEED]
 *
 * Both walk the whole filesystem once; times include the sync at the end. The page cache
 * is dropped before each run.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync, readdirSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { bytes, table } from 'bootpack/text'
import { Random } from '../../../test/support/random.js'
import { run, scratchFolder } from '../../../test/support/tools.js'
import { bmapCount, contentsBelow, growInTurns } from '../../../test/support/xfs-mount.js'

const files = Number(process.argv[2] ?? 1500)
const seed = Number(process.argv[3] ?? 1)
const folder = scratchFolder()
const mounted = join(folder.path, 'mounted')
mkdirSync(mounted)

function withMounted<Result>(image: string, work: () => Result): Result {
  run('mount', ['-o', 'loop', image, mounted])
  try {
    return work()
  } finally {
    run('umount', [mounted])
  }
}

interface Figures {
  readonly extents: number
  readonly inPieces: number
  readonly files: number
  readonly contents: string
}

function look(): Figures {
  const contents = contentsBelow(mounted)
  const counts = [...contents.keys()].map((path) => bmapCount(path))
  return {
    extents: counts.reduce((a, b) => a + b, 0),
    inPieces: counts.filter((count) => count > 1).length,
    files: counts.length,
    contents: JSON.stringify([...contents].sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}

try {
  const image = join(folder.path, 'aged')
  run('truncate', ['-s', '1G', image])
  run('mkfs.xfs', ['-f', '-q', image])
  const before = withMounted(image, () => {
    const random = new Random(seed)
    for (let folder = 0; folder < 5; folder++) growInTurns(join(mounted, `tree-${folder}`), files / 5, random, 12)
    for (const name of readdirSync(mounted)) {
      for (const file of readdirSync(join(mounted, name))) if (random.chance(0.3)) unlinkSync(join(mounted, name, file))
    }
    return look()
  })
  const rows: string[][] = [['before', String(before.extents), String(before.inPieces), '', '', '']]
  const tools: Record<string, (target: string) => [string, string[]]> = {
    xfs_fsr: () => ['xfs_fsr', [mounted]],
    'bootpack fsr': () => [
      process.execPath,
      [
        '--import',
        'tsx',
        '--conditions=bootpack-source',
        join(import.meta.dirname, '../test/run-command.ts'),
        'fsr',
        mounted,
      ],
    ],
  }
  for (const [name, command] of Object.entries(tools)) {
    const copy = join(folder.path, name.replace(' ', '-'))
    run('cp', ['--sparse=always', image, copy])
    const row = withMounted(copy, () => {
      writeFileSync('/proc/sys/vm/drop_caches', '3')
      const begun = performance.now()
      const [program, args] = command(mounted)
      const { status, stderr } = spawnSync(program, args, {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
        env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
      })
      if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`)
      run('sync', ['-f', mounted])
      const seconds = (performance.now() - begun) / 1000
      const after = look()
      return [
        name,
        String(after.extents),
        String(after.inPieces),
        seconds.toFixed(1),
        after.contents === before.contents ? 'same' : 'CHANGED',
        run('df', ['--output=used', '-B1', mounted]).stdout.split('\n')[1]!.trim(),
      ]
    })
    const repair = spawnSync('xfs_repair', ['-n', copy], {
      env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
    }).status
    rows.push([...row.slice(0, 5), repair === 0 ? 'clean' : `ended with ${repair}`])
    rmSync(copy)
  }
  console.log(`${before.files} files, seed ${seed}, image of ${bytes(2 ** 30)}`)
  console.log(table(['', 'extents', 'files in pieces', 'seconds', 'contents', 'xfs_repair -n'], rows))
} finally {
  spawnSync('umount', ['--quiet', mounted])
  folder.remove()
}
