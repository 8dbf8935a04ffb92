import { shellWord } from '../../src/text/shell-word.js'
import { expect } from 'chai'
import { detectFormat } from '../../src/trace/parse/detect-format.js'
import { parseTrace } from '../../src/trace/parse/parser.js'
import { fixture } from './support.js'
import type { BootpackError } from '../../src/errors.js'

const refusal = (contents: Buffer | string): BootpackError => {
  try {
    parseTrace(contents, { name: "my trace's", word: shellWord("my trace's") })
  } catch (error) {
    return error as BootpackError
  }
  throw new Error('was taken')
}

describe('telling a format by its contents', () => {
  const fixtures = {
    'boot-tracefs.txt.gz': 'tracefs',
    'tracefs-folios.txt.gz': 'tracefs',
    'boot-files.tsv': 'table',
    'boot-fanotify.txt.gz': 'fanotify',
    'boot-blockreads.txt.gz': 'block-reads',
    'strace-file.txt.gz': 'strace',
    'strace-names.txt.gz': 'strace',
    'strace-terminal.txt.gz': 'strace',
    'fatrace.txt': 'fatrace',
    'fincore.json': 'fincore',
    'blkparse.txt.gz': 'blkparse',
  } as const
  for (const [name, format] of Object.entries(fixtures)) {
    it(`${name} is ${format}`, () => {
      const bytes = fixture(name)
      expect(detectFormat(bytes.subarray(0, 65536)).name).to.equal(format)
      // A recording may begin with words of the console, and come over a serial line.
      const noisy = Buffer.from(
        `[    0.000000] Linux version 6.1\nWelcome to Debian!\n\n${bytes.toString('latin1')}`.replaceAll('\n', '\r\n'),
        'latin1',
      )
      if (format !== 'table' && format !== 'fincore')
        expect(detectFormat(noisy.subarray(0, 65536)).name).to.equal(format)
    })
  }

  it('the rest from literal lines', () => {
    expect(detectFormat(Buffer.from('{"bootpack":"trace","version":1,"source":"list"}\n')).name).to.equal('native')
    expect(detectFormat(Buffer.from('2049 131 /bin/ls\n/etc/fstab\n')).name).to.equal('e4rat')
    expect(detectFormat(Buffer.from('\ufeff/etc/fstab\n')).name).to.equal('list')
    expect(
      detectFormat(Buffer.from('/bin/sh (1 kB), 1 blocks (4 kB)\n  [@]\n\n\t0, 4096 bytes (at 7)\n')).name,
    ).to.equal('ureadahead')
  })

  it('refuses what another program must turn into text, and says how', () => {
    for (const [magic, command] of [
      [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], 'xz -dc'],
      [[0x28, 0xb5, 0x2f, 0xfd], 'zstd -dc'],
      [[0x42, 0x5a, 0x68, 0x39], 'bzip2 -dc'],
      [Buffer.from('PERFILE2h'), 'perf script -i'],
      [[0x17, 8, 0x44, ...Buffer.from('tracing6\0')], 'trace-cmd report'],
      [[7, 0x74, 0x61, 0x65], 'blkparse -i'],
    ] as const) {
      const error = refusal(Buffer.from([...magic, 0, 0, 0]))
      expect(error.family).to.equal('unsupported')
      expect(error.exitCode).to.equal(5)
      expect(error.next).to.contain(`${command} 'my trace'\\''s' | bootpack trace import - -o boot.trace`)
    }
  })

  it('refuses what is empty, binary or unknown', () => {
    for (const [contents, code] of [
      ['', 'empty-trace'],
      ['\n\r\n', 'empty-trace'],
      ['\0\0\0', 'unknown-format'],
      ['hello\nworld\n', 'unknown-format'],
      ['\x7fELF\0', 'unknown-format'],
    ] as const) {
      const error = refusal(contents)
      expect([error.family, error.code], JSON.stringify(contents)).to.deep.equal(['usage', code])
    }
  })

  it('refuses other files of ours and damaged headers', () => {
    for (const [header, family] of [
      ['{"bootpack":"plan","version":1}', 'usage'],
      ['{"bootpack":"trace","version":2,"source":"x"}', 'unsupported'],
      ['{"bootpack":"trace","version":1}', 'corrupt'],
      ['{"bootpack":"trace","version":1,"source":"x","lost":-1}', 'corrupt'],
      ['{"bootpack":"trace","version":1,"source":"x"', 'corrupt'],
      ['{"bootpack":"trace","version":1,"source":"x","root":[]}', 'corrupt'],
    ] as const)
      expect(refusal(`${header}\n`).family, header).to.equal(family)
  })
})
