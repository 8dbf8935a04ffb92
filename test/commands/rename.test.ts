/** A profile of an image brought to an upgraded one, as it is typed. */
import { expect } from 'chai'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTrace } from '../../src/trace/read-trace.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname

describe('bootpack trace rename', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  after(() => scratch.remove())
  const at = (name: string): string => join(scratch.path, name)

  it('gives a profile the names of the next image, shows its guesses, and takes a table', async function () {
    needTools(this, 'mke2fs')
    for (const name of ['usr/lib', 'etc']) run('mkdir', ['-p', at(`tree/${name}`)])
    for (const name of ['usr/lib/libfoo.so.1.3', 'usr/lib/libbar.so.3', 'etc/fstab', 'etc/new-name'])
      writeFileSync(at(`tree/${name}`), name)
    run('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', at('tree'), at('next.img'), '8M'])
    writeFileSync(at('old.list'), '/usr/lib/libfoo.so.1.2\n/etc/fstab\n/usr/lib/libbar.so.2\n/etc/old-name\n/gone\n')
    const bootpack = (...words: string[]): { stdout: string } => run(process.execPath, [launcher, ...words])
    const { stdout } = bootpack(
      'trace',
      'rename',
      at('old.list'),
      '--target',
      at('next.img'),
      '--save-table',
      at('r.tsv'),
      '-o',
      at('next.trace'),
    )
    expect(stdout).to.match(/libfoo\.so\.1\.2 -> \/usr\/lib\/libfoo\.so\.1\.3 +another version\n/)
    expect(stdout).to.match(/libbar\.so\.2 -> \/usr\/lib\/libbar\.so\.3 +another version, another soname\n/)
    expect(stdout).to.match(
      /Of the trace, 1 file on the target under the same name, 2 more under another name, 2 are not/,
    )
    writeFileSync(at('r.tsv'), `${readFileSync(at('r.tsv'), 'utf8')}/etc/old-name\t/etc/new-name\n`)
    bootpack(
      'trace',
      'rename',
      at('old.list'),
      '--target',
      at('next.img'),
      '--table',
      at('r.tsv'),
      '-o',
      at('next.trace'),
    )
    expect((await readTrace(at('next.trace'))).reads.map(({ path }) => path)).to.deep.equal([
      '/usr/lib/libfoo.so.1.3',
      '/etc/fstab',
      '/usr/lib/libbar.so.3',
      '/etc/new-name',
      '/gone',
    ])
  })
})
