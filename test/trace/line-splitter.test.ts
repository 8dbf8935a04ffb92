import { expect } from 'chai'
import { LineSplitter } from '../../src/trace/parse/line-splitter.js'
import { numbers } from './support.js'

function split(chunks: readonly Buffer[], longest?: number): { lines: string[]; tooLong: string[]; numbers: number[] } {
  const found = { lines: [] as string[], tooLong: [] as string[], numbers: [] as number[] }
  const splitter = new LineSplitter(
    {
      line: (bytes, start, end, number) => {
        found.lines.push(bytes.toString('latin1', start, end))
        found.numbers.push(number)
      },
      tooLong: (bytes, start, end, number) =>
        found.tooLong.push(`${number}:${bytes.toString('latin1', start, Math.min(end, start + 4))}`),
    },
    longest,
  )
  for (const chunk of chunks) splitter.push(chunk)
  splitter.end()
  return found
}

describe('cutting a stream into lines', () => {
  it('finds the same lines wherever the chunks end', () => {
    const seed = Date.now() % 1e6
    const next = numbers(seed)
    for (let round = 0; round < 300; round++) {
      const lines = Array.from(
        { length: next(12) },
        () => 'x'.repeat(next(3) === 0 ? 0 : next(40)) + String(next(1000)),
      )
      const text = lines.map((line) => line + ['\n', '\r\n', '\r\r\n'][next(3)]!).join('') + (next(2) ? 'last' : '')
      const expected = text.endsWith('last') ? [...lines, 'last'] : lines
      const chunks: Buffer[] = []
      for (let at = 0; at < text.length;) {
        const length = 1 + next(30)
        chunks.push(Buffer.from(text.slice(at, at + length)))
        at += length
      }
      const found = split(chunks)
      expect(found.lines, `seed ${seed}`).to.deep.equal(expected)
      expect(found.numbers).to.deep.equal(expected.map((_, i) => i + 1))
    }
  })

  it('never holds a line longer than allowed, and goes on after it', () => {
    for (const size of [1, 7, 1000]) {
      const text = Buffer.from(`ab\n${'y'.repeat(500)}\ncd\n${'z'.repeat(500)}`)
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.subarray(i * size, (i + 1) * size),
      )
      const found = split(chunks, 100)
      expect(found.lines).to.deep.equal(['ab', 'cd'])
      expect(found.tooLong).to.deep.equal(['2:yyyy', '4:zzzz'])
    }
  })

  it('takes a line of exactly the longest length', () => {
    const found = split([Buffer.from(`${'a'.repeat(100)}\n${'b'.repeat(101)}\n`)], 100)
    expect(found.lines).to.deep.equal(['a'.repeat(100)])
    expect(found.tooLong).to.have.length(1)
  })

  it('takes the NULs behind a log on a raw disk for its end', () => {
    const found = split([Buffer.from('one\ntwo\n'), ...Array.from({ length: 50 }, () => Buffer.alloc(100))], 1000)
    expect(found.lines).to.deep.equal(['one', 'two'])
    expect(found.tooLong).to.deep.equal([])
    expect(split([Buffer.from('one\n\0\0\0')]).lines).to.deep.equal(['one', ''])
  })
})
