/** The parts of the page that need no browser: packing, escaping, linking, colours. */
import { expect } from 'chai'
import { Script } from 'node:vm'
import { Html, html, jsonText } from '../../src/report/html/html.js'
import { linkModules } from '../../src/report/html/link-modules.js'
import { pageScript } from '../../src/report/html/page-script.js'
import { dark, light } from '../../src/report/html/style.js'
import { decodeMarks, emptyColumns, encodeMarks, type MarkColumns } from '../../src/report/embedded/mark-columns.js'
import { kept, shifted, ticks, zoomed } from '../../src/report/page/window.js'
import { Random } from '../support/random.js'

describe('packed marks', () => {
  it('come back as they were, whatever the numbers', () => {
    const seed = Date.now() % 1_000_000
    const random = new Random(seed)
    for (let round = 0; round < 200; round++) {
      const count = random.below(40)
      const marks = emptyColumns(count)
      const any = (): number =>
        random.pick([0, 1, 127, 128, 300, 2 ** 31, 2 ** 32 + 5, 2 ** 48 - 1, random.below(1000)])
      for (let i = 0; i < count; i++) {
        marks.start[i] = any()
        marks.length[i] = 1 + any()
        marks.at[i] = any()
        marks.time[i] = any()
        marks.file[i] = random.pick([-1, 0, 3, 2 ** 31 - 1])
        marks.kind[i] = random.below(6)
        marks.block[i] = any()
      }
      expect(decodeMarks(encodeMarks(marks)), `seed ${seed}`).to.deep.equal(marks)
    }
  })

  it('cost a few bytes where reads follow each other', () => {
    const count = 1000
    const marks: MarkColumns = emptyColumns(count)
    for (let i = 0; i < count; i++) {
      marks.start[i] = 5000 + i
      marks.length[i] = 1
      marks.at[i] = i
      marks.block[i] = i
    }
    expect(encodeMarks(marks).length).to.be.at.most(count * 7 + 10)
  })

  it('are refused when they end early or promise too many', () => {
    const bytes = encodeMarks(emptyColumns(3))
    expect(() => decodeMarks(bytes.subarray(0, bytes.length - 1))).to.throw(RangeError)
    expect(() => decodeMarks(Uint8Array.from([0xfe, 0xff, 0xff, 0x7f]))).to.throw(RangeError)
    expect(() => decodeMarks(new Uint8Array())).to.throw(RangeError)
    expect(() => decodeMarks(new Uint8Array(20).fill(0xff))).to.throw(RangeError)
  })
})

describe('html', () => {
  it('escapes everything that is not HTML itself', () => {
    const name = '</script><img src=x onerror="alert(\'1\')">&\u001b[31m\u202e'
    expect(html`<b>${name}</b>${[html`<i>`, '<i>']}${undefined}${false}${0}${new Html('<hr>')}`.text).to.equal(
      '<b>&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;\\x1b[31m\\u{202e}</b><i>&lt;i&gt;0<hr>',
    )
  })

  it('embeds JSON that ends no element and means the same', () => {
    const value = { name: '</script><!--\u2028\u2029&', list: [1, '<'] }
    expect(jsonText(value)).to.not.match(/[<>&\u2028\u2029]/)
    expect(JSON.parse(jsonText(value))).to.deep.equal(value)
  })
})

describe('linkModules', () => {
  const link = (modules: Record<string, string>): string => linkModules('main', (name) => modules[name]!)

  it('runs each module once, in a scope of its own, before those that need it', () => {
    const script = link({
      main: "import { twice as double } from './math.js'\nimport { log } from './log.js';\nconst secret = 3\nlog(double(secret))\nexport {};\n",
      math: "import { log } from './log.js'\nconst secret = 2\nlog('math')\nexport function twice(value) {\n  return value * secret\n}\n",
      log: "export const said = []\nexport const log = (text) => { said.push(text); globalThis.result = said.join(' ') }\n",
    })
    expect(new Script(`${script}; result`).runInNewContext({})).to.equal('math 6')
  })

  it('refuses what it does not know, and circles', () => {
    expect(() => link({ main: 'export default 1' })).to.throw('cannot be linked')
    expect(() => link({ main: "import * as all from './all.js'", all: '' })).to.throw('cannot be linked')
    expect(() => link({ main: "import { a } from './a.js'", a: "import { b } from './main.js'" })).to.throw('a circle')
  })

  it('makes one script of the page', () => {
    expect(() => new Script(pageScript())).to.not.throw()
    expect(pageScript()).to.not.match(
      /\b(?:fetch|XMLHttpRequest|WebSocket|innerHTML|insertAdjacentHTML|eval|localStorage)\b/,
    )
  })
})

describe('the window of the plots', () => {
  const whole = { x0: 0, x1: 1000, y0: 0, y1: 5000 }

  it('zooms around the point that is looked at, and never leaves the whole', () => {
    const seed = Date.now() % 1_000_000
    const random = new Random(seed)
    let window = whole
    for (let i = 0; i < 2000; i++) {
      const x = window.x0 + (window.x1 - window.x0) * random.fraction()
      const y = window.y0 + (window.y1 - window.y0) * random.fraction()
      window = random.chance(0.5)
        ? zoomed(window, whole, 0.2 + 3 * random.fraction(), x, y)
        : shifted(window, whole, random.fraction() * 2 - 1, random.fraction() * 2 - 1)
      expect(
        window.x0 >= 0 &&
          window.x1 <= 1000.0000001 &&
          window.y0 >= 0 &&
          window.y1 <= 5000.0000001 &&
          window.x1 > window.x0 &&
          window.y1 > window.y0,
        `seed ${seed}, step ${i}`,
      ).to.equal(true)
    }
    const closer = zoomed(whole, whole, 4, 400, 1000)
    expect((400 - closer.x0) / (closer.x1 - closer.x0)).to.be.closeTo(0.4, 1e-9)
    expect((1000 - closer.y0) / (closer.y1 - closer.y0)).to.be.closeTo(0.2, 1e-9)
    expect(kept({ x0: -50, x1: 5000, y0: 4900, y1: 5100 }, whole)).to.deep.equal({
      x0: 0,
      x1: 1000,
      y0: 4800,
      y1: 5000,
    })
  })

  it('has round numbers at its edges, never too many', () => {
    expect(ticks(0, 100, 5, false)).to.deep.equal([0, 20, 40, 60, 80, 100])
    expect(ticks(0, 2 ** 31, 8, true)).to.deep.equal(Array.from({ length: 9 }, (_, i) => i * 2 ** 28))
    expect(ticks(7, 7, 5, false)).to.deep.equal([])
    const random = new Random(3)
    for (let i = 0; i < 500; i++) {
      const from = random.below(1e9)
      const found = ticks(from, from + 1 + random.below(1e6), 6, random.chance(0.5))
      expect(found.length).to.be.within(1, 7)
    }
  })
})

describe('the colours', () => {
  const channel = (hex: string, at: number): number => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  const luminance = (hex: string): number =>
    0.2126 * channel(hex, 1) + 0.7152 * channel(hex, 3) + 0.0722 * channel(hex, 5)
  /** As WCAG 2 defines it. */
  const contrast = (a: string, b: string): number => {
    const [bright, dim] = [luminance(a), luminance(b)].sort((x, y) => y - x)
    return (bright! + 0.05) / (dim! + 0.05)
  }

  for (const [name, theme] of Object.entries({ light, dark })) {
    it(`are told apart in the ${name} theme`, () => {
      expect(contrast('#000000', '#ffffff')).to.be.closeTo(21, 0.01)
      for (const text of ['ink', 'muted'] as const)
        for (const ground of ['paper', 'soft', 'plot'] as const)
          expect(contrast(theme[text], theme[ground]), `${text} on ${ground}`).to.be.at.least(4.5)
      // Words on the badges, and shapes on the plot.
      for (const tone of ['before', 'after'] as const)
        expect(contrast(theme.paper, theme[tone]), `paper on ${tone}`).to.be.at.least(4.5)
      for (const mark of ['before', 'after', 'directories', 'fixed', 'accent'] as const)
        for (const ground of ['plot', 'run'] as const)
          expect(contrast(theme[mark], theme[ground]), `${mark} on ${ground}`).to.be.at.least(3)
      expect(contrast(theme.focus, theme.paper)).to.be.at.least(3)
    })
  }
})
