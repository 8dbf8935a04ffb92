/** A note in a folder that everybody may write is believed only if nobody else can have written it. */
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { isRoot, scratchFolder, skip } from '../../../test/support/tools.js'
import { readLeftOff, writeLeftOff } from '../src/fsr/left-off.js'

describe('fsr: where a run left off', () => {
  let folder: ReturnType<typeof scratchFolder>
  const path = (name: string): string => join(folder.path, name)
  const note = '/dev/sda2 3 12345\n'

  before(function () {
    if (!isRoot) skip(this, 'needs root, whom the file must belong to')
    folder = scratchFolder()
  })
  after(() => folder?.remove())

  it('reads what xfs_fsr writes, and writes what it reads', () => {
    writeFileSync(path('good'), note, { mode: 0o644 })
    expect(readLeftOff(path('good'))).to.deep.equal({
      kind: 'trusted',
      at: { device: '/dev/sda2', pass: 3, inode: 12345 },
    })
    writeLeftOff(path('good'), { device: '/dev/sdb', pass: 1, inode: 7 })
    expect(readFileSync(path('good'), 'utf8')).to.equal('/dev/sdb 1 7\n')
    expect(statSync(path('good')).mode & 0o777).to.equal(0o644)
    writeLeftOff(path('good'), undefined)
    expect(existsSync(path('good'))).to.equal(false)
    expect(readLeftOff(path('good'))).to.deep.equal({ kind: 'none' })
  })

  const bad: Record<string, [(file: string) => void, RegExp]> = {
    'a symbolic link': [
      (file) => {
        writeFileSync(`${file}-real`, note)
        symlinkSync(`${file}-real`, file)
      },
      /symbolic link/,
    ],
    'a file with a second name': [
      (file) => {
        writeFileSync(file, note)
        linkSync(file, `${file}-2`)
      },
      /2 names/,
    ],
    'a file others may write': [
      (file) => {
        writeFileSync(file, note)
        chmodSync(file, 0o646)
      },
      /others may write/,
    ],
    'a file its group may write': [
      (file) => {
        writeFileSync(file, note)
        chmodSync(file, 0o664)
      },
      /others may write/,
    ],
    'a file of somebody else': [
      (file) => {
        writeFileSync(file, note)
        chownSync(file, 65534, 0)
      },
      /user 65534/,
    ],
    'a directory': [(file) => mkdirSync(file), /not a regular file/],
    'a file with other contents': [(file) => writeFileSync(file, 'root:x:0:0:root:/root:/bin/bash\n'), /does not say/],
  }
  for (const [what, [make, why]] of Object.entries(bad)) {
    it(`neither believes nor replaces ${what}`, () => {
      const file = path(what.replaceAll(' ', '-'))
      make(file)
      const before = statSync(file)
      const found = readLeftOff(file)
      expect(found.kind).to.equal('refused')
      expect((found as { why: string }).why).to.match(why)
      expect(() => writeLeftOff(file, { device: '/dev/sda', pass: 0, inode: 1 })).to.throw(/is not replaced/)
      const after = statSync(file)
      expect([after.ino, after.size, after.nlink]).to.deep.equal([before.ino, before.size, before.nlink])
    })
  }
})
