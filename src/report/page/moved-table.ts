/** The table of files moved: sorted, searched and shown in portions. */
import type { MovedColumns } from '../embedded/page-data.js'
import { bytes, count } from '../../text/units.js'

const portion = 25

type Column = keyof MovedColumns

const shown: Readonly<Record<Column, (columns: MovedColumns, row: number) => string>> = {
  name: ({ name }, row) => name[row]!,
  what: ({ what }, row) => what[row]!,
  why: ({ why }, row) => why[row]!,
  bytes: (columns, row) => bytes(columns.bytes[row]!),
  piecesBefore: ({ piecesBefore }, row) => count(piecesBefore[row]!),
  piecesAfter: ({ piecesAfter }, row) => count(piecesAfter[row]!),
  from: ({ from }, row) => count(from[row]!),
  to: ({ to }, row) => count(to[row]!),
}

const columnOrder: readonly Column[] = ['name', 'what', 'why', 'bytes', 'piecesBefore', 'piecesAfter', 'from', 'to']

export class MovedTable {
  private rows: number[] = []
  private limit = portion
  private sorted: { column: Column; down: boolean } | undefined
  private sought = ''
  private readonly body: HTMLTableSectionElement

  private readonly columns: MovedColumns
  private readonly root: HTMLElement

  constructor(columns: MovedColumns, root: HTMLElement) {
    this.columns = columns
    this.root = root
    this.body = root.querySelector('tbody')!
    root.querySelector('input[type=search]')!.addEventListener('input', ({ target }) => {
      this.sought = (target as HTMLInputElement).value.toLocaleLowerCase()
      this.limit = portion
      this.refresh()
    })
    for (const button of root.querySelectorAll<HTMLButtonElement>('th button'))
      button.addEventListener('click', () => this.sort(button))
    root.querySelector('[data-do=more]')!.addEventListener('click', () => this.show(this.limit + 4 * portion))
    root.querySelector('[data-do=every]')!.addEventListener('click', () => this.show(Infinity))
    this.sort(root.querySelector<HTMLButtonElement>('[data-column=piecesBefore]')!)
  }

  private sort(button: HTMLButtonElement): void {
    const column = button.dataset['column'] as Column
    const numeric = typeof this.columns[column][0] === 'number'
    this.sorted = this.sorted?.column === column ? { column, down: !this.sorted.down } : { column, down: numeric }
    for (const head of this.root.querySelectorAll('th[aria-sort]')) head.setAttribute('aria-sort', 'none')
    button.closest('th')!.setAttribute('aria-sort', this.sorted.down ? 'descending' : 'ascending')
    this.refresh()
  }

  private show(limit: number): void {
    this.limit = limit
    this.render()
  }

  private refresh(): void {
    const { columns, sought, sorted } = this
    this.rows = columns.name.flatMap((name, row) => (name.toLocaleLowerCase().includes(sought) ? [row] : []))
    if (sorted) {
      const values: readonly (string | number)[] = columns[sorted.column]
      const sign = sorted.down ? -1 : 1
      this.rows.sort((a, b) => {
        const [x, y] = [values[a]!, values[b]!]
        return x < y ? -sign : x > y ? sign : a - b
      })
    }
    this.render()
  }

  private render(): void {
    const some = this.rows.slice(0, this.limit)
    this.body.replaceChildren(
      ...some.map((row) => {
        const line = document.createElement('tr')
        for (const column of columnOrder) {
          const cell = document.createElement(column === 'name' ? 'th' : 'td')
          if (column === 'name') cell.setAttribute('scope', 'row')
          else if (typeof this.columns[column][row] === 'number') cell.className = 'number'
          const text = shown[column](this.columns, row)
          cell.textContent = text
          line.append(cell)
        }
        return line
      }),
    )
    const left = this.rows.length - some.length
    this.root.querySelector('.table-status')!.textContent =
      this.rows.length === 0
        ? 'No name contains this.'
        : `${count(some.length)} of ${count(this.rows.length)} shown${this.sought === '' ? '' : `, whose names contain “${this.sought}”`}`
    for (const button of this.root.querySelectorAll<HTMLButtonElement>('[data-do=more], [data-do=every]'))
      button.hidden = left <= 0
  }
}
