/** What stays where it is and why, for people: grouped by reason, the largest group first. */
import type { OwnedKind } from '../layout/owner.js'
import { stayReasons, type StayReason } from '../layout/reason.js'
import { escapePath } from '../text/escape-path.js'
import { fold, shorten } from '../text/table.js'
import { count } from '../text/units.js'

export interface Staying {
  readonly inode?: number
  readonly path?: string
  readonly kind: OwnedKind
  readonly blocks: number
  readonly reason: StayReason
  readonly detail?: string
}

export interface StayGroup<Each extends Staying = Staying> {
  readonly reason: StayReason
  readonly each: readonly Each[]
  /** '181 directories and trees' */
  readonly what: string
  /** What the reason means and what would help, as sentences. */
  readonly why: string
}

export function groupByReason<Each extends Staying>(staying: readonly Each[]): StayGroup<Each>[] {
  const groups = new Map<StayReason, Each[]>()
  for (const one of staying) {
    const group = groups.get(one.reason)
    if (group) group.push(one)
    else groups.set(one.reason, [one])
  }
  return [...groups]
    .sort((a, b) => b[1].length - a[1].length)
    .map(([reason, each]) => ({ reason, each, what: things(each), why: whyOf(reason, each) }))
}

/** @param label what the first line begins with */
export function stayLines(label: string, staying: readonly Staying[]): string[] {
  const indent = ' '.repeat(label.length + 3)
  return groupByReason(staying).flatMap(({ each, what, why }, index) => {
    const blocks = each.reduce((sum, one) => sum + one.blocks, 0)
    const size = blocks === 0 ? '' : ` (${count(blocks)} block${blocks === 1 ? '' : 's'})`
    const example = each.find(({ path }) => path !== undefined)?.path
    const name = example === undefined ? '' : `, such as ${shorten(escapePath(example), 40)}`
    const subject = each.length === 1 ? nameOf(each[0]!) + size : `${what}${size}${name}`
    const [first, ...rest] = fold(`${subject}: ${why}`, 77 - label.length).split('\n')
    const start = index === 0 ? label : ' '.repeat(label.length)
    return [`${start} ${first}`, ...rest.map((line) => `${indent}${line}`)]
  })
}

const nameOf = ({ path, inode }: Staying): string =>
  path === undefined ? `inode ${inode ?? '?'}` : shorten(escapePath(path), 60)

function whyOf(reason: StayReason, each: readonly Staying[]): string {
  const { says, helps } = stayReasons[reason]
  // One detail stands for itself; of many, none would tell more than the list.
  const detail = each.length === 1 && each[0]!.detail !== undefined ? ` (${escapePath(each[0]!.detail)})` : ''
  return `${says}${detail}.${helps === undefined ? '' : ` ${helps}`}`
}

const nouns: Readonly<Record<OwnedKind, readonly [one: string, many: string]>> = {
  data: ['file', 'files'],
  directory: ['directory', 'directories'],
  symlink: ['symbolic link', 'symbolic links'],
  tree: ['tree', 'trees'],
  xattr: ['attribute block', 'attribute blocks'],
}

/** Owners counted once each; '181 directories and trees'. */
function things(each: readonly Staying[]): string {
  const owners = new Set(each.map(({ kind, inode, path }) => `${kind} ${inode ?? path}`))
  const kinds = (Object.keys(nouns) as OwnedKind[]).filter((kind) => each.some((one) => one.kind === kind))
  const names = kinds.map((kind) => nouns[kind][owners.size === 1 ? 0 : 1])
  const last = names.pop()
  return `${count(owners.size)} ${names.length === 0 ? last : `${names.join(', ')} and ${last}`}`
}
