/**
 * A small aged image with names nobody should have, the trace of a boot of it, and what
 * the commands make of them, as they were last built.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engines } from '../../src/engines.js'
import { openVolume } from '../../src/volume/open-volume.js'
import type { ReportData } from '../../src/report/report-data.js'
import { makeImage } from '../support/images.js'
import { randomMoves } from '../support/random-moves.js'
import { Random } from '../support/random.js'
import { run, type Ran } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname

export const bootpack = (args: readonly string[], ok: readonly number[] = [0]): Ran =>
  run(process.execPath, [launcher, ...args], { ok })

/** With a slash between the first two, they end a script element. */
export const hostileFolder = '/<'
export const hostileNames = [
  `${hostileFolder}/script><script>window.hacked = 1<`,
  `${hostileFolder}/img src=x onerror=window.hacked=2>`,
  `${hostileFolder}/"><svg onload=window.hacked=3>'\``,
  `${hostileFolder}/line\nbreak\u001b[31m\u202egnp.exe\u2028&amp;\\u003c`,
]

/** A file that only the trace has. */
export const missingName = '/run/"><img src=x onerror=window.hacked=4></details><script>window.hacked = 5</script>'

export interface Stage {
  readonly before: string
  readonly packed: string
  readonly trace: string
  readonly plan: string
  /** The page pack wrote. */
  readonly page: string
  /** The same as data. */
  readonly data: ReportData
  readonly boot: readonly string[]
}

/** Makes the image, scatters it from a seed, packs a copy of it, and keeps everything in `folder`. */
export async function makeStage(folder: string, seed: number): Promise<Stage> {
  const at = (name: string): string => join(folder, name)
  const random = new Random(seed)
  const tree = at('tree')
  for (const name of ['/usr/lib', '/srv', hostileFolder]) mkdirSync(tree + name, { recursive: true })
  const boot = [...Array.from({ length: 60 }, (_, i) => `/usr/lib/lib${i}.so`), ...hostileNames]
  const others = Array.from({ length: 60 }, (_, i) => `/srv/other${i}`)
  for (const path of [...boot, ...others]) writeFileSync(tree + path, Buffer.alloc(random.between(1, 40) * 4096, path))
  makeImage(at('before.img'), { size: 48 << 20, blockSize: 4096, tree, more: ['-N', '400', '-J', 'size=4'] })
  await scatter(at('before.img'), random)
  const order = random.shuffled(boot)
  const header = { bootpack: 'trace', version: 1, source: 'made up', recorded: '2026-11-20T07:00:00Z' }
  const reads = [...order, missingName].map((path, i) => ({ t: i * 20_000, path, off: 0, kind: 'data' }))
  writeFileSync(at('boot.trace'), [header, ...reads].map((line) => JSON.stringify(line)).join('\n') + '\n')
  copyFileSync(at('before.img'), at('packed.img'))
  bootpack([
    'pack',
    at('packed.img'),
    '--trace',
    at('boot.trace'),
    '--evict',
    '-o',
    at('disk.plan'),
    '--report',
    at('pack.html'),
  ])
  const { stdout } = bootpack([
    'report',
    '--before',
    at('before.img'),
    '--after',
    at('packed.img'),
    '--trace',
    at('boot.trace'),
    '--plan',
    at('disk.plan'),
    '--json',
  ])
  return {
    before: at('before.img'),
    packed: at('packed.img'),
    trace: at('boot.trace'),
    plan: at('disk.plan'),
    page: at('pack.html'),
    data: JSON.parse(stdout) as ReportData,
    boot: order,
  }
}

async function scatter(image: string, random: Random): Promise<void> {
  const volume = await openVolume(image, { write: true }, engines)
  for (let round = 0; round < 4; round++) {
    for await (const outcome of volume.relocate(await randomMoves(volume, random, 200), { reserved: [] })) void outcome
  }
  await volume.close()
}
