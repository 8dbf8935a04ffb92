import type { TraceArchive } from 'bootpack/cli'

/** Tells bootpack of Parquet; the database behind it is loaded only when somebody asks. */
export default async function archives(): Promise<TraceArchive[]> {
  const { parquetArchive } = await import('../parquet/archive.js')
  return [parquetArchive]
}
