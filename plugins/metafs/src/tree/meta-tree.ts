/**
 * The tree of Jan Kara's meta filesystem over one filesystem:
 *
 *     features                        what the interface offers
 *     allocation/free_blocks          free runs; positions are blocks of the filesystem
 *     super/blocksize, super/id
 *     failures                        why the last orders were refused
 *     nodes/<inode>/alloc_goal        where space for this file is looked for
 *     nodes/<inode>/data/extents      its extents and holes; positions are file blocks
 *     nodes/<inode>/data/alloc        L: allocate L blocks at the position
 *     nodes/<inode>/data/reloc        IDENT: relocate what both have to where IDENT has it
 *     nodes/<inode>/metadata/alloc    LEVEL: a tree block over the position
 *     nodes/<inode>/metadata/reloc    IDENT LEVEL: exchange tree blocks over the position
 *
 * Regular files have a node. What the mail keeps in the kernel's inode, the goal and
 * what came of the last order, is kept here for as long as the mount lasts.
 */
import { BootpackError } from 'bootpack'
import { escapePath } from 'bootpack/text'
import { fsBlock, type FsBlock } from 'bootpack/engine'
import type { BlockSpace, SpaceFile } from 'bootpack/ext4'
import { Errno, type ErrnoName } from '../fuse/errno.js'
import type { OpenFile, Tree } from '../fuse/session.js'
import type { Attributes, DirectoryEntry } from '../fuse/wire.js'
import { ListFile } from '../files/list-file.js'
import { OrderFile, type Carried, type Order } from '../files/order-file.js'
import { TextFile } from '../files/text-file.js'
import { featuresText } from './features.js'
import { extentLines, firstAllocated, firstFree, freeLines } from './lists.js'
import {
  childrenOf,
  inodeOfName,
  isDirectory,
  nodeOf,
  numberOf,
  parentOf,
  pathOf,
  type InodeKind,
  type Node,
} from './node-number.js'
import { allocateData, allocateTreeBlock, piecesToRelocate, relocatePiece, relocateTreeBlock } from './orders.js'
import { Turns } from './turns.js'

type OrderKind = Extract<InodeKind, 'allocGoal' | 'dataAlloc' | 'dataReloc' | 'metadataAlloc' | 'metadataReloc'>

const numbersOf: Readonly<Record<OrderKind, number>> = {
  allocGoal: 1,
  dataAlloc: 1,
  dataReloc: 1,
  metadataAlloc: 1,
  metadataReloc: 2,
}

const isOrder = (kind: string): kind is OrderKind => kind in numbersOf

const O_ACCMODE = 3
const leastSize = 4096
/** Lines of `failures`; older ones go. */
const mostFailures = 32

export class MetaTree implements Tree {
  /** Looks at the filesystem and changes of it, one at a time. */
  private readonly turns = new Turns()
  /** Orders, one after the other: a long one is many changes, between which others may look. */
  private readonly orders = new Turns()
  private readonly goals = new Map<number, FsBlock>()
  /** By node number: what came of the last order. */
  private readonly outcomes = new Map<number, string>()
  private listed: readonly number[] = []
  /** Sentences, oldest first: a client learns only a number, and behind a mount in the background nobody reads stderr. */
  private readonly failures: string[] = []

  private readonly space: BlockSpace
  private readonly readOnly: boolean
  private readonly onFailure: (error: unknown, node: string) => void

  /** @param onFailure told of what the client learns only a number of */
  constructor(space: BlockSpace, readOnly: boolean, onFailure: (error: unknown, node: string) => void = () => {}) {
    this.space = space
    this.readOnly = readOnly
    this.onFailure = onFailure
  }

  /** When all that was asked for is done. */
  async idle(): Promise<void> {
    await this.orders.idle()
    await this.turns.idle()
  }

  async attributes(number: number, signal: AbortSignal): Promise<Attributes> {
    const node = nodeOf(number)
    if (!node) throw new Errno('ENOENT')
    const directory = isDirectory(node)
    return {
      node: number,
      directory,
      permissions: directory ? 0o555 : isOrder(node.kind) && !this.readOnly ? 0o644 : 0o444,
      size: await this.sizeOf(node, signal),
    }
  }

  /**
   * The sizes of lists and of data/alloc say where their positions end, in blocks, so
   * that dd skips and a shell's `>>` allocates behind the last block. A list says at
   * least a page: there are programs that read no more at once than the size.
   */
  private async sizeOf(node: Node, signal: AbortSignal): Promise<number> {
    if (node.kind === 'freeBlocks') return Math.max(leastSize, this.space.geometry().blockCount)
    if (node.inode === undefined) return Buffer.byteLength(this.textOf(node) ?? '')
    const { kind } = node
    // Whether there is such a file is asked once on the way; the others below wait for nobody.
    if (kind !== 'node' && kind !== 'dataAlloc' && kind !== 'extents') return 0
    return this.withFile(node.inode, signal, async (file) => {
      if (kind === 'node') return 0
      const last = (await file.extents()).at(-1)
      const blocks = Math.max(
        Math.ceil((await file.size()) / this.space.geometry().blockSize),
        last ? last.logical + last.length : 0,
      )
      return kind === 'extents' ? Math.max(leastSize, blocks) : blocks
    })
  }

  async find(directory: number, name: string, signal: AbortSignal): Promise<Attributes> {
    const parent = nodeOf(directory)
    if (!parent || !isDirectory(parent)) throw new Errno('ENOTDIR')
    const inode = parent.kind === 'nodes' ? inodeOfName(name) : undefined
    const node: Node | undefined =
      inode === undefined ? childrenOf(parent).find((child) => child.name === name)?.node : { kind: 'node', inode }
    if (!node) throw new Errno('ENOENT')
    return this.attributes(numberOf(node), signal)
  }

  async entries(directory: number, from: number, signal: AbortSignal): Promise<Iterable<DirectoryEntry>> {
    const node = nodeOf(directory)
    if (!node || !isDirectory(node)) throw new Errno('ENOTDIR')
    if (node.kind === 'nodes' && from === 0 && this.space.inodes) {
      const { inodes } = this.space
      this.listed = await this.turns.take(signal, () => all(inodes.call(this.space, 1)))
    }
    const children =
      node.kind === 'nodes'
        ? this.listed.map((inode) => ({ name: String(inode), node: { kind: 'node', inode } satisfies Node }))
        : childrenOf(node)
    return [{ name: '.', node }, { name: '..', node: parentOf(node) }, ...children].slice(from).map((child, index) => ({
      name: child.name,
      node: numberOf(child.node),
      directory: isDirectory(child.node),
      next: from + index + 1,
    }))
  }

  async open(number: number, flags: number): Promise<OpenFile> {
    const node = nodeOf(number)
    if (!node) throw new Errno('ENOENT')
    if (isDirectory(node)) throw new Errno('EISDIR')
    if ((flags & O_ACCMODE) !== 0 && (this.readOnly || !isOrder(node.kind)))
      throw new Errno(this.readOnly ? 'EROFS' : 'EACCES')
    const text = this.textOf(node)
    if (text !== undefined) return new TextFile(text)
    const { space, turns } = this
    if (node.inode === undefined) {
      return new ListFile(
        (from, signal) => inTurn(turns, signal, freeLines(space, from)),
        (from, signal) => turns.take(signal, () => firstFree(space, from)),
      )
    }
    const { kind, inode } = node
    if (isOrder(kind)) return new OrderFile(this.order(kind, inode))
    return new ListFile(
      (from, signal) => this.linesOf(inode, from, signal),
      (from, signal) => this.withFile(inode, signal, (file) => firstAllocated(file, from)),
    )
  }

  private async *linesOf(
    inode: number,
    from: number,
    signal: AbortSignal,
  ): AsyncGenerator<{ text: string; next: number }, void, undefined> {
    yield* await this.withFile(inode, signal, (file) => all(extentLines(file, from)))
  }

  private textOf({ kind }: Node): string | undefined {
    const { blockSize, uuid } = this.space.geometry()
    switch (kind) {
      case 'features':
        return featuresText(this.space, this.readOnly)
      case 'blocksize':
        return `${blockSize}\n`
      case 'id':
        return `${uuid}\n`
      case 'failures':
        return this.failures.map((line) => `${line}\n`).join('')
      default:
        return undefined
    }
  }

  private order(kind: OrderKind, inode: number): Order {
    const number = numberOf({ kind, inode })
    return {
      numbers: numbersOf[kind],
      carryOut: (numbers, block, signal) =>
        this.inOrder(kind, inode, signal, () => this.carryOut(kind, inode, numbers, block, signal)),
      outcome: async () =>
        kind === 'allocGoal'
          ? String(await this.withFile(inode, new AbortController().signal, (file) => this.goalOf(file)))
          : this.outcomes.get(number),
    }
  }

  private async carryOut(
    kind: OrderKind,
    inode: number,
    numbers: readonly number[],
    block: number,
    signal: AbortSignal,
  ): Promise<Carried> {
    const [first, second] = [numbers[0]!, numbers[1]!]
    const change = <T>(work: (file: SpaceFile) => Promise<T>): Promise<T> =>
      this.turns.take(signal, () => using(this.space, inode, work))
    const changeBoth = <T>(work: (file: SpaceFile, donor: SpaceFile) => Promise<T>): Promise<T> =>
      change((file) => using(this.space, first, (donor) => work(file, donor)))
    switch (kind) {
      case 'allocGoal': {
        const { firstDataBlock, blockCount } = this.space.geometry()
        if (first < firstDataBlock || first >= blockCount) throw new Errno('EINVAL')
        this.goals.set(inode, fsBlock(first))
        return { outcome: String(first) }
      }
      case 'dataAlloc':
        return this.allocated(
          kind,
          inode,
          await change(async (file) => allocateData(file, block, first, await this.goalOf(file))),
        )
      case 'dataReloc': {
        let relocated = 0
        this.noted(kind, inode, { outcome: '0' })
        for (const piece of await changeBoth(piecesToRelocate)) {
          if (signal.aborted) throw new Errno('EINTR')
          await changeBoth((file, donor) => relocatePiece(file, donor, piece))
          relocated += piece.length
          this.noted(kind, inode, { outcome: String(relocated) })
        }
        return { outcome: String(relocated) }
      }
      case 'metadataAlloc':
        return this.allocated(
          kind,
          inode,
          await change(async (file) => allocateTreeBlock(file, block, first, await this.goalOf(file))),
        )
      case 'metadataReloc':
        return this.noted(kind, inode, await changeBoth((file, donor) => relocateTreeBlock(file, donor, block, second)))
    }
  }

  private allocated(
    kind: OrderKind,
    inode: number,
    { goal, ...carried }: Carried & { readonly goal: FsBlock },
  ): Carried {
    this.goals.set(inode, goal)
    return this.noted(kind, inode, carried)
  }

  private noted(kind: OrderKind, inode: number, carried: Carried): Carried {
    this.outcomes.set(numberOf({ kind, inode }), carried.outcome)
    return carried
  }

  private async goalOf(file: SpaceFile): Promise<FsBlock> {
    return this.goals.get(file.inode) ?? file.defaultGoal()
  }

  /** @throws Errno ENOENT for an inode that has no node */
  private withFile<T>(inode: number, signal: AbortSignal, use: (file: SpaceFile) => Promise<T>): Promise<T> {
    return this.turns.take(signal, async () => {
      try {
        return await using(this.space, inode, use)
      } catch (error) {
        throw error instanceof BootpackError && noNode.has(error.code as ErrnoName) ? new Errno('ENOENT') : error
      }
    })
  }

  private failed(error: unknown, path: string): void {
    this.onFailure(error, path)
    const { message, next } = error as { readonly message?: string; readonly next?: string }
    this.failures.push(escapePath(`${path}: ${message ?? String(error)}${next === undefined ? '' : ` ${next}`}`))
    if (this.failures.length > mostFailures) this.failures.shift()
  }

  /** Whatever came of an order is on the disk afterwards, and the disk at rest. */
  private inOrder<T>(kind: OrderKind, inode: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.readOnly) throw new Errno('EROFS')
    return this.orders.take(signal, async () => {
      try {
        return await work()
      } catch (error) {
        this.failed(error, pathOf({ kind, inode }))
        throw error
      } finally {
        await this.turns.take(new AbortController().signal, () => this.space.settle())
      }
    })
  }
}

/** How a space says that a number is no regular file. */
const noNode: ReadonlySet<ErrnoName> = new Set<ErrnoName>(['ENOENT', 'EISDIR', 'EINVAL', 'ESTALE'])

async function using<T>(space: BlockSpace, inode: number, use: (file: SpaceFile) => Promise<T>): Promise<T> {
  const file = await space.open(inode)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Each step of an iteration in its turn, so that a long list does not keep others waiting. */
async function* inTurn<T>(
  turns: Turns,
  signal: AbortSignal,
  items: AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  try {
    for (;;) {
      const step = await turns.take(signal, () => items.next())
      if (step.done) return
      yield step.value
    }
  } finally {
    await items.return()
  }
}
