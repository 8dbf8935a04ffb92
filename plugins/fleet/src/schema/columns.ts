/**
 * Schema 2 of a fleet's boots: the columns of both tables, here and nowhere else
 * (docs/fleet.md). `reads` has a row for each read of each boot, in the order of
 * boot_id and seq; `boots` has a row for each boot, and a boot is there only when all of
 * its reads are.
 *
 * Schema 1 had no columns for who reads: `by` and `unit` are in its `extra`. It is read, and
 * no longer written.
 */
export const schemaVersion = 2

/** Those that can be read. */
export const readableSchemas: readonly number[] = [1, 2]

/** Columns of reads that schema 1 does not have. */
export const newReadColumns: readonly string[] = ['program', 'unit', 'reader']

export interface Column {
  readonly name: string
  readonly duckdb: 'VARCHAR' | 'INTEGER' | 'BIGINT' | 'DOUBLE'
  readonly clickhouse: string
  readonly says: string
}

export const readColumns: readonly Column[] = [
  { name: 'boot_id', duckdb: 'VARCHAR', clickhouse: 'String', says: 'the boot, 32 hexadecimal digits' },
  { name: 'seq', duckdb: 'INTEGER', clickhouse: 'Int32', says: 'place among the reads of its boot, from 0' },
  { name: 't', duckdb: 'DOUBLE', clickhouse: 'Nullable(Float64)', says: 'microseconds since the trace began' },
  { name: 'ino', duckdb: 'BIGINT', clickhouse: 'Nullable(Int64)', says: 'inode number' },
  { name: 'path', duckdb: 'VARCHAR', clickhouse: 'Nullable(String)', says: 'name, from the root of the filesystem' },
  { name: 'off', duckdb: 'BIGINT', clickhouse: 'Int64', says: 'first byte' },
  { name: 'len', duckdb: 'BIGINT', clickhouse: 'Nullable(Int64)', says: 'bytes; none means to the end of the file' },
  { name: 'kind', duckdb: 'VARCHAR', clickhouse: 'String', says: 'data, directory or metadata' },
  { name: 'what', duckdb: 'VARCHAR', clickhouse: 'Nullable(String)', says: 'what a metadata read hit' },
  { name: 'dev', duckdb: 'VARCHAR', clickhouse: 'Nullable(String)', says: 'device, major:minor' },
  { name: 'shape', duckdb: 'BIGINT', clickhouse: 'Int64', says: 'number of all that is above but boot_id, seq and t' },
  { name: 'program', duckdb: 'VARCHAR', clickhouse: 'Nullable(String)', says: 'program that reads' },
  { name: 'unit', duckdb: 'VARCHAR', clickhouse: 'Nullable(String)', says: 'systemd unit it belongs to' },
  { name: 'reader', duckdb: 'BIGINT', clickhouse: 'Nullable(Int64)', says: 'number of program and unit' },
  { name: 'extra', duckdb: 'VARCHAR', clickhouse: 'Nullable(String)', says: 'other fields of the read, as JSON' },
]

export const bootColumns: readonly Column[] = [
  { name: 'boot_id', duckdb: 'VARCHAR', clickhouse: 'String', says: 'made from all that the trace says' },
  { name: 'image', duckdb: 'VARCHAR', clickhouse: 'String', says: 'what was booted, as whoever added it named it' },
  { name: 'day', duckdb: 'VARCHAR', clickhouse: 'String', says: 'YYYY-MM-DD of the recording, in UTC' },
  { name: 'machine_id', duckdb: 'VARCHAR', clickhouse: 'Nullable(String)', says: 'keyed hash of the machine' },
  { name: 'filesystem', duckdb: 'VARCHAR', clickhouse: 'Nullable(String)', says: 'UUID of the filesystem' },
  { name: 'kernel', duckdb: 'VARCHAR', clickhouse: 'Nullable(String)', says: 'its release' },
  { name: 'root', duckdb: 'VARCHAR', clickhouse: 'Nullable(String)', says: 'root device or folder of the recording' },
  { name: 'source', duckdb: 'VARCHAR', clickhouse: 'String', says: 'recorder or format' },
  { name: 'recorded', duckdb: 'VARCHAR', clickhouse: 'Nullable(String)', says: 'ISO 8601 time' },
  { name: 'lost', duckdb: 'BIGINT', clickhouse: 'Int64', says: 'events the recorder lost' },
  { name: 'bad', duckdb: 'BIGINT', clickhouse: 'Int64', says: 'lines that could not be read' },
  { name: 'place', duckdb: 'INTEGER', clickhouse: 'Int32', says: 'place among those added with it, from 0' },
  { name: 'reads', duckdb: 'INTEGER', clickhouse: 'Int32', says: 'rows in the table of reads' },
  { name: 'duration', duckdb: 'DOUBLE', clickhouse: 'Nullable(Float64)', says: 'microseconds to the last read' },
  { name: 'header', duckdb: 'VARCHAR', clickhouse: 'String', says: 'the header of the trace, as JSON' },
]
