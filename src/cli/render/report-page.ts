import { writeAtomically } from '../../files/atomic-file.js'
import type { ReportData, ReportInput } from '../../report/report-data.js'
import type { Trace } from '../../trace/model/trace.js'

/**
 * Writes a report as one HTML file; '-' is standard output.
 * @throws as writeAtomically does
 */
export async function writeReportPage(path: string, report: ReportData): Promise<void> {
  const { reportPage } = await import('../../report/html/page.js')
  const text = reportPage(report)
  if (path === '-') process.stdout.write(text)
  else await writeAtomically(path, 'page', (file) => file.writeFile(text))
}

/** What a page says of its trace. */
export const traceFacts = (name: string, { header: { source, recorded, lost } }: Trace): ReportInput['trace'] => ({
  name,
  source,
  ...(recorded !== undefined && { recorded }),
  ...(lost !== undefined && { lost }),
})
