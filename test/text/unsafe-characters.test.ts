/** Whatever way a name is shown, the same characters never reach the terminal. */
import { execFileSync } from 'node:child_process'
import { expect } from 'chai'
import { escapePath } from '../../src/text/escape-path.js'
import { jsonText, quoted } from '../../src/text/json-text.js'
import { shellWord } from '../../src/text/shell-word.js'

const hostile = [
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, index) => 0x7f + index),
  ...[0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0xfeff],
].map((code) => String.fromCharCode(code))

describe('a name with characters a terminal obeys', () => {
  it('is shown without any of them, as text, in quotes, for a shell and in JSON', () => {
    for (const each of hostile) {
      const name = `a${each}b`
      for (const [way, shown] of Object.entries({
        text: escapePath(name),
        quotes: quoted(name),
        shell: shellWord(name),
        json: jsonText({ name }).replaceAll(/^\{\n {2}|\n\}$/g, ''),
      }))
        expect(shown.includes(each), `${way} U+${each.charCodeAt(0).toString(16)}`).to.equal(false)
      expect(JSON.parse(quoted(name))).to.equal(name)
      expect(JSON.parse(jsonText({ name }))).to.deep.equal({ name })
    }
  })

  it('is the same file to a shell', () => {
    for (const each of hostile.slice(1)) {
      const name = `a${each}b'\\`
      const said = execFileSync('bash', ['-c', `printf %s ${shellWord(name)}`], { encoding: 'utf8' })
      expect(said, `U+${each.charCodeAt(0).toString(16)}`).to.equal(name)
    }
  }).timeout(120_000)
})
