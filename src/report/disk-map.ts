/**
 * The disk as a picture in the terminal. Each cell stands for the same number of
 * blocks, and shows what it has most to say about: boot reads first, because they
 * are what is looked for and would drown in averages, then fixed metadata, then how
 * full it is.
 */
import { fsBlock } from '../layout/block.js'
import { blockRun, type BlockRun } from '../layout/run.js'
import type { RunSet } from '../layout/run-set.js'

export interface DiskContents {
  readonly blockCount: number
  readonly free: RunSet
  readonly boot: RunSet
  readonly fixed: RunSet
}

export interface MapStyle {
  /** Cells in a row. */
  readonly width: number
  readonly rows: number
  readonly colour: boolean
}

interface Cell {
  readonly character: string
  /** Of the 256-colour palette; undefined for the terminal's own. */
  readonly colour?: number
}

const bootShades: readonly Cell[] = [
  { character: '+', colour: 222 },
  { character: 'o', colour: 214 },
  { character: 'O', colour: 208 },
  { character: '#', colour: 196 },
]
const coldShades: readonly Cell[] = [
  { character: '.', colour: 238 },
  { character: ':', colour: 242 },
  { character: '%', colour: 246 },
]
const fixedCell: Cell = { character: '=', colour: 33 }
const freeCell: Cell = { character: ' ' }

/** Rows of cells, first block at the top left. */
export function diskMap(disk: DiskContents, { width, rows, colour }: MapStyle): string[] {
  const cells = width * rows
  const lines: string[] = []
  for (let row = 0; row < rows; row++) {
    let line = ''
    for (let column = 0; column < width; column++) {
      const from = Math.floor(((row * width + column) * disk.blockCount) / cells)
      const to = Math.max(from + 1, Math.floor(((row * width + column + 1) * disk.blockCount) / cells))
      line += paint(cellOf(disk, blockRun(from, to - from)), colour)
    }
    lines.push(`|${line}|`)
  }
  return lines
}

/** What the characters mean, and how much a cell stands for. */
export function mapLegend({ blockCount }: DiskContents, blockSize: number, { width, rows, colour }: MapStyle): string {
  const shade = (cells: readonly Cell[]): string => cells.map((cell) => paint(cell, colour)).join('')
  const perCell = (blockCount * blockSize) / (width * rows)
  return `boot ${shade(bootShades)} (little to all)  other data ${shade(coldShades)}  fixed ${paint(fixedCell, colour)}  free blank  one cell ${size(perCell)}`
}

function cellOf({ free, boot, fixed }: DiskContents, run: BlockRun): Cell {
  const share = (set: RunSet): number => blocksWithin(set, run) / run.length
  const booted = share(boot)
  if (booted > 0) return shadeOf(bootShades, booted)
  if (share(fixed) > 0.5) return fixedCell
  const used = 1 - share(free)
  return used === 0 ? freeCell : shadeOf(coldShades, used)
}

const shadeOf = (shades: readonly Cell[], share: number): Cell =>
  shades[Math.min(shades.length - 1, Math.floor(share * shades.length))]!

function blocksWithin(set: RunSet, run: BlockRun): number {
  let blocks = 0
  for (const part of set.within({ start: fsBlock(run.start), length: run.length })) blocks += part.length
  return blocks
}

const paint = ({ character, colour }: Cell, colours: boolean): string =>
  colours && colour !== undefined ? `\u001b[38;5;${colour}m${character}\u001b[0m` : character

const size = (bytes: number): string =>
  bytes >= 1 << 20 ? `${(bytes / (1 << 20)).toFixed(1)} MiB` : `${Math.max(1, Math.round(bytes / 1024))} KiB`
