/**
 * ClickHouse's TabSeparated, the one format that every version reads and writes:
 * \t, \n and \\ inside values, \N for null.
 */
const escapes: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\\': '\\\\', '\0': '\\0' }
const unescapes: Readonly<Record<string, string>> = {
  t: '\t',
  n: '\n',
  r: '\r',
  b: '\b',
  f: '\f',
  '0': '\0',
  "'": "'",
  '\\': '\\',
}

export const tsvRow = (values: readonly (string | number | bigint | null)[]): string =>
  `${values.map((value) => (value === null ? '\\N' : typeof value === 'string' ? escaped(value) : String(value))).join('\t')}\n`

const escaped = (text: string): string => text.replace(/[\t\n\r\\\0]/g, (one) => escapes[one] ?? one)

/** A line without its newline. */
export const tsvValues = (line: string): (string | null)[] =>
  line
    .split('\t')
    .map((value) => (value === '\\N' ? null : value.replace(/\\(.)/gs, (_, one: string) => unescapes[one] ?? one)))
