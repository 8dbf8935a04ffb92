// The sample that `npm start` runs: the main job from beginning to end, without root.
// Makes an ext4 image of a small Linux root (sample-trees/tiny-root), ages it, packs
// it with the real command from the trace of a boot, and checks the result with
// programs that know nothing of bootpack.
//
//     node scripts/sample.mjs [--keep FOLDER]     keeps the images and the trace there
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expandTree, makeFile } from './sample/expand-tree.mjs'
import { bootFiles, diskStrip, largestFreeRun } from './sample/look.mjs'
import { Random } from './sample/random.mjs'
import { scatter } from './sample/scatter.mjs'
import { missingTools, run } from './sample/tools.mjs'

const MiB = 1 << 20
const imageSize = 160 * MiB
const filled = 0.7
const seed = 20070601
const home = new URL('..', import.meta.url).pathname
const trace = join(home, 'sample-trees/tiny-root/boot.trace.jsonl')

const say = (line = '') => console.log(line)
const number = (value) => Math.round(value).toLocaleString('en-US')
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`

async function step(title, action) {
  const start = performance.now()
  const detail = await action()
  say(`${title.padEnd(10)} ${detail}  (${seconds(performance.now() - start)})`)
}

/** Files nobody needs at boot, until the disk is as full as disks are. */
function fill(tree, made) {
  const random = new Random(seed)
  let used = 20 * MiB
  for (const path of made.keys()) used += Math.ceil(lstatSync(join(tree, path)).size / 4096) * 4096
  for (let n = 1; used < imageSize * filled; n++) {
    const folder = `/home/user/${random.pick(['pictures', 'mail', 'downloads', 'projects'])}`
    mkdirSync(join(tree, folder), { recursive: true })
    const path = `${folder}/${String(n).padStart(4, '0')}`
    const size = random.skewed(3_000, 2_500_000)
    made.set(path, makeFile(tree, path, size))
    used += Math.ceil(size / 4096) * 4096
  }
}

/** How many paths of the image are what they were, read by debugfs. */
function intact(image, made, folder) {
  mkdirSync(folder)
  run('debugfs', ['-R', `rdump / "${folder}"`, image])
  const found = new Map()
  const walk = (relative) => {
    for (const entry of readdirSync(join(folder, relative), { withFileTypes: true })) {
      const path = `${relative}/${entry.name}`
      if (entry.isDirectory()) walk(path)
      else if (entry.isSymbolicLink()) found.set(path, `link to ${readlinkSync(join(folder, path))}`)
      else
        found.set(
          path,
          createHash('sha256')
            .update(readFileSync(join(folder, path)))
            .digest('hex'),
        )
    }
  }
  walk('')
  const wrong = [...new Set([...made.keys(), ...found.keys()])].filter((path) => made.get(path) !== found.get(path))
  if (wrong.length > 0)
    throw new Error(
      `${wrong.length} of ${made.size} files are not what they were, the first is ${wrong[0]}. This is a bug; please report it.`,
    )
  return made.size
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  for (const row of rows)
    say(
      `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('   ')}`.trimEnd(),
    )
}

async function main(folder) {
  const { openTarget } = await import('../dist/public/index.js')
  const tree = join(folder, 'tree')
  const image = join(folder, 'aged.img')
  const paths = readFileSync(trace, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line).path)
  const look = async () => {
    const volume = await openTarget(image, { write: false })
    try {
      const files = await bootFiles(volume, paths)
      const { blockCount, blockSize } = volume.geometry()
      const pieces = files.map(({ extents }) => extents.length)
      return {
        strip: diskStrip(files, blockCount, 72),
        files: files.length,
        inOnePiece: pieces.filter((count) => count <= 1).length,
        largestFree: (await largestFreeRun(volume)) * blockSize,
      }
    } finally {
      await volume.close()
    }
  }

  say('bootpack sample: a small Linux root on a disk that has aged\n')
  let made
  await step('Make', () => {
    mkdirSync(tree)
    made = expandTree(join(home, 'sample-trees/tiny-root/tree.tsv'), tree)
    fill(tree, made)
    writeFileSync(image, '')
    truncateSync(image, imageSize)
    const uuid = '0b00c0de-2007-4601-8000-000000000001'
    run('mke2fs', [
      '-q',
      '-F',
      '-t',
      'ext4',
      '-b',
      '4096',
      '-N',
      '4096',
      '-J',
      'size=8',
      '-U',
      uuid,
      '-E',
      `hash_seed=${uuid}`,
      '-d',
      tree,
      image,
    ])
    return `an ext4 image of ${imageSize / MiB} MiB with ${number(made.size)} files, ${Math.round(filled * 100)} % full`
  })
  await step('Age', async () => {
    const volume = await openTarget(image, { write: true })
    try {
      return `its files broken into ${number(await scatter(volume, seed))} pieces, thrown over the disk`
    } finally {
      await volume.close()
    }
  })
  copyFileSync(image, join(folder, 'before.img'))
  const before = await look()
  let packed
  await step('Pack', () => {
    const { stdout } = run(process.execPath, [
      join(home, 'bin/bootpack.js'),
      'pack',
      image,
      '--trace',
      trace,
      '--evict',
      '--json',
    ])
    packed = JSON.parse(stdout)
    return 'bootpack pack aged.img --trace boot.trace.jsonl --evict'
  })
  const after = await look()
  await step('Check', () => {
    run('e2fsck', ['-fn', image])
    return `e2fsck finds nothing wrong, and all ${number(intact(image, made, join(folder, 'dumped')))} files have the contents they had`
  })

  const was = packed.plan.measure.before
  const is = packed.after
  say('\nWhere the files that the boot reads lie, from the first block of the disk to the last:\n')
  say(`  before  [${before.strip}]`)
  say(`  after   [${after.strip}]`)
  say('\nWhat one boot costs the disk:\n')
  const distance = ({ seekDistanceBlocks, blockSize }) => {
    const megabytes = (seekDistanceBlocks * blockSize) / 1e6
    return megabytes < 10_000 ? `${number(megabytes)} MB` : `${number(megabytes / 1000)} GB`
  }
  table([
    ['', 'before', 'after'],
    ['boot files in one piece', `${before.inOnePiece} of ${before.files}`, `${after.inOnePiece} of ${after.files}`],
    ['reads from the disk', number(was.requests), number(is.requests)],
    ['reads for which the head must jump (seeks)', number(was.seeks), number(is.seeks)],
    ['distance of these jumps', distance(was), distance(is)],
    ['time on a hard disk (modelled, 7200 rpm)', seconds(was.modelMs['hdd-7200']), seconds(is.modelMs['hdd-7200'])],
    ['time on an SD card (modelled)', seconds(was.modelMs.sd), seconds(is.modelMs.sd)],
  ])
  const { cost } = packed.plan
  say(
    `\nFor this ${number(cost.bytesWritten / 1e6)} MB were written, ${number((cost.evictedBlocks * was.blockSize) / 1e6)} MB of them to move other files out of the way: the`,
  )
  say(
    `largest free run of the aged disk was ${number(before.largestFree / 1024)} KiB, too small for what a boot reads.`,
  )
  say('\nYour own image:  node bin/bootpack.js pack disk.img --trace boot.trace --evict --dry-run')
}

const needed = ['mke2fs', 'debugfs', 'e2fsck']
const missing = missingTools(needed)
if (missing.length > 0) {
  console.error(
    `The sample needs ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} not installed here.`,
  )
  console.error(
    'They come with e2fsprogs: apt install e2fsprogs (Debian, Ubuntu), dnf install e2fsprogs (Fedora), apk add e2fsprogs e2fsprogs-extra (Alpine).',
  )
  process.exit(1)
}
const keep = process.argv[2] === '--keep' ? process.argv[3] : undefined
if (process.argv.length > 2 && !keep) {
  console.error('Usage: node scripts/sample.mjs [--keep FOLDER]')
  process.exit(2)
}
const folder = mkdtempSync(join(tmpdir(), 'bootpack-sample-'))
const clean = () => rmSync(folder, { recursive: true, force: true })
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => {
    clean()
    process.exit(status)
  })
}
try {
  await main(folder)
  if (keep) {
    mkdirSync(keep, { recursive: true })
    for (const [from, to] of [
      ['before.img', 'aged.img'],
      ['aged.img', 'packed.img'],
    ])
      copyFileSync(join(folder, from), join(keep, to))
    copyFileSync(trace, join(keep, 'boot.trace.jsonl'))
    say(`\nKept in ${keep}: aged.img, packed.img, boot.trace.jsonl`)
  }
} catch (error) {
  console.error(`\nThe sample failed: ${error.message}`)
  process.exitCode = 1
} finally {
  clean()
}
