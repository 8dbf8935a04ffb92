import { expect } from 'chai'
import { BootpackError } from 'bootpack'
import { ConsoleText } from '../src/machine/console-text.js'
import { parseUntil } from '../src/machine/until.js'

/** All lines a console shows, the one being written last, however the bytes are cut. */
function linesOf(bytes: Buffer, cut: (rest: number) => number): string[] {
  const text = new ConsoleText(1000)
  for (let at = 0; at < bytes.length;) {
    const length = cut(bytes.length - at)
    text.add(bytes.subarray(at, at + length))
    at += length
  }
  return [...text.tail]
}

describe('the text on a console', () => {
  const said = Buffer.from(
    '[    0.00] Linux version 6.1\r\r\n\u001b[0;32m  OK  \u001b[0m] Reached target \u001b[0;1;39mmulti-user.target\u001b[0m - Mülti-User.\r\n\r\n' +
      '\u001b]0;title\u0007\u001b(B\u001b[?25hA\tB\r\u001b]2;other\u001b\\bootvm login: ',
  )
  const lines = [
    '[    0.00] Linux version 6.1',
    '  OK  ] Reached target multi-user.target - Mülti-User.',
    'A B',
    'bootvm login: ',
  ]

  it('comes without carriage returns and escape sequences', () => {
    expect(linesOf(said, (rest) => rest)).to.deep.equal(lines)
  })

  it('is the same wherever the bytes are cut', () => {
    expect(linesOf(said, () => 1)).to.deep.equal(lines)
    for (let at = 1; at < said.length; at++) {
      let first = true
      expect(
        linesOf(said, (rest) => {
          const cut = first ? at : rest
          first = false
          return cut
        }),
        `cut at ${at}`,
      ).to.deep.equal(lines)
    }
  })

  it('shows a prompt before its line ends', () => {
    const text = new ConsoleText()
    expect(text.add(Buffer.from('one\r\nlog'))).to.deep.equal(['one', 'log'])
    expect(text.add(Buffer.from('in:'))).to.deep.equal(['login:'])
  })

  it('does not grow with a line that never ends, nor with many', () => {
    const text = new ConsoleText(5)
    for (let i = 0; i < 100; i++) text.add(Buffer.alloc(10_000, 'x'))
    for (let i = 0; i < 100; i++) text.add(Buffer.from(`line ${i}\n`))
    expect(text.tail).to.deep.equal(['line 95', 'line 96', 'line 97', 'line 98', 'line 99'])
  })
})

describe('--until', () => {
  const matches = (given: string, line: string): boolean => {
    const until = parseUntil(given)
    return until.kind === 'text' && until.matches(line)
  }

  it('takes numbers as seconds', () => {
    expect(parseUntil('60')).to.deep.include({ kind: 'seconds', seconds: 60 })
    expect(parseUntil('2.5s')).to.deep.include({ kind: 'seconds', seconds: 2.5 })
  })

  it('takes text as it is, and expressions between slashes', () => {
    expect(matches('a.c', 'xa.cx')).to.equal(true)
    expect(matches('a.c', 'abc')).to.equal(false)
    expect(matches('/^a.c$/', 'abc')).to.equal(true)
    expect(matches('/^A.c$/', 'abc')).to.equal(false)
    expect(matches('/^A.c$/i', 'abc')).to.equal(true)
    expect(matches('/etc', 'cat /etc/fstab')).to.equal(true)
  })

  it('says what is wrong with what it cannot take', () => {
    for (const given of ['', '0', '100000', '/(/']) {
      expect(() => parseUntil(given), given)
        .to.throw(BootpackError, /--until/)
        .with.property('family', 'usage')
    }
  })
})
