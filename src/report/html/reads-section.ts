/** The two plots: what the script needs to draw them, and what is said in their place. */
import { binaryBytes, bytes, count } from '../../text/units.js'
import type { ReportData, ReportLayout } from '../report-data.js'
import { html, type Html } from './html.js'
import { layoutTitles } from './measure-sections.js'

/** Parts of the disk in the table that stands for the drawing. */
const parts = 16

export function readsSection(report: ReportData): Html {
  const { layouts, plan, trace } = report
  return html`
  <section id="reads" aria-labelledby="reads-title">
    <h2 id="reads-title">Where the boot reads</h2>
    <p>From left to right the boot goes on, from bottom to top the disk. ${layouts.length > 1 ? 'A cloud makes the head go back and forth; what rises steadily is read in one go.' : 'A cloud makes the head go back and forth; packed, it would be a rising line.'}${layouts.length > 1 && ' Both plots show the same window, and a file pointed at in one is marked in both.'}</p>
    <div class="controls" role="group" aria-label="Drawing">
      ${
        trace.timed &&
        choice('Across', 'across', [
          ['order', 'read order'],
          ['time', 'time'],
        ])
      }
      ${choice('Disk in', 'upward', [
        ['bytes', 'bytes'],
        ['blocks', 'blocks'],
      ])}
      <div class="buttons">
        <button type="button" data-do="in">Zoom in</button>
        <button type="button" data-do="out">Zoom out</button>
        ${plan && plan.runs.length > 0 && html`<button type="button" data-do="run">Zoom to the run</button>`}
        <button type="button" data-do="all">Show all</button>
      </div>
      <fieldset><legend>Show</legend>
        <label><input type="checkbox" name="group" value="data" checked> ${legendShape(layouts.length > 1 ? 'data' : 'alone')} file data</label>
        <label><input type="checkbox" name="group" value="directories" checked> ${legendShape('directories')} directories and trees</label>
        <label><input type="checkbox" name="group" value="fixed" checked> ${legendShape('fixed')} inode tables, bitmaps</label>
        <label><input type="checkbox" name="head-path" checked> ${legendShape('path')} path of the head</label>
      </fieldset>
    </div>
    <p id="notice" role="alert" hidden></p>
    <noscript><p class="note">The drawing needs scripts; the table below says the same in numbers.</p></noscript>
    <div class="plots">${layouts.map((layout, i) => plot(layout, layouts.length > 1 && i === 0 ? 'before' : 'after'))}
    </div>
    <p class="plot-status" role="status"></p>
    <p class="note" id="plot-keys">Drag to move, double-click or pinch to zoom, Shift and drag to zoom to a box; the wheel zooms once a plot was clicked, or with Ctrl. Keys in a plot: arrows move, <kbd>+</kbd> <kbd>-</kbd> zoom, <kbd>0</kbd> shows all, <kbd>n</kbd> <kbd>p</kbd> go from read to read.</p>
    <details><summary>The same in numbers: what is read from which part of the disk</summary>
      ${placeTable(layouts)}
    </details>
  </section>`
}

const choice = (
  title: string,
  name: string,
  options: readonly (readonly [value: string, text: string])[],
): Html => html`
      <fieldset><legend>${title}</legend>${options.map(
        ([value, text], i) => html`
        <label><input type="radio" name="${name}" value="${value}"${i === 0 && html` checked`}> ${text}</label>`,
      )}
      </fieldset>`

function plot(layout: ReportLayout, tone: string): Html {
  const { name, measure, blockSize, pieces, marks } = layout
  const title = layoutTitles[name]
  const summary = `${count(measure.seeks)} seeks over ${bytes(measure.seekDistanceBlocks * blockSize)}`
  return html`
      <figure class="plot ${tone}">
        <figcaption><b>${title}</b> ${summary}${marks.length < pieces && `; drawn is a sample of ${count(marks.length)} of ${count(pieces)} pieces`}</figcaption>
        <div class="plot-area" tabindex="0" role="application" aria-roledescription="plot" aria-label="Reads ${title}: ${summary}, ${bytes(measure.readBlocks * blockSize)} within ${bytes(measure.spanBlocks * blockSize)} of the disk. The table below the plots has the same in numbers." aria-describedby="plot-keys">
          <canvas></canvas>
          <div class="tip" role="status" hidden></div>
        </div>
      </figure>`
}

const shapes: Readonly<Record<string, Html>> = {
  data: html`<rect class="was-shape" x="0" y="3" width="5" height="6"/><rect x="7" y="3" width="5" height="6"/>`,
  alone: html`<rect x="3" y="3" width="6" height="6"/>`,
  directories: html`<path d="M6 1 11 6 6 11 1 6z"/>`,
  fixed: html`<path d="M5 1h2v4h4v2h-4v4h-2v-4h-4v-2h4z"/>`,
  path: html`<path d="M1 10 4 2 8 9 11 3" fill="none"/>`,
}

const legendShape = (name: string): Html =>
  html`<svg class="shape ${name}" viewBox="0 0 12 12" aria-hidden="true" focusable="false">${shapes[name]}</svg>`

function placeTable(layouts: readonly ReportLayout[]): Html {
  const size = Math.max(1, ...layouts.map(({ blockSize, blockCount }) => blockSize * blockCount))
  const columns = layouts.map((layout) => ({ layout, ...readByPart(layout, size) }))
  return html`
      <table class="places">
        <caption>Bytes read and pieces begun in each sixteenth of the disk</caption>
        <thead><tr><th scope="col">part of the disk</th>${layouts.map(({ name }) => html`<th scope="col" class="number">read ${layoutTitles[name]}</th><th scope="col" class="number">pieces ${layoutTitles[name]}</th>`)}</tr></thead>
        <tbody>${Array.from(
          { length: parts },
          (_, i) => html`
          <tr><th scope="row">${binaryBytes(Math.round((size / parts) * i))} to ${binaryBytes(Math.round((size / parts) * (i + 1)))}</th>${columns.map(({ read, begun }) => html`<td class="number">${bytes(read[i]!)}</td><td class="number">${count(begun[i]!)}</td>`)}</tr>`,
        )}
        </tbody>
      </table>`
}

function readByPart({ marks, blockSize }: ReportLayout, size: number): { read: number[]; begun: number[] } {
  const read = new Array<number>(parts).fill(0)
  const begun = new Array<number>(parts).fill(0)
  for (const { start, length } of marks) {
    const part = Math.min(parts - 1, Math.floor(((start * blockSize) / size) * parts))
    read[part]! += length * blockSize
    begun[part]!++
  }
  return { read, begun }
}
