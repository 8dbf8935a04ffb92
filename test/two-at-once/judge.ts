/**
 * What became of an image that two were at work on: whole by e2fsck, every name with the
 * contents it had or was given, and every sentence true.
 */
import { openSync, readSync, closeSync } from 'node:fs'
import { hashFiles } from '../support/images.js'
import { run } from '../support/tools.js'
import { movers, type IntruderName, type LiveIntruderName } from './intruder.js'
import { launcher, layoutOf } from './specimen.js'

export interface Case {
  readonly image: string
  readonly contents: ReadonlyMap<string, string>
  readonly layout: ReadonlyMap<number, string>
  readonly plan: string
  readonly command: string
  readonly bootpack: { readonly code: number | null | undefined; readonly said: string }
  readonly intruder: IntruderName | LiveIntruderName
  readonly intruderCode: number | null | undefined
  readonly wrote: ReadonlyMap<string, ReadonlySet<string>>
}

/** @returns what was lost or not true, in words; undefined when nothing was */
export function judge(it: Case): string | undefined {
  const { code, said } = it.bootpack
  if (code === undefined) return 'bootpack did not end'
  if (code === null || ![0, 3, 5].includes(code)) return `bootpack ended with ${code}`
  if (/^ {4}at /m.test(said)) return 'bootpack printed a stack'
  if (it.intruderCode === undefined) return 'the intruder did not end'
  if (it.intruderCode === 77) return 'the intruder read something else than there was'
  if (it.intruderCode === 70) return 'the second bootpack failed'
  return check(it.image, said) ?? compare(it) ?? untrue(it)
}

function check(image: string, said: string): string | undefined {
  if (said.includes('e2fsck')) {
    const { status, stdout } = run('e2fsck', ['-fy', image], { ok: [0, 1, 4, 8, 12] })
    const mended = stdout.split('\n').filter((line) => / yes$|FIXED|CLEARED|\?/.test(line))
    if (status > 1 || mended.length > 0) return `e2fsck -fy, as advised, had to mend:\n${stdout}`
  }
  const { status, stdout } = run('e2fsck', ['-fn', image], { ok: [0, 1, 4, 8, 12] })
  return status === 0 ? undefined : `e2fsck -fn:\n${stdout}`
}

function compare({ image, contents, wrote }: Case): string | undefined {
  const now = hashFiles(image)
  const wrong: string[] = []
  for (const path of new Set([...contents.keys(), ...now.keys(), ...wrote.keys()])) {
    const is = path === 'boot sector' ? bootSector(image, [...wrote.get(path)!]) : (now.get(path) ?? 'none')
    const allowed = wrote.get(path) ?? new Set([contents.get(path) ?? 'none'])
    if (!allowed.has(is) && !allowed.has('any')) wrong.push(path)
  }
  return wrong.length === 0 ? undefined : `${wrong.length} files differ: ${wrong.slice(0, 5).join(', ')}`
}

function bootSector(image: string, texts: readonly string[]): string {
  const sector = Buffer.alloc(512)
  const fd = openSync(image, 'r')
  readSync(fd, sector, 0, 512, 0)
  closeSync(fd)
  return texts.find((text) => sector.toString('latin1').startsWith(text)) ?? 'none'
}

function untrue({ image, layout, plan, command, bootpack: { code, said }, intruder, wrote }: Case): string | undefined {
  if (code !== 0 && said.trim() === '') return `exit ${code} without a sentence`
  // Where somebody else moved or added blocks as well, they do not tell what bootpack did.
  if (movers.has(intruder) || [...wrote.keys()].some((name) => name !== 'boot sector')) return undefined
  const now = layoutOf(image)
  const moved = [...layout].filter(([inode, blocks]) => now.get(inode) !== blocks).length
  if (code === 0 && moved === 0) return 'exit 0, and nothing moved'
  if (said.includes('The filesystem is as it was') && moved > 0) return `"as it was", and ${moved} files moved`
  const blocks = /(\d+) blocks? had been changed/.exec(said)
  if (blocks && Number(blocks[1]) > 0 && moved === 0) return `"${blocks[0]}", and nothing moved`
  if (code !== 0 || command === 'undo') return undefined
  const { status } = run(process.execPath, [launcher, 'verify', plan, '--target', image], { ok: [0, 3, 5, 6] })
  return status === 0 ? undefined : `exit 0, and verify ends with ${status}`
}
