/**
 * Where nobody has a home: a user without a passwd entry and without HOME, as containers run
 * programs, and a root folder with nothing in it but the program, as at a shutdown.
 */
import { expect } from 'chai'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkImage } from '../support/images.js'
import { makeStage, type Stage } from '../report/report-stage.js'
import { isRoot, needOthersCanRead, needTools, run, scratchFolder, skip, type Ran } from '../support/tools.js'

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')
const launcher = join(root, 'bin/bootpack.js')

describe('without a home', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  const at = (name: string): string => join(scratch.path, name)
  after(scratch.remove)
  let stage: Stage
  before(async function () {
    needTools(this, 'mke2fs', 'debugfs', 'setpriv', 'unshare', 'chroot')
    if (!isRoot) skip(this, 'needs root to become a user nobody knows')
    stage = await makeStage(scratch.path, 21)
    chmodSync(scratch.path, 0o777)
  })

  it('every command answers a user without a passwd entry', function () {
    needOthersCanRead(this)
    copyFileSync(stage.before, at('mine.img'))
    for (const name of ['mine.img', 'boot.trace']) chmodSync(at(name), 0o666)
    const bootpack = (args: readonly string[], ok: readonly number[] = [0], home?: string): Ran =>
      run(
        'setpriv',
        [
          ...['--reuid', '1234', '--regid', '1234', '--clear-groups'],
          ...['env', '-u', 'SHELL', ...(home === undefined ? ['-u', 'HOME'] : [`HOME=${home}`])],
          ...[process.execPath, launcher, ...args],
        ],
        { ok, cwd: scratch.path },
      )
    for (const home of [undefined, '', '/not/there']) {
      for (const [args, ok] of [
        [['--help'], [0]],
        [['help', 'pack'], [0]],
        [['trace', '--help'], [0]],
        [['completion', 'bash'], [0]],
        [['trace', 'show', stage.trace], [0]],
        [['doctor', at('mine.img')], [0]],
        [['measure', at('mine.img'), '-t', stage.trace], [0]],
        [['fsr', '--help'], [0]],
        [['packk'], [2]],
        [['pack', at('mine.img'), '-t', stage.trace, '--evict'], home === undefined ? [0] : [4]],
      ] as const) {
        const { stderr } = bootpack(args, ok, home)
        expect(stderr, `HOME=${home} ${args.join(' ')}`).to.not.match(/^ +at |Error:|node:internal/m)
      }
    }
    checkImage(at('mine.img'))
  })

  it('an image is packed in an empty root folder, without /etc, /proc and /dev', () => {
    const inside = at('root')
    copyFileSync(stage.before, at('empty.img'))
    const libraries = [...run('ldd', [process.execPath]).stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(/gm)].map(
      (match) => match[1]!,
    )
    for (const path of libraries) {
      mkdirSync(dirname(join(inside, path)), { recursive: true })
      copyFileSync(realpathSync(path), join(inside, path))
      chmodSync(join(inside, path), 0o755)
    }
    for (const folder of ['checkout', 'data']) mkdirSync(join(inside, folder))
    copyFileSync(process.execPath, join(inside, 'node'))
    chmodSync(join(inside, 'node'), 0o755)
    writeFileSync(
      at('inside.sh'),
      `set -e
mount --bind "$1" "$2/checkout"
mount --bind "$3" "$2/data"
exec chroot "$2" /node /checkout/bin/bootpack.js pack /data/empty.img --trace /data/boot.trace --evict -o /data/empty.plan
`,
    )
    // The mounts are the namespace's own and end with it.
    const { stdout, stderr } = run('unshare', ['--mount', 'sh', at('inside.sh'), root, inside, scratch.path], {
      env: { HOME: undefined, SHELL: undefined, NODE_EXTRA_CA_CERTS: undefined },
    })
    expect(stderr).to.equal('')
    expect(stdout).to.match(/^Done: [1-9][\d,]* blocks moved .* all lie where the plan puts them\./)
    checkImage(at('empty.img'))
    expect(readFileSync(at('empty.plan'), 'utf8')).to.match(/"target":"\/data\/empty.img"/)
  })
})
