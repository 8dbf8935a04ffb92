/** A table or two as one HTML file that needs nothing else, in the manner of bootpack's report. */
export interface PageTable {
  readonly title: string
  readonly header: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
  /** Column whose number, from 0 to 1, is drawn as a bar. */
  readonly bar?: number
}

const escaped = (text: string | number): string => String(text).replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`)

const style = `
:root { color-scheme: light dark; --line: #8884; --bar: #3b82c4; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td.number, th.number { text-align: right; white-space: nowrap; }
.bar { background: var(--bar); height: .5rem; min-width: 1px; border-radius: 2px; }
footer { margin-top: 2rem; font-size: .85rem; opacity: .75; }
@media print { .bar { print-color-adjust: exact; } }`

export function page(title: string, tables: readonly PageTable[], made: string): string {
  return `<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)} - bootpack report</title><style>${style}</style>
<h1>${escaped(title)}</h1>
${tables.map((one) => section(one, one.title !== title)).join('\n')}
<footer>${escaped(made)}</footer></html>
`
}

function section({ title, header, rows, bar }: PageTable, headed: boolean): string {
  // Names and lists of names may break; numbers keep their unit beside them.
  const isNumber = (column: number): boolean =>
    column > 0 && rows.every((row) => /^(-|\d[^/]*)$/.test(String(row[column])))
  const cell = (value: string | number, column: number): string =>
    column === bar && typeof value === 'number'
      ? `<td title="${escaped(Math.round(value * 100))} %"><div class="bar" style="width:${Math.max(0, Math.min(100, value * 100)).toFixed(1)}%"></div></td>`
      : `<td${isNumber(column) ? ' class="number"' : ''}>${escaped(value)}</td>`
  return `${headed ? `<h2>${escaped(title)}</h2>\n` : ''}<table><thead><tr>${header.map((name, i) => `<th${isNumber(i) && i !== bar ? ' class="number"' : ''}>${escaped(name)}</th>`).join('')}</tr></thead>
<tbody>${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}</tbody></table>`
}
