import { writeAtomically } from '../../files/atomic-file.js'
import { outputError, writeTrace, type WriteTraceOptions } from '../write-trace.js'
import type { Trace } from '../model/trace.js'
import { outputKindOf, type ExportFormat, type Exported, type ListFormat } from './formats.js'
import { exportLines } from './path-lists.js'

/**
 * Writes the files of a trace as a list for another tool, or the trace itself, whole or not at all.
 * @param target a path, or '-' for standard output
 * @throws as writeAtomically does
 */
export async function exportTrace(
  trace: Trace,
  format: ListFormat | 'native',
  target: string,
  options: WriteTraceOptions = {},
): Promise<Exported> {
  if (format === 'native') {
    await writeTrace(target, trace, options)
    return { written: trace.reads.length, skipped: {} }
  }
  const { lines, exported } = exportLines(trace, format)
  await writeBytes(Buffer.concat([...lines]), format, target)
  return exported
}

/** @param target a path, or '-' for standard output */
export async function writeBytes(bytes: Buffer, format: ExportFormat, target: string): Promise<void> {
  if (target === '-')
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error ? reject(outputError(error) as Error) : resolve()))
    })
  else await writeAtomically(target, outputKindOf(format), (file) => file.writeFile(bytes))
}
