/** What runs in the browser: reads the embedded data and brings the page to life. */
import { Chart } from './chart.js'
import { MovedTable } from './moved-table.js'
import type { PageData } from '../embedded/page-data.js'
import { readColumns } from './read-columns.js'
import { followTheme } from './theme.js'

async function begin(): Promise<void> {
  const root = document.documentElement
  root.classList.add('script')
  const data = JSON.parse(document.getElementById('data')!.textContent) as PageData
  const table = document.getElementById('moved')
  if (table && data.moved.name.length > 0) new MovedTable(data.moved, table)
  const reads = document.getElementById('reads')!
  const chart = new Chart(
    data,
    await Promise.all(
      data.layouts.map(async ({ marks, blockSize, runs }) => ({ marks: await readColumns(marks), blockSize, runs })),
    ),
    reads,
  )
  followTheme(() => chart.invalidate())
}

begin().catch((error: unknown) => {
  const notice = document.getElementById('notice')!
  notice.textContent = `The drawing needs a newer browser (${String(error)}). The numbers and tables are all here.`
  notice.hidden = false
})
