/** What is said of orders for the way down, and of what became of them. */
import { referenceModel } from '../../measure/disk-model.js'
import type { Order } from '../../shutdown/order.js'
import type { Outcome } from '../../shutdown/outcome.js'
import { escapePath } from '../../text/escape-path.js'
import { bytes, seconds } from '../../text/units.js'
import type { OrderReport } from '../session/give-order.js'

const doing = { pack: 'packed', apply: 'changed by the plan', undo: 'put back' } as const

/** A given order, for people. */
export function orderText({ command, armed, order, written, measure, cost }: OrderReport): string {
  const before = measure.before.modelMs[referenceModel]!
  const then = measure.predicted.modelMs[referenceModel]!
  if (!armed || !order)
    return `Nothing to gain: a boot takes ${seconds(before)} on ${referenceModel} (model). Nothing is ordered.`
  const boot =
    command === 'undo' ? [] : [`boot      ${seconds(before)} now, ${seconds(then)} then, on ${referenceModel} (model)`]
  return [
    `The next time this machine goes down, ${escapePath(order.filesystem.mountPoint)} is ${doing[command]}, once it is unmounted.`,
    '',
    ...boot,
    `writes    ${bytes(cost.bytesWritten)}`,
    `takes     about ${order.estimate} s, ${order.limit} s at most; Esc or Ctrl-Alt-Del ends it`,
    `memory    ${bytes(order.memory)}, only while the machine goes down`,
    ...(order.preloadTrace === undefined ? [] : ['preload   its list follows the new layout']),
    ...written.map((path) => `written   ${path}`),
    '',
    'See it with: bootpack shutdown status. Take it back with: bootpack shutdown cancel.',
  ].join('\n')
}

/** @param active whether systemd will run the unit */
export function statusText(order: Order | undefined, outcome: Outcome | undefined, active: boolean): string {
  const lines: string[] = []
  if (order) {
    lines.push(
      `ordered   ${order.command} ${escapePath(order.filesystem.mountPoint)}, the next time this machine goes down (since ${order.made.slice(0, 16).replace('T', ' ')})`,
      `takes     about ${order.estimate} s, ${order.limit} s at most`,
    )
    if (order.tries > 0) lines.push(`begun     ${order.tries} times so far`)
    if (!active) lines.push('but       the unit does not run: give the order again')
  } else lines.push('Nothing is ordered for when this machine goes down.')
  if (outcome) lines.push(...outcomeLines(outcome))
  return lines.join('\n')
}

const kinds: Readonly<Record<Outcome['kind'], string>> = {
  done: 'done',
  partial: 'done, but for what could not be moved',
  'nothing-to-gain': 'nothing to gain, so nothing was moved',
  stopped: 'ended before its end; what was moved stays',
  'not-this-time': 'not this time',
  failed: 'failed',
}

export function outcomeLines({
  kind,
  command,
  when,
  seconds: took,
  reason,
  report,
  preload,
  written,
}: Outcome): string[] {
  const measured = report as { plan?: { measure?: { before?: Measured } }; after?: Measured } | undefined
  const before = measured?.plan?.measure?.before?.modelMs?.[referenceModel]
  const after = measured?.after?.modelMs?.[referenceModel]
  return [
    `last      ${when.slice(0, 16).replace('T', ' ')}: ${command}, ${kinds[kind]}${reason === undefined ? '' : `: ${escapePath(reason)}`}`,
    ...(took > 0 ? [`took      ${took} s`] : []),
    ...(before !== undefined && after !== undefined
      ? [`boot      ${seconds(before)} before, ${seconds(after)} since, on ${referenceModel} (model)`]
      : []),
    ...(preload === undefined
      ? []
      : [
          preload.updated
            ? 'preload   its list is that of the new layout'
            : `preload   its list is the old one: ${escapePath(preload.reason ?? '')}`,
        ]),
    ...written.map((path) => `written   ${escapePath(path)}`),
  ]
}

interface Measured {
  readonly modelMs?: Readonly<Record<string, number>>
}
