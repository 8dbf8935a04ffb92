/** A table whose numbers have bars beside them: what is seen and what is read aloud are the same cells. */
import { html, type Html } from './html.js'

export interface BarColumn {
  readonly title: string
  /** Colours the bars. */
  readonly tone: 'before' | 'after'
}

export interface BarRow {
  readonly title: string
  readonly note?: string
  readonly cells: readonly { readonly text: string; /** 0 to 1. */ readonly share: number }[]
  /** A last cell without a bar. */
  readonly last?: string
}

export function barTable(
  caption: string,
  head: string,
  columns: readonly BarColumn[],
  rows: readonly BarRow[],
  last?: string,
): Html {
  return html`
    <table class="bars">
      <caption>${caption}</caption>
      <thead><tr><th scope="col">${head}</th>${columns.map(({ title }) => html`<th scope="col">${title}</th>`)}${last !== undefined && html`<th scope="col" class="last">${last}</th>`}</tr></thead>
      <tbody>${rows.map(
        (row) => html`
        <tr><th scope="row">${row.title}${row.note !== undefined && html`<small>${row.note}</small>`}</th>${row.cells.map(({ text, share }, i) => html`<td><span class="number">${text}</span>${bar(share, columns[i]!.tone)}</td>`)}${row.last !== undefined && html`<td class="last">${row.last}</td>`}</tr>`,
      )}
      </tbody>
    </table>`
}

/** Drawn with attributes: the page allows no styles of single elements. */
const bar = (share: number, tone: string): Html =>
  html`<svg class="bar ${tone}" aria-hidden="true" focusable="false"><rect width="${(Math.min(1, Math.max(share > 0 ? 0.004 : 0, share)) * 100).toFixed(2)}%" height="100%"/></svg>`
