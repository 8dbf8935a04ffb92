/** The arrows between rooms, on a small checkout with every form of import. */
import { expect } from 'chai'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { importGraph } from '../../scripts/arrows/imports.js'
import { judge, type Import } from '../../scripts/arrows/judge.js'
import type { Room } from '../../scripts/arrows/rooms.js'
import { roomTable, withTable } from '../../scripts/arrows/table.js'
import { scratchFolder } from '../support/tools.js'

const room = (name: string, more: Partial<Room> = {}): Room => ({ name, what: '', imports: [], node: [], ...more })
const from = (from: string, to: string): Import => ({ from: `src/${from}`, to })

describe('The graph of imports', () => {
  let scratch: ReturnType<typeof scratchFolder>
  before(() => (scratch = scratchFolder()))
  after(() => scratch.remove())

  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(scratch.path, path)), { recursive: true })
    writeFileSync(join(scratch.path, path), text)
  }

  it('has an import in every form that TypeScript knows', async () => {
    for (const name of ['static', 'exported', 'dynamic', 'typed', 'inline'])
      write(`src/b/${name}.ts`, 'export type T = 1\n')
    write(
      'src/a/all.ts',
      [
        "import '../b/static.js'",
        "export * from '../b/exported.js'",
        "import type { T } from '../b/typed.js'",
        "export type U = T | import('../b/inline.js').T",
        "export const late = async () => await import('../b/dynamic.js')",
        "import { sep } from 'node:path'",
        'console.log(sep)',
      ].join('\n'),
    )
    const { imports, faults } = await importGraph(scratch.path, ['src/a', 'src/b'])
    expect(faults).to.deep.equal([])
    expect(imports.map(({ to }) => to)).to.have.members([
      'src/b/static.ts',
      'src/b/exported.ts',
      'src/b/typed.ts',
      'src/b/inline.ts',
      'src/b/dynamic.ts',
      'node:path',
    ])
  })

  it('names imports that lead nowhere, and circles', async () => {
    write('src/c/one.ts', "import './two.js'\nimport './gone.js'\n")
    write('src/c/two.ts', "export const late = () => import('./one.js')\n")
    const { faults } = await importGraph(scratch.path, ['src/c'])
    expect(faults.join('\n')).to.contain('src/c/one.ts imports ./gone.js, which leads nowhere.')
    expect(faults.join('\n')).to.match(/src\/c\/(one|two)\.ts imports src\/c\/(one|two)\.ts imports .*: a circle\./)
  })
})

describe('The judge of arrows', () => {
  it('lets a room import itself, errors, and what is listed', () => {
    const rooms = [room('a', { imports: ['b'], packages: ['koffi'], node: ['fs'] }), room('b'), room('errors')]
    const imports = ['src/a/y.ts', 'src/errors.ts', 'src/b/x.ts', 'koffi', 'node:fs'].map((to) => from('a/x.ts', to))
    expect(judge(rooms, imports)).to.deep.equal([])
  })

  it('refuses an arrow that is not listed, to a room, a package or Node', () => {
    const complaints = judge(
      [room('a'), room('b')],
      ['src/b/x.ts', 'koffi', 'node:fs'].map((to) => from('a/x.ts', to)),
    )
    expect(complaints).to.have.length(3)
    expect(complaints[0]).to.equal('src/a/x.ts imports src/b/x.ts, but a may import only: errors.')
  })

  it('takes a room within a room for a room of its own, in both directions', () => {
    const rooms = [room('a'), room('a/inner'), room('b', { imports: ['a'] })]
    expect(judge(rooms, [from('a/x.ts', 'src/a/inner/y.ts')])).to.include(
      'src/a/x.ts imports src/a/inner/y.ts, but a may import only: errors.',
    )
    expect(judge(rooms, [from('b/x.ts', 'src/a/inner/y.ts'), from('b/x.ts', 'src/a/x.ts')])).to.have.length(1)
  })

  it('lets a room whose use of Node is not listed use all of it', () => {
    expect(judge([{ name: 'a', what: '', imports: [] }], [from('a/x.ts', 'node:fs')])).to.deep.equal([])
  })

  it('refuses arrows that nobody uses', () => {
    const rooms = [room('a', { imports: ['b'], packages: ['koffi'], node: ['fs'] }), room('b')]
    expect(judge(rooms, [from('a/x.ts', 'src/b/x.ts')])).to.deep.equal([
      'a may import koffi, and does not: take the arrow out of scripts/arrows/rooms.ts.',
      'a may import node:fs, and does not: take the arrow out of scripts/arrows/rooms.ts.',
    ])
  })

  it('refuses files in no room', () => {
    expect(judge([room('a')], [from('z/x.ts', 'src/a/x.ts'), from('a/x.ts', 'src/z/x.ts')])).to.have.length(2)
  })
})

describe('The table of rooms', () => {
  const marks = ['<!-- rooms: made by `npm run arrows -- --write` -->\n', '<!-- end of rooms -->\n']

  it('replaces what is between its marks, and nothing else', () => {
    const table = roomTable([room('a', { imports: ['b'], node: ['fs'] })])
    expect(table).to.contain('| `a` |  | b, `node:fs` |')
    expect(withTable(`before\n${marks.join('old\n')}after\n`, table)).to.equal(`before\n${marks.join(table)}after\n`)
  })

  it('is refused by a document without marks', () => {
    expect(() => withTable('no marks', '')).to.throw('has no')
  })
})
