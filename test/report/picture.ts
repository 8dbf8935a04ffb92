/** What is on a plot's canvas, and what should be: painted again by other means. */
import { areaOf } from '../../src/report/page/paint-plot.js'
import type { ReportLayout } from '../../src/report/report-data.js'
import type { Page } from '../support/chromium.js'

export interface Picture {
  readonly width: number
  readonly height: number
  readonly area: ReturnType<typeof areaOf>
  /** Pixels of a colour in each of so many bands of the plot, the first at the start of the disk. */
  rowsOf(colour: string, bands: number): number[]
  /** The highest pixel of a colour in every column that has one, left to right; 0 is the top. */
  topOf(colour: string): number[]
}

/** Near enough for a pixel on the edge of a line, too far for any other colour of the page. */
const tolerance = 60

/** Reads the canvas as the browser drew it. */
export async function readPlot(page: Page, index: number): Promise<Picture> {
  const { width, height, pixels } = await page.value<{ width: number; height: number; pixels: string }>(`(() => {
    const canvas = document.querySelectorAll('canvas')[${index}]
    const { width, height } = canvas
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height)
    let pixels = ''
    for (let i = 0; i < data.length; i += 8192) pixels += String.fromCharCode(...data.subarray(i, i + 8192))
    return { width, height, pixels: btoa(pixels) }
  })()`)
  const bytes = Buffer.from(pixels, 'base64')
  const area = areaOf(width, height)
  const is = (x: number, y: number, [r, g, b]: readonly number[]): boolean => {
    const at = (y * width + x) * 4
    return Math.abs(bytes[at]! - r!) + Math.abs(bytes[at + 1]! - g!) + Math.abs(bytes[at + 2]! - b!) < tolerance
  }
  const left = Math.ceil(area.left) + 1
  const right = Math.floor(area.left + area.width) - 1
  const bottom = area.top + area.height
  return {
    width,
    height,
    area,
    rowsOf(colour, bands) {
      const rows = new Array<number>(bands).fill(0)
      for (let y = area.top; y < bottom; y++) {
        const band = Math.min(bands - 1, Math.floor(((bottom - y - 0.5) / area.height) * bands))
        for (let x = left; x < right; x++) if (is(x, Math.floor(y), parts(colour))) rows[band]!++
      }
      return rows
    },
    topOf(colour) {
      const tops: number[] = []
      for (let x = left; x < right; x++) {
        for (let y = Math.ceil(area.top) + 1; y < bottom - 1; y++) {
          if (!is(x, y, parts(colour))) continue
          tops.push(y)
          break
        }
      }
      return tops
    },
  }
}

const parts = (hex: string): number[] => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))

/** Pixels that file data should cover in each band, at full view: squares of three pixels along each read. */
export function expectedPixels({ marks, blockCount }: ReportLayout, { area }: Picture, bands: number): number[] {
  const last = marks.at(-1)!
  const across = last.at + last.length
  const covered = new Set<number>()
  for (const { kind, at, start, length } of marks) {
    if (kind !== 'data') continue
    const from = (at / across) * area.width
    const to = ((at + length) / across) * area.width
    for (let x = from; x <= Math.max(to, from); x += 0.5) {
      const share = to - from <= 3 ? 0 : (x - from) / (to - from)
      const up = ((start + length * share) / blockCount) * area.height
      const long = to - from > 3
      for (let dx = long ? 0 : -1; dx <= (long ? 0 : 1); dx++) {
        for (let dy = -1; dy <= 1; dy++) {
          const [px, py] = [Math.round(x + dx), Math.round(up + dy)]
          if (px >= 0 && px < area.width && py >= 0 && py < area.height) covered.add(py * 10_000 + px)
        }
      }
      if (!long) break
    }
  }
  const rows = new Array<number>(bands).fill(0)
  for (const cell of covered)
    rows[Math.min(bands - 1, Math.floor((Math.floor(cell / 10_000) / area.height) * bands))]!++
  return rows
}

/** How much of a screenshot has a colour, 0 to 1; `page` is one that may look at pictures. */
export async function shareOf(screenshot: string, colour: string, page: Page): Promise<number> {
  return page.value(`(async () => {
    const bytes = Uint8Array.from(atob('${screenshot}'), (each) => each.charCodeAt(0))
    const picture = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
    const context = new OffscreenCanvas(picture.width, picture.height).getContext('2d')
    context.drawImage(picture, 0, 0)
    const { data } = context.getImageData(0, 0, picture.width, picture.height)
    const [r, g, b] = ${JSON.stringify(parts(colour))}
    let same = 0
    for (let i = 0; i < data.length; i += 4) if (data[i] === r && data[i + 1] === g && data[i + 2] === b) same++
    return same / (data.length / 4)
  })()`)
}
