/**
 * Whether boots have become faster: those of the layout as it was found against those of
 * the layout as it is now. Nothing is claimed of fewer than three of each, nor of a
 * difference that chance makes one time in twenty.
 */
import { bootTime, layoutName, type BootFigures } from './figures.js'
import { median, rankTest } from './rank-test.js'

const fewest = 3
const level = 0.05

export interface BootComparison {
  /** Layout of the latest boot. */
  readonly layout: string
  /** Medians, milliseconds; missing where there are no such boots. */
  readonly before?: number
  readonly since?: number
  readonly boots: readonly [before: number, since: number]
  /** One-sided, exact; missing with fewer than three of each. */
  readonly p?: number
  readonly verdict: 'faster' | 'slower' | 'not-told' | 'too-few'
  /** Whether all of them had the same kernel. */
  readonly sameKernel: boolean
}

/** @returns undefined while nothing was changed, so that there is nothing to compare */
export function compareBoots(boots: readonly BootFigures[]): BootComparison | undefined {
  const timed = boots.filter((each) => bootTime(each) !== undefined)
  const latest = timed.at(-1)
  if (!latest || (!latest.layout.packed && !latest.layout.preload)) return undefined
  const layout = layoutName(latest.layout)
  const aged = timed.filter((each) => !each.layout.packed && !each.layout.preload)
  const now = timed.filter((each) => layoutName(each.layout) === layout)
  const [before, since] = [aged, now].map((each) => each.map((boot) => bootTime(boot)!)) as [number[], number[]]
  const common = {
    layout,
    ...(before.length > 0 && { before: median(before) }),
    since: median(since),
    boots: [before.length, since.length],
    sameKernel: new Set([...aged, ...now].map(({ kernel }) => kernel)).size === 1,
  } as const
  if (Math.min(before.length, since.length) < fewest) return { ...common, verdict: 'too-few' }
  const faster = rankTest(since, before)
  const slower = rankTest(before, since)
  const p = Math.min(faster, slower)
  return { ...common, p, verdict: p > level ? 'not-told' : faster < slower ? 'faster' : 'slower' }
}

/** One sentence for people. */
export function comparisonSentence({ verdict, before, since, boots, sameKernel }: BootComparison): string {
  const [old, now] = boots
  const figures = `${time(before ?? 0)} before, ${time(since ?? 0)} since, medians of ${old} and ${now} boots`
  switch (verdict) {
    case 'too-few':
      return `Three boots of the old layout and three of the new one are needed to compare; there are ${old} and ${now}.`
    case 'not-told':
      return `The boots do not tell a difference: ${figures}.`
    default:
      return (
        `Boots take ${time(Math.abs(before! - since!))} ${verdict === 'faster' ? 'less' : 'more'}: ${figures}.` +
        (sameKernel ? '' : ' Not all of them had the same kernel.')
      )
  }
}

/** Seconds as people say them. */
export const time = (ms: number): string =>
  ms >= 20_000 ? `${Math.round(ms / 1000)} s` : `${(ms / 1000).toFixed(1)} s`
