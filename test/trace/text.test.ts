import { expect } from 'chai'
import { escapePath, excerpt } from '../../src/text/escape-path.js'
import { decodeOctal, PathPlacer, tidyPath } from '../../src/trace/formats/path-text.js'

describe('names as text', () => {
  it('shows control characters escaped and leaves backslashes', () => {
    expect(escapePath('/a\nb\tc\r\x1b[31m\x7f\x85 \\x2d é')).to.equal('/a\\nb\\tc\\r\\x1b[31m\\x7f\\x85 \\x2d é')
    expect(escapePath('/\u202egnp.exe\u2028\u200b\ufeff')).to.equal('/\\u{202e}gnp.exe\\u{2028}\\u{200b}\\u{feff}')
    expect(escapePath('/\udcff and 😀')).to.equal('/\\u{dcff} and 😀')
  })

  it('cuts a long text before escaping it', () => {
    expect(excerpt('\n'.repeat(5), 3)).to.equal('\\n\\n\\n…')
    expect(excerpt('abc', 3)).to.equal('abc')
  })

  it('undoes octal escapes of three digits, and nothing else', () => {
    expect(decodeOctal('/a\\040b\\134c')).to.equal('/a b\\c')
    expect(decodeOctal('/x\\303\\251')).to.equal('/xé')
    expect(decodeOctal('/dev\\x2ddisk\\04 \\400 \\0')).to.equal('/dev\\x2ddisk\\04 \\400 \\0')
    expect(decodeOctal('/end\\012')).to.equal('/end\n')
  })

  it('tidies names without deciding what .. means', () => {
    expect(tidyPath('//usr/./bin//cut/')).to.equal('/usr/bin/cut')
    expect(tidyPath('/usr/../bin')).to.equal('/usr/../bin')
    expect(tidyPath('/')).to.equal('/')
    expect(tidyPath('/.hidden/..data/.')).to.equal('/.hidden/..data')
  })

  it('places names below the traced root', () => {
    const placer = new PathPlacer({ root: '/mnt/sample/' }, true)
    expect(placer.place('/mnt/sample/usr/bin')).to.deep.equal({ path: '/usr/bin' })
    expect(placer.place('/mnt/sample')).to.deep.equal({ path: '/' })
    expect(placer.place('/mnt/samples/x')).to.deep.equal({ dropped: 'outside-root' })
    expect(placer.place('etc/fstab')).to.deep.equal({ dropped: 'relative-name' })
    expect(placer.place('/a\0b')).to.equal(undefined)
    expect(placer.place('')).to.equal(undefined)
    expect(placer.place(`/${'x'.repeat(5000)}`)).to.equal(undefined)
    const everywhere = new PathPlacer({ workingDirectory: '/home' }, true)
    expect(everywhere.place('/proc/1/maps')).to.deep.equal({ dropped: 'pseudo-file' })
    expect(everywhere.place('/processes')).to.deep.equal({ path: '/processes' })
    expect(everywhere.place('x')).to.deep.equal({ path: '/home/x' })
  })
})
