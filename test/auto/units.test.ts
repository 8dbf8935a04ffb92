import { expect } from 'chai'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { putUnits, removeUnits, serviceText, timerText } from '../../src/auto/units.js'
import { PinnedRoot } from '../../src/collect/setup/pinned-root.js'
import { failureOf } from '../support/failure-of.js'
import { hasTool, run, scratchFolder, skip } from '../support/tools.js'

const units = 'etc/systemd/system'

describe('the units of auto', () => {
  let scratch: ReturnType<typeof scratchFolder>
  let root: PinnedRoot
  beforeEach(() => {
    scratch = scratchFolder()
    root = PinnedRoot.open(scratch.path)
  })
  afterEach(() => {
    root.close()
    scratch.remove()
  })

  it('are put, put again, and taken away with nothing left but folders that were made', () => {
    const { written, made } = putUnits(root, ['/usr/bin/node', '/usr/lib/bootpack.js'])
    expect(written).to.have.length(4)
    expect(putUnits(root, ['/usr/bin/node', '/usr/lib/bootpack.js'])).to.deep.equal({ written, made: [] })
    for (const path of written) expect(existsSync(join(scratch.path, path)), path).to.equal(true)
    removeUnits(root)
    for (const folder of [...made].sort().reverse()) root.removeEmptyFolder(folder)
    expect(readdirSync(scratch.path)).to.deep.equal([])
  })

  it('leave alone what somebody else put in their places', () => {
    root.makeFolders(units)
    const place = join(scratch.path, units, 'bootpack-auto.timer')
    writeFileSync(place, '[Timer]\nOnCalendar=daily\n')
    expect(failureOf(() => putUnits(root, ['/bin/true'])).code).to.equal('not-ours')
    expect(removeUnits(root)).to.deep.equal([])
    expect(readFileSync(place, 'utf8')).to.equal('[Timer]\nOnCalendar=daily\n')
  })

  it('are some that systemd understands', function () {
    if (!hasTool('systemd-analyze')) skip(this, 'needs systemd-analyze')
    const service = join(scratch.path, 'bootpack-auto.service')
    const timer = join(scratch.path, 'bootpack-auto.timer')
    // The manual page comes with an installed package.
    writeFileSync(service, serviceText(['/bin/true', '/a path/100%/x.js']).replace(/^Documentation=.*\n/m, ''))
    writeFileSync(timer, timerText())
    const { stderr, stdout } = run('systemd-analyze', ['verify', '--man=no', service, timer], { ok: [0, 1] })
    expect(`${stdout}${stderr}`).not.to.include('bootpack-auto')
  })
})
