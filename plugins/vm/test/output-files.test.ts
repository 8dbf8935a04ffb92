import { expect } from 'chai'
import { lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratchFolder } from '../../../test/support/tools.js'
import { OutputFiles } from '../src/cli/output-files.js'

describe('the console file', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())

  it('is written anew, and never through a link', async () => {
    const victim = join(scratch.path, 'victim')
    const link = join(scratch.path, 'console')
    writeFileSync(victim, 'precious')
    symlinkSync('victim', link)
    const through = new OutputFiles({ console: link, disk: 'hdd', scale: 1 }, 1)
    through.console(1, Buffer.from('hello'))
    let thrown: unknown
    await through.write(undefined as never, 1, {} as never).catch((error: unknown) => {
      thrown = error
    })
    expect(thrown).to.be.an('error').with.property('family', 'io')
    expect(readFileSync(victim, 'utf8')).to.equal('precious')
    expect(lstatSync(link).isSymbolicLink()).to.equal(true)

    const plain = join(scratch.path, 'plain')
    writeFileSync(plain, 'what was there before')
    const files = new OutputFiles({ console: plain, disk: 'hdd', scale: 1 }, 1)
    files.console(1, Buffer.from('hello '))
    files.console(1, Buffer.from('again'))
    expect(readFileSync(plain, 'utf8')).to.equal('hello again')
  })

  it('takes no place of what a boot did not write, and the boot does not begin', async () => {
    const at = (name: string): string => join(scratch.path, name)
    writeFileSync(at('notes.md'), '# Precious\n')
    writeFileSync(at('boot.2.trace'), '{"bootpack":"plan"}\n')
    const names = { disk: 'hdd', scale: 1 }
    for (const [more, runs] of [
      [{ console: at('notes.md') }, 1],
      [{ requests: at('notes.md') }, 1],
      [{ trace: at('boot.trace') }, 2],
    ] as const) {
      const thrown: unknown = await new OutputFiles({ ...names, ...more }, runs).need().catch((error: unknown) => error)
      expect(thrown).to.be.an('error').with.property('code', 'is-another-file')
    }
    writeFileSync(at('console'), '[    0.000000] Linux version 6.1.0\n')
    await new OutputFiles({ ...names, console: at('console'), trace: at('boot.trace') }, 1).need()
  })
})
