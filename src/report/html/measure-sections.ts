/** Seek distances, times per disk, and all figures of the measure. */
import { binaryBytes, bytes, count, seconds } from '../../text/units.js'
import type { ReportData, ReportLayout } from '../report-data.js'
import { barTable, type BarColumn } from './bar-table.js'
import { changeText } from './change.js'
import { html, type Html } from './html.js'

export const layoutTitles: Record<ReportLayout['name'], string> = {
  now: 'now',
  before: 'before',
  predicted: 'predicted',
  after: 'after',
}

const columnsOf = ({ layouts }: ReportData): BarColumn[] =>
  layouts.map(({ name }, i) => ({
    title: layoutTitles[name],
    tone: layouts.length > 1 && i === 0 ? 'before' : 'after',
  }))

export function seekSection(report: ReportData): Html {
  const { layouts } = report
  const most = Math.max(1, ...layouts.flatMap(({ histogram }) => histogram.map(({ seeks }) => seeks)))
  const longest = layouts.reduce((best, { histogram }) => Math.max(best, histogram.length), 0)
  const blockSize = layouts[0]?.blockSize ?? 1
  const rows = Array.from({ length: longest }, (_, i) => ({
    title: `${binaryBytes(4 ** i * blockSize)} to ${binaryBytes(4 ** (i + 1) * blockSize)}`,
    cells: layouts.map(({ histogram }) => ({
      text: count(histogram[i]?.seeks ?? 0),
      share: (histogram[i]?.seeks ?? 0) / most,
    })),
  }))
  return html`
  <section id="seeks" aria-labelledby="seeks-title">
    <h2 id="seeks-title">How far the head jumps</h2>
    <p>A seek is a read that does not start where the last one ended. Each row covers distances four times as long as the one above it.</p>
    ${barTable('Seeks by distance', 'distance', columnsOf(report), rows)}
    ${fixedNote(layouts)}
  </section>`
}

/** What packing cannot take away should not look like its failure. */
function fixedNote(layouts: readonly ReportLayout[]): Html | undefined {
  const last = layouts.at(-1)
  if (!last || last.fixedSeeks === 0) return undefined
  return html`<p class="note">${last.measure.seeks === last.fixedSeeks ? 'All' : `${count(last.fixedSeeks)} of the ${count(last.measure.seeks)}`} ${last.name === 'now' ? 'seeks' : `seeks ${last.name === 'predicted' ? 'predicted' : 'left'}`} lead to inode tables and bitmaps, or back from them. Those never move.</p>`
}

export function diskSection(report: ReportData): Html {
  const { layouts, disks } = report
  const rows = disks.map(({ name, source }) => {
    const times = layouts.map(({ measure }) => measure.modelMs[name] ?? 0)
    const most = Math.max(...times, Number.MIN_VALUE)
    return {
      title: name,
      note: source,
      cells: times.map((time) => ({
        text: seconds(time),
        share: layouts.length > 1 ? time / most : time / mostOfAll(report),
      })),
      ...(times.length > 1 && { last: changeText(times[0]!, times[1]!) }),
    }
  })
  return html`
  <section id="disks" aria-labelledby="disks-title">
    <h2 id="disks-title">What it is worth on which disk</h2>
    <p>Modelled time the disk spends on this boot, positioning and transfer. Models rank layouts; they do not forecast a boot, which also computes and waits.${layouts.length > 1 && ' Bars compare the two layouts on the same disk, not one disk with another.'}</p>
    ${barTable('Modelled disk time of the boot', 'disk model', columnsOf(report), rows, layouts.length > 1 ? 'change' : undefined)}
  </section>`
}

const mostOfAll = ({ layouts }: ReportData): number =>
  Math.max(Number.MIN_VALUE, ...layouts.flatMap(({ measure }) => Object.values(measure.modelMs)))

export function figuresSection(report: ReportData): Html {
  const { layouts } = report
  const row = (title: string, value: (layout: ReportLayout) => number, text: (value: number) => string): Html => html`
        <tr><th scope="row">${title}</th>${layouts.map((layout) => html`<td class="number">${text(value(layout))}</td>`)}${layouts.length > 1 && html`<td>${changeText(value(layouts[0]!), value(layouts[1]!))}</td>`}</tr>`
  return html`
  <section id="figures" aria-labelledby="figures-title">
    <h2 id="figures-title">Bytes, requests and seeks</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="All figures">
    <table>
      <caption>All figures of the boot</caption>
      <thead><tr><th scope="col">figure</th>${layouts.map(({ name }) => html`<th scope="col" class="number">${layoutTitles[name]}</th>`)}${layouts.length > 1 && html`<th scope="col">change</th>`}</tr></thead>
      <tbody>
        ${row('files read', ({ measure }) => measure.files, count)}
        ${row('data read', ({ measure }) => measure.readBlocks * measure.blockSize, bytes)}
        ${row('disk requests', ({ measure }) => measure.requests, count)}
        ${row('bytes a request', ({ measure }) => (measure.requests === 0 ? 0 : (measure.readBlocks * measure.blockSize) / measure.requests), bytes)}
        ${row('seeks', ({ measure }) => measure.seeks, count)}
        ${row('seek distance', ({ measure }) => measure.seekDistanceBlocks * measure.blockSize, bytes)}
        ${row('seek distance, blocks', ({ measure }) => measure.seekDistanceBlocks, count)}
        ${row('span on the disk', ({ measure }) => measure.spanBlocks * measure.blockSize, bytes)}
      </tbody>
    </table>
    </div>
  </section>`
}
