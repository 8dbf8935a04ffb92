/** Imports against arrows; pure. */
import type { Room } from './rooms.js'

/** One import as it stands in the source. */
export interface Import {
  /** Paths from the top of the checkout: `src/plan/plan.ts`. */
  readonly from: string
  /** The file it leads to, or the name of a package, or `node:` and a module. */
  readonly to: string
}

/**
 * @param imports of all files that are in rooms
 * @returns sentences: arrows that are not allowed, with the file; then those nobody uses
 */
export function judge(rooms: readonly Room[], imports: readonly Import[]): string[] {
  const used = new Map(rooms.map((room) => [room, new Set<string>()]))
  const complaints: string[] = []
  for (const { from, to } of imports) {
    const room = roomOf(rooms, from)
    if (room === undefined) {
      complaints.push(`${from} is in no room of scripts/arrows/rooms.ts.`)
      continue
    }
    const target = to.startsWith('node:') || !/^(?:src|plugins)\//.test(to) ? to : roomOf(rooms, to)?.name
    if (target === undefined) complaints.push(`${from} imports ${to}, which is in no room.`)
    else if (target === room.name || target === 'errors') continue
    else if (mayImport(room, target)) used.get(room)!.add(target)
    else complaints.push(`${from} imports ${to}, but ${room.name} may import only: ${allowed(room)}.`)
  }
  return [...new Set(complaints)].concat(rooms.flatMap((room) => unusedArrows(room, used.get(room)!)))
}

/** The innermost room a file is in. */
function roomOf(rooms: readonly Room[], path: string): Room | undefined {
  const within = path.replace(/^src\//, '')
  return rooms
    .filter(({ name }) => within.startsWith(`${name}/`) || within === `${name}.ts`)
    .sort((one, other) => other.name.length - one.name.length)[0]
}

function mayImport({ imports, packages, node }: Room, target: string): boolean {
  if (target.startsWith('node:')) return node?.includes(target.slice('node:'.length)) ?? true
  return imports === 'any' || imports.includes(target) || (packages?.includes(target) ?? false)
}

const allowed = ({ imports, packages = [], node }: Room): string =>
  ['errors', ...imports, ...packages, ...(node ?? ['of Node, anything']).map((name) => `node:${name}`)].join(', ')

function unusedArrows({ name, imports, packages = [], node = [] }: Room, used: ReadonlySet<string>): string[] {
  const listed = [...(imports === 'any' ? [] : imports), ...packages, ...node.map((each) => `node:${each}`)]
  return listed
    .filter((target) => !used.has(target))
    .map((target) => `${name} may import ${target}, and does not: take the arrow out of scripts/arrows/rooms.ts.`)
}
