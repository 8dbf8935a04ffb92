/** The table of rooms in docs/architecture.md. */
import type { Room } from './rooms.js'

const begin = '<!-- rooms: made by `npm run arrows -- --write` -->\n'
const end = '<!-- end of rooms -->\n'

export const roomTable = (rooms: readonly Room[]): string =>
  ['| room | what lives there | may import |', '|---|---|---|', ...rooms.map(row)].map((line) => `${line}\n`).join('')

const row = ({ name, what, imports, packages = [], node }: Room): string => {
  const others = [...(imports === 'any' ? ['any'] : imports), ...packages.map((each) => `\`${each}\``)]
  const ofNode = node?.map((each) => `\`node:${each}\``) ?? ['Node']
  return `| \`${name}\` | ${what} | ${[...others, ...ofNode].join(', ') || 'nothing'} |`
}

/**
 * @returns the document with its table made anew
 * @throws Error when it has no marks around the table
 */
export function withTable(document: string, table: string): string {
  const from = document.indexOf(begin)
  const to = document.indexOf(end)
  if (from < 0 || to < from) throw new Error(`The document has no "${begin.trim()}" and "${end.trim()}".`)
  return document.slice(0, from + begin.length) + table + document.slice(to)
}
