/** The library as a program meets it: a small set of names, and nothing changed by importing them. */
import { expect } from 'chai'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkImage, hashFiles, makeImage } from '../support/images.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

const root = new URL('../..', import.meta.url).pathname

/** What a program says that is run where `bootpack` can be imported. */
const said = (program: string): string =>
  run(process.execPath, ['--input-type=module', '-e', program], { cwd: root }).stdout

describe('importing bootpack', () => {
  it('loads no command line and no C library, and changes nothing of the process', () => {
    const program = `
      import { createRequire } from 'node:module'
      const state = () => JSON.stringify({
        global: Reflect.ownKeys(globalThis).map(String).sort(),
        environment: process.env,
        listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
        exitCode: process.exitCode ?? null,
        cwd: process.cwd(),
        umask: process.umask(),
        stack: Error.stackTraceLimit,
      })
      const before = state()
      await import('bootpack')
      const after = state()
      const loaded = [
        ...Object.keys(createRequire(import.meta.url).cache),
        ...process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap' && name !== 'TTYWrap'),
      ]
      console.log(JSON.stringify({ before, after, loaded }))`
    const { before, after, loaded } = JSON.parse(said(program)) as { before: string; after: string; loaded: string[] }
    expect(after).to.equal(before)
    expect(loaded.filter((path) => /oclif|koffi|\.node$/.test(path))).to.deep.equal([])
  })

  it('reaches no file that imports oclif or koffi', () => {
    // Every module that is loaded, by a hook of Node's loader: ES modules are in no cache that can be asked.
    const hook = `export async function load(url, context, next) { process._rawDebug(url); return next(url, context) }`
    const program = `
      import { register } from 'node:module'
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}))
      await import('bootpack')`
    const { stderr } = run(process.execPath, ['--input-type=module', '-e', program], { cwd: root })
    const loaded = stderr.split('\n').filter((line) => /^(file|node):/.test(line))
    expect(loaded.filter((url) => url.includes('/dist/'))).to.have.length.above(50)
    expect(loaded.filter((url) => /node_modules\/(@oclif|koffi)/.test(url))).to.deep.equal([])
  })

  it('gives 20 to 25 names', () => {
    const source = readFileSync(join(root, 'src/public/index.ts'), 'utf8')
    const names = [...source.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list]) => list!.split(','))
    expect(names.length).to.be.within(20, 25)
  })
})

const programOf = (text: string): string => /```js\n([^]*?)```/.exec(text)![1]!

describe("the README's program", function () {
  const scratch = scratchFolder()
  after(scratch.remove)

  it('packs an image in ten lines, as it stands there', function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck')
    const tree = join(scratch.path, 'tree')
    run('mkdir', [tree])
    for (let i = 0; i < 20; i++) writeFileSync(join(tree, `file${i}`), Buffer.alloc(20_000, `contents of ${i}, `))
    const image = join(scratch.path, 'disk.img')
    makeImage(image, { size: 16 << 20, tree })
    const hashes = hashFiles(image)
    const trace = join(scratch.path, 'boot.trace')
    writeFileSync(trace, [...hashes.keys()].reverse().join('\n'))
    const program = programOf(readFileSync(join(root, 'README.md'), 'utf8'))
    // The documentation of the package shows the same one.
    const shown = readFileSync(join(root, 'src/public/index.ts'), 'utf8').replaceAll(/^ \* ?/gm, '')
    expect(programOf(shown)).to.equal(program)
    expect(
      program
        .trim()
        .split('\n')
        .filter((line) => line !== '').length,
    ).to.equal(10)
    const printed = said(program.replaceAll("'disk.img'", `'${image}'`).replaceAll("'boot.trace'", `'${trace}'`))
    expect(printed).to.match(/^\d+ seeks became \d+\n$/)
    checkImage(image)
    expect(hashFiles(image)).to.deep.equal(hashes)
  })
})
