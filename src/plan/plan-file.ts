/**
 * Plans as JSON text. The order of keys is fixed and every move has a line of its
 * own, so that the same plan gives the same bytes and two plans can be compared
 * with a line-based diff. A plan read back is trusted with nothing: every number is
 * checked against the volume the plan says it is for.
 */
import { BootpackError, unsupported, usageError } from '../errors.js'
import { fsBlock } from '../layout/block.js'
import { isGapCause, type GapCause } from '../layout/gap-cause.js'
import { isSkipReason, type SkipReason } from '../layout/reason.js'
import { RunSet } from '../layout/run-set.js'
import type { Plan, PlanGap, PlanInodes, PlannedMove, PlannedRenumbering, Skip } from './plan.js'

export function planText(plan: Plan): string {
  const moves = plan.rounds.map(
    (round) => `[\n${round.map((move) => `      ${JSON.stringify(move)}`).join(',\n')}\n    ]`,
  )
  const fields = Object.entries(plan).map(([key, value]) => {
    if (key === 'rounds') return `  "rounds": [\n    ${moves.join(',\n    ')}\n  ]`
    if (key === 'inodes') {
      const { knownFrom, table, renumberings } = value as PlanInodes
      return `  "inodes": {"knownFrom": ${JSON.stringify(knownFrom)}, "table": ${JSON.stringify(table)}, "renumberings": ${lines(renumberings)}}`
    }
    if (key === 'skipped' || key === 'gaps' || key === 'runs')
      return `  ${JSON.stringify(key)}: ${lines(value as readonly unknown[])}`
    return `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`
  })
  return `{\n${fields.join(',\n')}\n}\n`
}

const lines = (values: readonly unknown[]): string =>
  values.length === 0 ? '[]' : `[\n${values.map((value) => `    ${JSON.stringify(value)}`).join(',\n')}\n  ]`

const beginning = /^\s*\{\s*"bootpack":\s*"plan"/

/**
 * @throws usage when it is something else than a plan, unsupported for a later version, corrupt naming the field or
 *   move that is wrong
 */
export function parsePlan(text: string): Plan {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (cause) {
    if (!beginning.test(text)) throw notAPlan()
    throw new BootpackError('corrupt', 'bad-plan', 'The plan cannot be used: it is not complete JSON.', {
      next: 'Make it again with bootpack plan.',
      cause,
    })
  }
  if ((data as Partial<Plan> | null)?.bootpack !== 'plan') throw notAPlan()
  const plan = data as Plan
  const { volume, rounds, measure, goal, cost } = object(data, 'plan')
  const { inodes } = plan
  if (plan.version !== 1 && plan.version !== 2)
    throw unsupported(
      'plan-version',
      `The plan has version ${JSON.stringify(plan.version)}; this bootpack reads versions 1 and 2.`,
      'Use the bootpack that wrote it, or a later one.',
    )
  check(
    (inodes !== undefined) === (plan.version === 2),
    'plans of version 2 renumber inodes, those of version 1 do not',
  )
  const { target, partition, uuid, blockSize, blockCount, fingerprint } = object(volume, 'volume')
  check(
    typeof target === 'string' && typeof uuid === 'string' && typeof fingerprint === 'string',
    'volume lacks its identity',
  )
  check(
    (partition === undefined || whole(partition)) && whole(blockSize) && whole(blockCount),
    'volume has numbers that are none',
  )
  check(object(goal, 'goal') !== undefined && object(cost, 'cost') !== undefined, 'goal or cost is missing')
  const { before, predicted } = object(measure, 'measure')
  check(
    object(before, 'measure.before') !== undefined && object(predicted, 'measure.predicted') !== undefined,
    'measure is missing',
  )
  for (const key of ['runs', 'gaps', 'skipped'] as const) check(Array.isArray(plan[key]), `${key} is not a list`)
  ;(plan.runs as unknown[]).forEach((value, index) => {
    const { start, length } = object(value, `run ${index + 1}`)
    check(
      whole(start) && whole(length) && (start as number) + (length as number) <= (blockCount as number),
      `run ${index + 1} lies outside the filesystem`,
    )
  })
  check(Array.isArray(rounds), 'rounds is not a list')
  ;(rounds as unknown[]).forEach((round, index) => {
    check(Array.isArray(round), `round ${index + 1} is not a list`)
    checkRound(round as unknown[], index, blockCount as number)
  })
  if (inodes !== undefined) checkInodes(object(inodes, 'inodes'), blockCount as number)
  return { ...plan, gaps: plan.gaps.map(checkedGap), skipped: plan.skipped.map(checkedSkip) }
}

/** What 0.1.0 called reasons and causes that have other names now. */
const formerCodes: Readonly<Record<string, string>> = { engine: 'mounted', busy: 'running' }

const currentCode = (code: unknown): unknown => (typeof code === 'string' ? (formerCodes[code] ?? code) : code)

/** 0.1.0 wrote the causes of a gap as one text, with commas between. */
function checkedGap(value: unknown, index: number): PlanGap {
  const name = `gap ${index + 1}`
  const gap = object(value, name)
  const { start, length, cause, causes = typeof cause === 'string' ? cause.split(', ') : undefined } = gap
  check(whole(start) && whole(length), `${name} has numbers that are none`)
  check(Array.isArray(causes), `${name} has no causes`)
  const known = (causes as unknown[]).map(currentCode)
  check(known.every(isGapCause), `${name} has a cause that is not known`)
  return { start: fsBlock(start as number), length: length as number, causes: known as GapCause[] }
}

function checkedSkip(value: unknown, index: number): Skip {
  const skip = object(value, `skipped ${index + 1}`)
  const reason = currentCode(skip['reason'])
  check(isSkipReason(reason), `skipped ${index + 1} has a reason that is not known`)
  return { ...(skip as unknown as Skip), reason: reason as SkipReason }
}

/** The new numbers are those that were left, or free; no inode and no number comes twice. */
function checkInodes(inodes: Record<string, unknown>, blockCount: number): void {
  check(
    inodes['knownFrom'] === 'loads' || inodes['knownFrom'] === 'reads',
    'inodes.knownFrom is neither loads nor reads',
  )
  const { start, length } = object(inodes['table'], 'inodes.table')
  check(
    whole(start) && whole(length) && (start as number) + (length as number) <= blockCount,
    'inodes.table lies outside the filesystem',
  )
  const list = inodes['renumberings']
  check(Array.isArray(list) && list.length > 0, 'inodes.renumberings is not a list, or empty')
  const seen = { inode: new Set<number>(), to: new Set<number>(), path: new Set<string>() }
  for (const [index, value] of (list as unknown[]).entries()) {
    const name = `renumbering ${index + 1}`
    const { inode, to, path, why } = object(value, name) as unknown as PlannedRenumbering
    check(
      whole(inode) && whole(to) && inode > 0 && to > 0 && inode < 2 ** 32 && to < 2 ** 32,
      `${name}: a number is none`,
    )
    check(
      typeof path === 'string' && path.startsWith('/') && (why === 'boot' || why === 'evict'),
      `${name}: no path, or an unknown why`,
    )
    check(
      !seen.inode.has(inode) && !seen.to.has(to) && !seen.path.has(path),
      `${name}: another one has its inode, its number or its path`,
    )
    seen.inode.add(inode)
    seen.to.add(to)
    seen.path.add(path)
  }
}

const kinds = new Set(['data', 'directory', 'symlink', 'tree', 'xattr'])

/** Ranges inside the volume, targets disjoint from each other and from the round's sources. */
function checkRound(round: readonly unknown[], index: number, blockCount: number): void {
  const sources = new RunSet()
  const targets = new RunSet()
  round.forEach((value, number) => {
    const name = `move ${number + 1} of round ${index + 1}`
    const move = object(value, name) as unknown as PlannedMove
    for (const field of ['inode', 'logical', 'length', 'from', 'to'] as const)
      check(whole(move[field]), `${name}: ${field} is not a whole number`)
    check(kinds.has(move.kind) && (move.why === 'boot' || move.why === 'evict'), `${name}: unknown kind or why`)
    check(move.path === undefined || typeof move.path === 'string', `${name}: path is not text`)
    check(
      move.inode > 0 && move.length > 0 && move.from + move.length <= blockCount && move.to + move.length <= blockCount,
      `${name}: lies outside the filesystem`,
    )
    const target = { start: move.to, length: move.length }
    check(!targets.intersects(target), `${name}: its target is another move's target`)
    targets.add(target)
    sources.add({ start: move.from, length: move.length })
  })
  for (const target of targets) check(!sources.intersects(target), `round ${index + 1}: a target is also a source`)
}

const notAPlan = (): BootpackError =>
  usageError('not-a-plan', 'The file is no plan.', 'Give a file that bootpack plan -o or pack -o wrote.')

const whole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

function object(value: unknown, name: string): Record<string, unknown> {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), `${name} is missing or no object`)
  return value as Record<string, unknown>
}

function check(condition: boolean, problem: string): void {
  if (!condition)
    throw new BootpackError('corrupt', 'bad-plan', `The plan cannot be used: ${problem}.`, {
      next: 'Make it again with bootpack plan.',
    })
}
