/** What an error tells a person to type works when it is typed. */
import { expect } from 'chai'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { makeStage, type Stage } from '../report/report-stage.js'
import { needTools, run, scratchFolder, type Ran } from '../support/tools.js'

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')

describe('a hint', function () {
  this.timeout(60_000)
  const scratch = scratchFolder()
  const at = (name: string): string => join(scratch.path, name)
  after(scratch.remove)
  let stage: Stage
  before(async function () {
    needTools(this, 'mke2fs', 'debugfs')
    stage = await makeStage(scratch.path, 41)
    mkdirSync(at('bin'))
    symlinkSync(join(root, 'bin/bootpack.js'), at('bin/bootpack'))
    mkdirSync(at('here'))
  })

  const type = (line: string, ok: readonly number[] = [0]): Ran =>
    run('sh', ['-c', line], {
      cwd: at('here'),
      ok,
      env: { PATH: `${at('bin')}:${process.env['PATH']}:/usr/sbin:/sbin` },
    })

  /** The command a hint ends in. */
  const commandIn = ({ stderr }: Ran): string => /(?:first|with): (.+)$/m.exec(stderr)![1]!

  it('for a packed recording makes the trace that is asked for', function () {
    needTools(this, 'xz')
    const list = stage.boot.filter((path) => path.startsWith('/usr')).join('\n')
    writeFileSync(at("here/my boot's.list"), list)
    type('xz my*list')
    const hint = commandIn(type(`bootpack measure ${stage.before} -t *.xz`, [5]))
    expect(hint).to.equal("xz -dc 'my boot'\\''s.list.xz' | bootpack trace import - -o boot.trace")
    type(hint)
    type(`bootpack measure ${stage.before} -t boot.trace`)
    // From standard input, it is the same file that is given again.
    const piped = commandIn(type('bootpack trace show - < "my boot\'s.list.xz"', [5]))
    expect(piped).to.match(/^xz -dc - \| bootpack trace import - -o boot\.trace$/)
    type(`(${piped}) < "my boot\'s.list.xz"`)
  })

  it('for a cut recording saves what is left of it', () => {
    const whole = gzipSync(readFileSync(stage.trace), { level: 0 })
    writeFileSync(at('here/cut.gz'), whole.subarray(0, whole.length - 100))
    const hint = commandIn(type('bootpack trace show cut.gz', [6]))
    expect(hint).to.equal('gzip -dc cut.gz | bootpack trace import - -o boot.trace')
    expect(type(hint).stdout).to.match(/reads written to boot\.trace/)
  })

  it('for squashfs names a flag that exists', function () {
    needTools(this, 'mksquashfs')
    copyFileSync(stage.trace, at('here/boot.trace'))
    run('mksquashfs', [at('tree'), at('here/disk.squashfs'), '-quiet', '-no-progress'])
    const { stderr } = type('bootpack pack disk.squashfs -t boot.trace', [5])
    const [, first, then] = /boot order: (bootpack .*), then (mksquashfs) with -sort sort\.txt/.exec(stderr)!
    type(first!)
    expect(existsSync(at('here/sort.txt'))).to.equal(true)
    type(`${then} ${at('tree')} sorted.squashfs -sort sort.txt -quiet -no-progress`)
  })

  it('for an XFS image says that it is packed mounted', () => {
    writeFileSync(at('here/xfs.img'), Buffer.concat([Buffer.from('XFSB'), Buffer.alloc(1 << 20)]))
    chmodSync(at('here/xfs.img'), 0o600)
    expect(type('bootpack pack xfs.img -t boot.trace', [5]).stderr).to.match(
      /XFS is packed while it is mounted: mount -o loop \S+xfs\.img \/mnt, and give \/mnt\./,
    )
  })
})
