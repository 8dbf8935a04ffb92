/**
 * The nodes of the tree and their numbers. A number says by itself what it stands for
 * (root and common files below 32, then 32 for each inode), so nothing has to be kept
 * for the names a client has looked up, nor forgotten.
 */

/** Common part of the tree: parent, then name. */
export const commonNodes = {
  root: { number: 1, parent: 'root', name: '' },
  features: { number: 2, parent: 'root', name: 'features' },
  allocation: { number: 3, parent: 'root', name: 'allocation' },
  freeBlocks: { number: 4, parent: 'allocation', name: 'free_blocks' },
  super: { number: 5, parent: 'root', name: 'super' },
  blocksize: { number: 6, parent: 'super', name: 'blocksize' },
  id: { number: 7, parent: 'super', name: 'id' },
  nodes: { number: 8, parent: 'root', name: 'nodes' },
  failures: { number: 9, parent: 'root', name: 'failures' },
} as const

/** What each inode has below nodes/<inode>. */
export const inodeNodes = {
  node: { number: 0, parent: 'node', name: '' },
  allocGoal: { number: 1, parent: 'node', name: 'alloc_goal' },
  data: { number: 2, parent: 'node', name: 'data' },
  extents: { number: 3, parent: 'data', name: 'extents' },
  dataAlloc: { number: 4, parent: 'data', name: 'alloc' },
  dataReloc: { number: 5, parent: 'data', name: 'reloc' },
  metadata: { number: 6, parent: 'node', name: 'metadata' },
  metadataAlloc: { number: 7, parent: 'metadata', name: 'alloc' },
  metadataReloc: { number: 8, parent: 'metadata', name: 'reloc' },
} as const

export type CommonKind = keyof typeof commonNodes
export type InodeKind = keyof typeof inodeNodes

export type Node =
  { readonly kind: CommonKind; readonly inode?: never } | { readonly kind: InodeKind; readonly inode: number }

const perInode = 32

export const numberOf = (node: Node): number =>
  node.inode === undefined ? commonNodes[node.kind].number : node.inode * perInode + inodeNodes[node.kind].number

const commonKinds = new Map(
  Object.entries(commonNodes).map(([kind, { number }]) => [number as number, kind as CommonKind]),
)
const inodeKinds = new Map(
  Object.entries(inodeNodes).map(([kind, { number }]) => [number as number, kind as InodeKind]),
)

/** @returns undefined for a number that stands for nothing */
export function nodeOf(number: number): Node | undefined {
  if (number < perInode) {
    const kind = commonKinds.get(number)
    return kind && { kind }
  }
  const kind = inodeKinds.get(number % perInode)
  return kind && { kind, inode: Math.floor(number / perInode) }
}

const directories: ReadonlySet<string> = new Set<CommonKind | InodeKind>([
  'root',
  'allocation',
  'super',
  'nodes',
  'node',
  'data',
  'metadata',
])

export const isDirectory = ({ kind }: Node): boolean => directories.has(kind)

/** The entries of a directory that are always there; those of `nodes` are not. */
export function childrenOf({ kind, inode }: Node): { readonly name: string; readonly node: Node }[] {
  return inode === undefined
    ? children(commonNodes, kind).map(([name, child]) => ({ name, node: { kind: child } }))
    : children(inodeNodes, kind).map(([name, child]) => ({ name, node: { kind: child, inode } }))
}

function children<Kind extends string>(
  nodes: Readonly<Record<Kind, { readonly parent: string; readonly name: string }>>,
  of: string,
): [string, Kind][] {
  return (Object.keys(nodes) as Kind[])
    .filter((kind) => nodes[kind].parent === of && kind !== of)
    .map((kind) => [nodes[kind].name, kind])
}

export function parentOf(node: Node): Node {
  if (node.inode === undefined) return { kind: commonNodes[node.kind].parent }
  return node.kind === 'node' ? { kind: 'nodes' } : { kind: inodeNodes[node.kind].parent, inode: node.inode }
}

/** Where a node is in the tree, such as nodes/12/data/alloc. */
export function pathOf(node: Node): string {
  const names: string[] = []
  for (let at = node; at.inode !== undefined || at.kind !== 'root'; at = parentOf(at))
    names.unshift(at.inode === undefined ? commonNodes[at.kind].name : inodeNodes[at.kind].name || String(at.inode))
  return names.join('/')
}

/** A directory's name as a number: decimal, no zeros in front. */
export const inodeOfName = (name: string): number | undefined =>
  /^[1-9]\d{0,9}$/.test(name) ? Number(name) : undefined
