/** What may take whose place: every kind of output over every other, and over what bootpack never wrote. */
import { expect } from 'chai'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { BootpackError } from '../../src/errors.js'
import { refuseOther, writeAtomically } from '../../src/files/atomic-file.js'
import type { OutputKind } from '../../src/files/output-kind.js'
import { scratchFolder } from '../support/tools.js'

/** One of each, as bootpack writes them. */
const written: Readonly<Record<OutputKind, string | Buffer>> = {
  plan: '{\n  "bootpack": "plan",\n  "version": 1\n}\n',
  trace: '{"bootpack":"trace","version":1,"source":"list"}\n{"path":"/a","off":0,"kind":"data"}\n',
  check: '{"bootpack":"check","version":1,"files":[]}\n',
  page: '<!DOCTYPE html>\n<html><head><title>60 seeks. bootpack report</title></head></html>\n',
  requests: '2.786001 R 1187840 131072 dist=1179648 pos_ms=5.010 wait_ms=0.000\n',
  list: '/etc/fstab\n/bin/with blanks\n',
  e4rat: '64512 12 /etc/fstab\n64512 13 /bin/sh\n',
  'squashfs-sort': 'etc/fstab 32767\nbin/with\\ blanks 32766\n',
  renames: '# old\tnew\twhy; guesses\n/a.so.1\t/a.so.2\tversion\n',
  parquet: 'PAR1 and more',
  'nydus-optimize': '{"version":"v1","files":[]}\n',
  estargz: '{"path":"etc/fstab"}\n',
  soci: '["/etc/fstab"]\n',
  'tar-order': './etc\0./etc/fstab\0',
  ranges: '0 4096\n8192 4096\n',
  'ranges-json': '{"version":1,"ranges":[[0,4096]]}\n',
  'fio-iolog': 'fio version 2 iolog\n/dev/sda add\n',
  console: 'SeaBIOS (version 1.16)\n[    0.000000] Linux version 6.1.0\n',
}

const strangers: Readonly<Record<string, string | Buffer>> = {
  'notes.md': '# What I must not lose\n\nOne line, and another.\n',
  'packages.json': '{"name":"bootpack"}\n',
  'index.html': '<!DOCTYPE html>\n<html><head><title>Home</title></head></html>\n',
  'archive.gz': gzipSync('not a trace'),
  'random.bin': Buffer.from([1, 2, 3, 0, 255, 254, 7]),
}

describe('an output', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())
  const at = (name: string): string => join(scratch.path, name)
  const kinds = Object.keys(written) as OutputKind[]
  const refusal = async (path: string, kind: OutputKind): Promise<string | undefined> =>
    refuseOther(path, kind).then(
      () => undefined,
      (error: BootpackError) => error.code,
    )

  it('replaces its own kind and no other, packed or not', async () => {
    for (const there of kinds) {
      for (const packed of [false, true]) {
        writeFileSync(at('there'), packed ? gzipSync(written[there]) : written[there])
        for (const kind of kinds) {
          // A list of paths is one of the two forms e4rat has. Only traces are ever packed.
          const may = packed
            ? there === 'trace' && kind === 'trace'
            : there === kind || (there === 'list' && kind === 'e4rat')
          expect(await refusal(at('there'), kind), `${kind} over ${there}`).to.equal(
            may ? undefined : 'is-another-file',
          )
        }
      }
    }
  })

  it('leaves alone what bootpack did not write, and takes the place of nothing and of an empty file', async () => {
    for (const [name, contents] of Object.entries(strangers)) {
      writeFileSync(at(name), contents)
      for (const kind of kinds)
        expect(await refusal(at(name), kind), `${kind} over ${name}`).to.equal('is-another-file')
    }
    writeFileSync(at('empty'), '')
    for (const kind of kinds)
      for (const name of ['empty', 'absent']) expect(await refusal(at(name), kind)).to.equal(undefined)
  })

  it('knows long files by their beginning', async () => {
    writeFileSync(at('long'), '/some/path/of/a/list\n'.repeat(20_000))
    expect(await refusal(at('long'), 'list')).to.equal(undefined)
    writeFileSync(at('long.gz'), gzipSync(`${String(written.trace)}${'{"path":"/a","off":0}\n'.repeat(50_000)}`))
    expect(await refusal(at('long.gz'), 'trace')).to.equal(undefined)
    expect(await refusal(at('long.gz'), 'plan')).to.equal('is-another-file')
  })

  it('is looked at again before it takes its place', async () => {
    const error = await writeAtomically(at('raced'), 'plan', async (file) => {
      writeFileSync(at('raced'), written.trace)
      await file.write(String(written.plan))
    }).then(
      () => undefined,
      (thrown: BootpackError) => thrown,
    )
    expect([error?.code, error?.exitCode]).to.deep.equal(['is-another-file', 5])
    expect(error?.message).to.match(/is a trace, which a plan must not replace/)
    expect(readFileSync(at('raced'), 'utf8')).to.equal(written.trace)
  })
})
