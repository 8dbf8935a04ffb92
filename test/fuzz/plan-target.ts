/**
 * Plans and traces that lie: a good plan with values swapped for hurtful ones is
 * parsed, verified, applied and undone on a small image; a trace of impossible names
 * is planned with.
 */
import { BootpackError } from '../../src/errors.js'
import { applyPlan, undoPlan } from '../../src/pack/apply-plan.js'
import { verifyPlan } from '../../src/pack/verify-plan.js'
import { createPlan } from '../../src/plan/create-plan.js'
import { parsePlan, planText } from '../../src/plan/plan-file.js'
import { parseTrace } from '../../src/trace/parse/parser.js'
import type { TraceRead } from '../../src/trace/model/trace.js'
import { MemoryStore } from '../storage/memory-store.js'
import type { Random } from '../support/random.js'
import type { BaseImage } from './base-image.js'
import { Finding, openBytes, readAll } from './drive.js'

/** Of a base image with a journal. */
export async function goodPlan(base: BaseImage): Promise<string> {
  const volume = await openBytes(new MemoryStore(base.bytes), false)
  const reads = [...base.paths].reverse().map((path): TraceRead => ({ kind: 'data', path, off: 0 }))
  return planText((await createPlan(volume, reads, { target: 'x.img', evict: true, metadata: true })).plan)
}

const values = [
  null,
  -1,
  0,
  1,
  0.5,
  1e300,
  2 ** 53,
  2 ** 32,
  2 ** 31,
  '',
  'x',
  '../../etc/passwd',
  '/\n\x1b[2J',
  [],
  {},
  true,
  [[]],
  '__proto__',
]

/** Changes one to four values anywhere in the tree. */
function varyJson(random: Random, text: string): string {
  const plan = JSON.parse(text) as unknown
  for (let changes = random.between(1, 4); changes > 0; changes--) {
    let at = plan as Record<string, unknown>
    for (;;) {
      const keys = Object.keys(at)
      if (keys.length === 0) break
      // The rounds are what matters.
      const key = 'rounds' in at && random.chance(0.7) ? 'rounds' : random.pick(keys)
      const below = at[key]
      if (typeof below === 'object' && below !== null && !random.chance(0.08)) {
        at = below as Record<string, unknown>
        continue
      }
      if (random.chance(0.1)) delete at[key]
      else if (typeof below === 'number' && random.chance(0.7)) at[key] = Math.max(0, below + random.between(-20, 20))
      else at[key] = random.pick(values)
      break
    }
  }
  return JSON.stringify(plan)
}

/** @throws what must not be thrown */
export async function tryPlan(random: Random, base: BaseImage, good: string): Promise<boolean> {
  let text = varyJson(random, good)
  if (random.chance(0.1))
    text = text.slice(0, random.below(text.length)) + random.pick(['', '}', '"', '\0', '['.repeat(50_000)])
  const bytes = base.bytes.slice()
  const before = await readAll(bytes, { paths: [] }, [])
  let applied = false
  try {
    const plan = parsePlan(text)
    const volume = await openBytes(new MemoryStore(bytes, true), true)
    try {
      await verifyPlan(plan, volume)
      if (Buffer.compare(bytes, base.bytes) !== 0) throw new Finding('verifying changed the image')
      await applyPlan(plan, volume, { force: true })
      applied = true
      await undoPlan(plan, volume, {})
    } finally {
      await volume.close()
    }
  } catch (error) {
    if (!(error instanceof BootpackError) || error.family === 'io') throw error
  }
  const after = await readAll(bytes, { paths: [] }, [])
  for (const [what, hash] of before!) if (after?.get(what) !== hash) throw new Finding(`${what} changed`)
  return applied
}

const names = [
  '..',
  '.',
  '',
  'a',
  'b',
  'lib',
  'usr',
  'one',
  'etc',
  'passwd',
  'comb',
  'many',
  '\n',
  '\x1b[31m',
  '\u202e',
  '\xff',
  'x'.repeat(300),
  'out',
  'long-link',
  '\\',
  '"',
  '*',
  '%s',
  '-rf',
  '__proto__',
]
const numbers = [0, 1, 2, 11, 12, 13, 20, 96, 97, -1, 0.5, 1e18, 2 ** 31, 2 ** 53, 4096, 1024]

/** @throws what must not be thrown */
export async function tryTrace(random: Random, base: BaseImage): Promise<void> {
  const line = (): string => {
    const read: Record<string, unknown> = { kind: random.pick(['data', 'data', 'directory', 'metadata', 'x', 1]) }
    if (random.chance(0.8))
      read['path'] =
        `${random.pick(['/', '/', '', '//'])}${Array.from({ length: random.below(random.chance(0.05) ? 4000 : 6) }, () => random.pick(names)).join('/')}`
    if (random.chance(0.4)) read['ino'] = random.pick(numbers)
    if (random.chance(0.5)) read['off'] = random.pick(numbers)
    if (random.chance(0.5)) read['len'] = random.pick(numbers)
    if (random.chance(0.2)) read['t'] = random.pick(numbers)
    return JSON.stringify(read)
  }
  const text = `{"bootpack":"trace","version":1,"source":"fuzz"}\n${Array.from({ length: random.below(60) }, line).join('\n')}\n`
  const bytes = base.bytes.slice()
  try {
    const { reads } = parseTrace(Buffer.from(text), random.chance(0.8) ? {} : { format: 'list' })
    const volume = await openBytes(new MemoryStore(bytes), false)
    const { plan } = await createPlan(volume, reads, {
      target: 'x',
      evict: random.chance(0.5),
      metadata: random.chance(0.7),
      granularity: random.pick(['file', 'range'] as const),
      ...(random.chance(0.3) && { goal: random.pick([0, 1, 500, 2599, 2600, 1e15, 'auto'] as const) }),
      ...(random.chance(0.3) && {
        directory: `/${Array.from({ length: random.below(4) }, () => random.pick(names)).join('/')}`,
      }),
    })
    const known = new Set((await volume.paths(Array.from({ length: 96 }, (_, i) => i + 1))).keys())
    for (const { inode, path } of plan.rounds.flat()) {
      if (inode <= 10 && inode !== 2) throw new Finding(`the plan moves inode ${inode}`)
      if (path?.split('/').includes('..')) throw new Finding(`the plan names ${path}`)
      if (!known.has(inode)) throw new Finding(`the plan moves inode ${inode}, which has no name`)
    }
  } catch (error) {
    if (!(error instanceof BootpackError) || error.family === 'io') throw error
  }
  if (Buffer.compare(bytes, base.bytes) !== 0) throw new Finding('planning changed the image')
}
