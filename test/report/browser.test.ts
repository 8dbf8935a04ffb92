/** The page in a real browser: what is drawn, what can be done with it, and what it never does. */
import { expect } from 'chai'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { escapePath } from '../../src/text/escape-path.js'
import { reportPage } from '../../src/report/html/page.js'
import { dark, light } from '../../src/report/html/style.js'
import { areaOf } from '../../src/report/page/paint-plot.js'
import type { ReportData, ReportMark } from '../../src/report/report-data.js'
import { Browser, needChromium, type Page, type View } from '../support/chromium.js'
import { Random } from '../support/random.js'
import { needTools, scratchFolder } from '../support/tools.js'
import { expectedPixels, readPlot, shareOf } from './picture.js'
import { hostileNames, makeStage, missingName, type Stage } from './report-stage.js'

describe('the report in a browser', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  let browser: Browser | undefined
  let stage: Stage
  before(async function () {
    needTools(this, 'mke2fs')
    needChromium(this)
    stage = await makeStage(scratch.path, 20)
    browser = Browser.launch()
  })
  after(async () => {
    await browser?.close()
    scratch.remove()
  })

  const ready = 'document.querySelector(".plot-status")?.textContent'
  const open = async (file: string, view: View = {}): Promise<Page> => {
    const page = await browser!.open(pathToFileURL(file).href, view)
    await page.until(ready)
    return page
  }
  const visible = (page: Page): Promise<number[]> =>
    page.value('[...document.querySelectorAll("canvas")].map((each) => Number(each.dataset.visible))')
  /** Two frames later, everything asked for is drawn. */
  const settle = (page: Page): Promise<void> =>
    page.value('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))')
  const onlyData = (page: Page): Promise<void> =>
    page.value(
      'for (const box of document.querySelectorAll("input[value=directories], input[value=fixed], input[name=head-path]")) if (box.checked) box.click()',
    )

  it('asks for nothing but itself, and nothing complains', async () => {
    const page = await open(stage.page)
    expect(page.requests).to.deep.equal([pathToFileURL(stage.page).href])
    expect(page.complaints).to.deep.equal([])
    expect(await page.value('document.getElementById("notice").hidden')).to.equal(true)
    // And could not if it wanted to.
    expect(await page.value('fetch("http://127.0.0.1:9/").then(() => "went", () => "refused")')).to.equal('refused')
    expect(
      await page.value(
        '(() => { const script = document.createElement("script"); script.textContent = "window.ran = 1"; document.body.append(script); return window.ran })()',
      ),
    ).to.equal(undefined)
    for (const rule of ['default-src', 'script-src']) {
      expect(
        page.complaints.some((each) => each.includes('Content Security Policy') && each.includes(rule)),
        `refused by ${rule}`,
      ).to.equal(true)
    }
    await page.close()
  })

  it('draws the reads where they are: a cloud before, a rising line after', async () => {
    const page = await open(stage.page)
    await onlyData(page)
    await settle(page)
    for (const [i, colour] of [light.before, light.after].entries()) {
      const layout = stage.data.layouts[i]!
      const plot = await readPlot(page, i)
      const drawn = plot.rowsOf(colour, 12)
      const expected = expectedPixels(layout, plot, 12)
      // The same picture, painted by the test: no band of the disk has many more or fewer pixels.
      drawn.forEach((count, band) =>
        expect(count, `band ${band} of ${layout.name}`).to.be.within(
          expected[band]! * 0.7 - 30,
          expected[band]! * 1.3 + 30,
        ),
      )
      expect(
        drawn.reduce((sum, each) => sum + each, 0),
        'something is drawn',
      ).to.be.greaterThan(100)
    }
    const scattered = (await readPlot(page, 0)).rowsOf(light.before, 12).filter((count) => count > 0)
    expect(scattered, 'bands of the disk with reads before').to.have.length.greaterThan(8)
    expect(
      (await readPlot(page, 1)).rowsOf(light.after, 12).filter((count) => count > 0),
      'and after',
    ).to.have.length.lessThan(5)

    await page.value('document.querySelector("[data-do=run]").click()')
    await settle(page)
    const heights = (await readPlot(page, 1)).topOf(light.after)
    expect(heights, 'columns of the line').to.have.length.greaterThan(300)
    for (let x = 1; x < heights.length; x++)
      expect(heights[x]!, `column ${x} is not above the next`).to.be.at.most(heights[x - 1]! + 3)
    expect(heights[0]! - heights.at(-1)!, 'rises over most of the height').to.be.greaterThan(200)
    await page.close()
  })

  it('zooms and moves both plots with buttons, keys, mouse, wheel and fingers', async () => {
    const page = await open(stage.page)
    const whole = await visible(page)
    expect(whole).to.deep.equal(stage.data.layouts.map(({ marks }) => marks.length))
    const picture = (): Promise<string> => page.value('document.querySelector("canvas").toDataURL()')
    const first = await picture()
    await page.value('document.querySelector(".plot-area").focus()')
    for (let i = 0; i < 3; i++) await page.press('+')
    await settle(page)
    const zoomed = await visible(page)
    expect(zoomed[0]).to.be.lessThan(whole[0]!)
    expect(zoomed[0]).to.be.greaterThan(0)
    expect(await picture()).to.not.equal(first)
    const atKeys = await picture()
    await page.press('ArrowRight')
    await settle(page)
    expect(await picture(), 'moved by a key').to.not.equal(atKeys)
    await page.press('0')
    await settle(page)
    expect(await visible(page)).to.deep.equal(whole)
    expect(await picture(), 'the whole again').to.equal(first)

    const { x, y } = await page.value<{ x: number; y: number }>(
      '(() => { document.querySelector(".plots").scrollIntoView(); const { left, top, width, height } = document.querySelector(".plot-area").getBoundingClientRect(); return { x: left + width / 2, y: top + height / 2 } })()',
    )
    await page.mouse('mouseWheel', x, y, { deltaX: 0, deltaY: -400 })
    await page.until(`Number(document.querySelector("canvas").dataset.visible) < ${whole[0]}`)
    const afterWheel = await picture()
    await page.mouse('mousePressed', x, y)
    await page.mouse('mouseMoved', x + 80, y + 40, { button: 'left', buttons: 1 })
    await page.mouse('mouseReleased', x + 80, y + 40)
    await settle(page)
    expect(await picture(), 'dragged').to.not.equal(afterWheel)
    await page.value('document.querySelector("[data-do=all]").click()')
    await settle(page)
    expect(await visible(page)).to.deep.equal(whole)

    await page.send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: 2 })
    const fingers = (apart: number): { x: number; y: number; id: number }[] => [
      { x: x - apart, y, id: 1 },
      { x: x + apart, y, id: 2 },
    ]
    await page.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: fingers(20) })
    for (const apart of [40, 60, 80])
      await page.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: fingers(apart) })
    await page.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
    await settle(page)
    expect((await visible(page))[0], 'pinched').to.be.lessThan(whole[0]!)
    await page.close()
  })

  it('tells whose a read is, under the pointer and step by step', async () => {
    const page = await open(stage.page)
    const [layout] = stage.data.layouts
    await page.value('document.querySelector(".plots").scrollIntoView()')
    const box = await page.value<{ left: number; top: number; width: number; height: number }>(
      '(({ left, top, width, height }) => ({ left: left + 1, top: top + 1, width: width - 2, height: height - 2 }))(document.querySelector(".plot-area").getBoundingClientRect())',
    )
    const area = areaOf(box.width, box.height)
    const last = layout!.marks.at(-1)!
    const across = (last.at + last.length) / area.width
    const place = ({ at, start, length }: ReportMark): { x: number; y: number } => ({
      x: box.left + area.left + (at + length / 2) / across,
      y: box.top + area.top + area.height * (1 - (start + length / 2) / layout!.blockCount),
    })
    // One that stands alone, so that it is clear which is meant, and not in the middle, where up and down are the same.
    const lonely = layout!.marks.find(
      (mark) =>
        mark.kind === 'data' &&
        Math.abs(mark.start / layout!.blockCount - 0.5) > 0.2 &&
        mark.at > across * 20 &&
        layout!.marks.every((other) => {
          const [a, b] = [place(mark), place(other)]
          return other === mark || Math.hypot(a.x - b.x, a.y - b.y) > 12
        }),
    )!
    const { x, y } = place(lonely)
    await page.mouse('mouseMoved', x, y)
    await page.until('!document.querySelector(".tip").hidden')
    const text = await page.value<string>('document.querySelector(".tip").textContent')
    expect(text).to.contain(escapePath(stage.data.files[lonely.file!]!))
    expect(text).to.contain(lonely.start.toLocaleString('en-US'))
    await page.value('document.querySelector(".plot-area").focus()')
    await page.press('Escape')
    expect(await page.value('document.querySelector(".tip").hidden')).to.equal(true)
    await page.press('n')
    await page.press('n')
    expect(await page.value('document.querySelector(".tip").textContent')).to.contain('read 2,')
    await page.close()
  })

  it('sorts and searches the files moved', async () => {
    const page = await open(stage.page)
    const { moved } = stage.data
    const rows = (): Promise<string[][]> =>
      page.value(
        '[...document.querySelectorAll("#moved tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent))',
      )
    // Those in most pieces first, until somebody wants it otherwise.
    const worst = [...moved].sort((a, b) => b.piecesBefore - a.piecesBefore).slice(0, 25)
    expect((await rows()).map(([name]) => name)).to.deep.equal(
      worst.map(({ path, inode }) => escapePath(path ?? `inode ${inode}`)),
    )
    await page.value('document.querySelector("#moved [data-column=bytes]").click()')
    expect(
      await page.value('document.querySelector("#moved th:has([data-column=bytes])").getAttribute("aria-sort")'),
    ).to.equal('descending')
    const largest = [...moved].sort((a, b) => b.blocks - a.blocks)
    expect((await rows())[0]![0]).to.equal(escapePath(largest[0]!.path!))
    await page.value('document.querySelector("#moved [data-column=bytes]").click()')
    expect(
      await page.value('document.querySelector("#moved th:has([data-column=bytes])").getAttribute("aria-sort")'),
    ).to.equal('ascending')
    await page.value('document.querySelector("#moved [data-do=every]").click()')
    expect(await rows()).to.have.length(moved.length)
    await page.value('document.querySelector("#moved input").focus()')
    await page.send('Input.insertText', { text: 'LIB1' })
    expect((await rows()).map(([name]) => name).sort()).to.deep.equal(
      moved.flatMap(({ path }) => (path?.includes('lib1') ? [path] : [])).sort(),
    )
    await page.send('Input.insertText', { text: 'nothing has this' })
    expect(await page.value('document.querySelector("#moved .table-status").textContent')).to.equal(
      'No name contains this.',
    )
    await page.close()
  })

  it('shows hostile names as they are spelt, and runs none', async () => {
    const page = await open(stage.page)
    await page.value('document.querySelector("#moved [data-do=every]").click()')
    const names = await page.value<string[]>(
      '[...document.querySelectorAll("#moved tbody th")].map((cell) => cell.textContent)',
    )
    for (const name of hostileNames) expect(names).to.include(escapePath(name))
    expect(await page.value('window.hacked')).to.equal(undefined)
    expect(await page.value('document.querySelectorAll("img, svg[onload], script").length')).to.equal(2)
    // One stands in the page without a script having put it there.
    expect(await page.value('document.getElementById("left").textContent')).to.contain(missingName)
    const text = await page.value<string>('document.documentElement.innerText')
    expect(text).to.not.match(/[\u001b\u202e\u2028]/)
    await page.close()
  })

  it('follows the theme of the system, and the switch', async () => {
    const page = await open(stage.page, { dark: true })
    const paper = (): Promise<string> => page.value('getComputedStyle(document.body).backgroundColor')
    const ground = (): Promise<number[]> =>
      page.value('[...document.querySelector("canvas").getContext("2d").getImageData(2, 2, 1, 1).data].slice(0, 3)')
    expect([await paper(), await ground()]).to.deep.equal([rgb(dark.paper), numbers(dark.plot)])
    const looker = await browser!.open('about:blank')
    expect(await shareOf(await page.screenshot(), dark.paper, looker), 'the screen is dark').to.be.greaterThan(0.4)
    await looker.close()
    await page.value('document.querySelector("input[name=theme][value=light]").click()')
    await settle(page)
    expect([await paper(), await ground()]).to.deep.equal([rgb(light.paper), numbers(light.plot)])
    await page.value('document.querySelector("input[name=theme][value=auto]").click()')
    await page.look({ dark: false })
    await settle(page)
    expect([await paper(), await ground()]).to.deep.equal([rgb(light.paper), numbers(light.plot)])
    await page.close()
  })

  it('can be read by those who do not see it', async () => {
    const page = await open(stage.page)
    const { nodes } = (await page.send('Accessibility.getFullAXTree')) as {
      nodes: { ignored: boolean; role?: { value: string }; name?: { value: string } }[]
    }
    const named = (role: string): string[] =>
      nodes.filter((node) => !node.ignored && node.role?.value === role).map(({ name }) => name?.value ?? '')
    expect(named('main')).to.have.length(1)
    expect(named('banner')).to.have.length(1)
    expect(named('table')).to.include.members([
      'Seeks by distance',
      'Modelled disk time of the boot',
      'All figures of the boot',
      'What moved; the headings sort',
    ])
    expect(named('application')).to.have.length(2)
    for (const name of named('application'))
      expect(name).to.match(/^Reads (before|after): [\d,]+ seeks? over .*table below/)
    for (const role of [
      'button',
      'checkbox',
      'radio',
      'searchbox',
      'application',
      'table',
      'region',
      'heading',
      'columnheader',
      'rowheader',
    ]) {
      expect(named(role), role).to.not.be.empty
      expect(named(role), `every ${role} has a name`).to.not.include('')
    }
    // Headings go down one level at a time, and every control can be reached by Tab.
    expect(
      await page.value('[...document.querySelectorAll("h1, h2, h3")].map((each) => Number(each.tagName[1]))'),
    ).to.satisfy((levels: number[]) => levels[0] === 1 && levels.slice(1).every((each) => each === 2))
    const reached = new Set<string>()
    for (let i = 0; i < 60; i++) {
      await page.press('Tab')
      reached.add(
        await page.value(
          '(({ tagName, className, name, value, dataset }) => [tagName, className, name, value, dataset.do, dataset.column].join(" "))(document.activeElement)',
        ),
      )
    }
    for (const part of ['plot-area', 'across', 'head-path', ' in ', 'INPUT', 'SUMMARY', 'bytes'])
      expect(
        [...reached].some((each) => each.includes(part)),
        part,
      ).to.equal(true)
    await page.close()
  })

  it('fits a telephone, and paper', async () => {
    const page = await open(stage.page, { width: 390, height: 800 })
    expect(await page.value('document.documentElement.scrollWidth')).to.be.at.most(390)
    await page.look({ width: 1280 })
    await settle(page)
    const size = await page.value('document.querySelector("canvas").width')
    await page.value('document.querySelector("input[name=theme][value=dark]").click()')
    const { data } = await page.send('Page.printToPDF', { printBackground: true })
    const pdf = Buffer.from(data as string, 'base64').toString('latin1')
    const pages = Math.max(...[...pdf.matchAll(/\/Count (\d+)/g)].map(([, count]) => Number(count)))
    expect(pages).to.be.within(2, 8)
    await settle(page)
    expect(await page.value('document.querySelector("canvas").width'), 'back to the screen').to.equal(size)
    await page.look({ media: 'print' })
    const shown = (selector: string): Promise<boolean> =>
      page.value(`getComputedStyle(document.querySelector(${JSON.stringify(selector)})).display !== "none"`)
    for (const selector of ['.controls', '.theme', '.buttons', '#plot-keys'])
      expect(await shown(selector), selector).to.equal(false)
    for (const selector of ['.figures', 'canvas', '.bars', '.moved'])
      expect(await shown(selector), selector).to.equal(true)
    expect(await page.value('getComputedStyle(document.documentElement).getPropertyValue("--ink").trim()')).to.equal(
      light.ink,
    )
    await page.close()
  })

  it('holds a hundred thousand reads in a small file and draws them in a few frames', async () => {
    const file = join(scratch.path, 'many.html')
    const reads = 100_000
    writeFileSync(file, reportPage(manyReads(stage.data, reads, 7)))
    expect(statSync(file).size).to.be.lessThan(2_000_000)
    const page = await open(file)
    const frames = (): Promise<number> => page.value('Number(document.getElementById("reads").dataset.frames)')
    expect(await visible(page)).to.deep.equal([reads, reads])
    expect(await frames()).to.be.at.most(4)
    // So many are a crowd, not a wall.
    const crowd = await readPlot(page, 0)
    expect(crowd.rowsOf(light.before, 1)[0]! / (crowd.area.width * crowd.area.height)).to.be.within(0.2, 0.7)
    const before = await frames()
    await page.value('document.querySelector(".plot-area").focus()')
    for (let i = 0; i < 10; i++) await page.press('+')
    await settle(page)
    expect(await frames(), 'at most one frame for each key').to.be.at.most(before + 12)
    expect((await visible(page))[0]).to.be.within(1, reads / 10)
    expect(page.complaints).to.deep.equal([])
    await page.close()
  })
})

const numbers = (hex: string): number[] => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
const rgb = (hex: string): string => `rgb(${numbers(hex).join(', ')})`

/** The same report with so many reads: anywhere before, one after the other after. */
function manyReads(report: ReportData, reads: number, seed: number): ReportData {
  const random = new Random(seed)
  const blockCount = 50_000_000
  const layouts = report.layouts.map((layout, i): ReportData['layouts'][number] => ({
    ...layout,
    blockCount,
    pieces: reads,
    marks: Array.from({ length: reads }, (_, n) => ({
      start: (i === 0 ? random.below(blockCount - 1) : 1_000_000 + n) as ReportMark['start'],
      length: 1,
      at: n,
      t: n * 300 + random.below(100),
      kind: 'data',
      file: Math.floor(n / 40) % report.files.length,
      block: n % 40,
    })),
  }))
  return { ...report, layouts }
}
