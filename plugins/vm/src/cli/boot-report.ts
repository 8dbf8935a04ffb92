/** Boots as JSON and as tables for people. */
import { bytes, count, seconds, table } from 'bootpack/text'
import { diskModel, type DiskName } from '../disk/disk-model.js'
import type { Accelerator } from '../machine/accelerator.js'
import { median, medianFigures, type BootFigures } from '../machine/figures.js'
import type { BootResult } from '../machine/machine.js'

export interface BootRun extends BootFigures {
  /** From switching on to the moment waited for. */
  readonly seconds: number
  /** Seconds of it that the machine waited for a processor of the host; null where that is not known. */
  readonly hostWait: number | null
}

export interface ImageRuns {
  readonly image: string
  readonly kernel: string
  readonly runs: readonly BootRun[]
  /** The median of each figure by itself. */
  readonly median: BootRun
}

export interface Conditions {
  readonly disk: DiskName
  readonly scale: number
  readonly until: string
  readonly accelerator: Accelerator
}

/** To the thousandth of a second and of a millisecond: what the clock was good for, and more. */
export const bootRun = ({ seconds, hostWait, figures }: BootResult): BootRun => ({
  seconds: thousandths(seconds),
  hostWait: hostWait === undefined ? null : thousandths(hostWait),
  ...figures,
  positioningMs: thousandths(figures.positioningMs),
})

const thousandths = (value: number): number => Math.round(value * 1e3) / 1e3

export const imageRuns = (image: string, kernel: string, runs: readonly BootRun[]): ImageRuns => ({
  image,
  kernel,
  runs,
  median: { seconds: median(runs.map((run) => run.seconds)), hostWait: medianWait(runs), ...medianFigures(runs) },
})

const medianWait = (runs: readonly BootRun[]): number | null => {
  const known = runs.flatMap(({ hostWait }) => hostWait ?? [])
  return known.length === runs.length ? median(known) : null
}

/** What is true of all boots of a series: disk, accelerator, and what they waited for. */
export function conditionsText({ disk, scale, until, accelerator }: Conditions): string {
  const machine =
    accelerator.name === 'kvm'
      ? 'KVM'
      : `emulated processor${accelerator.why === undefined ? '' : ` (${accelerator.why})`}`
  const times = scale === 1 ? '' : scale === 0 ? ', without its delays' : `, delays x ${scale}`
  return [
    `disk     ${disk}${times}: ${diskModel(disk, 1).source}`,
    `machine  ${machine}`,
    `until    ${JSON.stringify(until)}`,
  ].join('\n')
}

/** More than this share of a boot spent waiting for the host makes its time say little about its disk. */
const mostHostWait = 0.05

/** A sentence when the host was too busy for the times to be compared; undefined when it was not. */
export function busyHostText(images: readonly ImageRuns[]): string | undefined {
  const busy = images
    .flatMap(({ runs }) => runs)
    .filter(({ seconds, hostWait }) => (hostWait ?? 0) > seconds * mostHostWait).length
  return busy === 0
    ? undefined
    : `In ${busy === 1 ? 'one boot' : `${busy} boots`} the machine waited more than ${mostHostWait * 100} % of its time for a processor of this host ("host busy", seconds): repeat this when the host is idle.`
}

interface Row {
  readonly title: string
  readonly value: (run: BootRun) => number
  readonly show: (value: number) => string
}

const rows: readonly Row[] = [
  { title: 'seconds', value: (run) => run.seconds, show: (value) => value.toFixed(1) },
  {
    title: 'host busy',
    value: (run) => run.hostWait ?? NaN,
    show: (value) => (Number.isNaN(value) ? '?' : value.toFixed(1)),
  },
  { title: 'reads', value: (run) => run.reads, show: count },
  { title: 'read', value: (run) => run.readBytes, show: bytes },
  { title: 'not sequential', value: (run) => run.notSequential, show: count },
  { title: 'seek distance', value: (run) => run.seekDistanceBytes, show: bytes },
  { title: 'positioning', value: (run) => run.positioningMs, show: seconds },
  { title: 'written', value: (run) => run.writtenBytes, show: bytes },
]

/** A line for each boot, and the median when there are several. */
export function runsTable({ runs, median: middle }: ImageRuns): string {
  const lines = runs.map((run, i) => [String(i + 1), ...rows.map(({ value, show }) => show(value(run)))])
  if (runs.length > 1) lines.push(['median', ...rows.map(({ value, show }) => show(value(middle)))])
  return table(['boot', ...rows.map(({ title }) => title)], lines)
}

/** Medians side by side, and how many times less the second needs. */
export function comparisonTable(a: ImageRuns, b: ImageRuns): string {
  const lines = rows.map(({ title, value, show }) => {
    const [one, other] = [value(a.median), value(b.median)]
    return [title, show(one), show(other), one > 0 && other > 0 ? `${(one / other).toFixed(2)} x` : '-']
  })
  for (const i of a.runs.keys()) {
    if (a.runs.length > 1)
      lines.push([`boot ${i + 1}, seconds`, a.runs[i]!.seconds.toFixed(1), b.runs[i]!.seconds.toFixed(1), ''])
  }
  return table(['median', 'A', 'B', 'A / B'], lines)
}
