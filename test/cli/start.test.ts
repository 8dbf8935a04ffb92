/** Starting: fast, the same answer as oclif's own, and no manifest that hides a command. */
import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isManifestFresh } from '../../src/cli/session/manifest.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')
const launcher = join(root, 'bin/bootpack.js')

describe('starting', function () {
  const scratch = scratchFolder()
  after(scratch.remove)

  it('tells the version as oclif does', () => {
    const slow = run(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { execute } from '@oclif/core'; await execute({ dir: '${launcher}', args: ['--version'] })`,
      ],
      { cwd: root },
    )
    for (const word of ['--version', '-v']) expect(run(process.execPath, [launcher, word]).stdout).to.equal(slow.stdout)
    expect(slow.stdout).to.match(/^bootpack\/\d+\.\d+\.\d+ \S+ node-v\d+/)
  })

  it('takes nothing from the home folder, and waits for nothing there', function () {
    needTools(this, 'mkfifo')
    const home = join(scratch.path, 'home')
    mkdirSync(join(home, '.config/bootpack'), { recursive: true })
    run('mkfifo', [join(home, '.config/bootpack/theme.json')])
    const { status, stdout } = spawnSync(process.execPath, [launcher, 'completion', 'bash'], {
      env: { ...process.env, HOME: home, XDG_CONFIG_HOME: '' },
      encoding: 'utf8',
      timeout: 15_000,
    })
    expect(status).to.equal(0)
    expect(stdout).to.match(/^# bash completion/)
  }).timeout(20_000)

  it('tells it within three times of what Node itself needs', () => {
    const least = { node: Infinity, bootpack: Infinity }
    for (let i = 0; i < 7; i++) {
      for (const [name, args] of [
        ['node', ['-e', '0']],
        ['bootpack', [launcher, '--version']],
      ] as const) {
        const begun = performance.now()
        run(process.execPath, args)
        least[name] = Math.min(least[name], performance.now() - begun)
      }
    }
    expect(least.bootpack / least.node).to.be.below(3)
  })

  it('believes a manifest only while it tells of the commands that are there', () => {
    const at = (...names: string[]): string => join(scratch.path, ...names)
    const touch = (path: string, seconds: number): void => {
      writeFileSync(path, '')
      utimesSync(path, seconds, seconds)
    }
    mkdirSync(at('dist/commands/trace'), { recursive: true })
    for (const name of ['pack.js', 'pack.d.ts', 'trace/show.js']) touch(at('dist/commands', name), 100)
    touch(at('oclif.manifest.json'), 200)
    touch(at('dist/.tsbuildinfo'), 300)
    const fresh = (): boolean => isManifestFresh(scratch.path, [scratch.path], ['trace:show', 'pack'])
    expect(fresh(), 'installed: nothing is ever built').to.equal(true)
    touch(at('tsconfig.json'), 1)
    expect(fresh(), 'built since').to.equal(false)
    touch(at('oclif.manifest.json'), 300)
    expect(fresh(), 'made after the build').to.equal(true)
    touch(at('dist/commands/new.js'), 100)
    expect(fresh(), 'a command it does not name').to.equal(false)
    rmSync(at('dist/commands/new.js'))
    rmSync(at('dist/commands/pack.js'))
    expect(fresh(), 'a command that is gone').to.equal(false)
    writeFileSync(at('dist/commands/pack.js'), '')
    rmSync(at('oclif.manifest.json'))
    expect(fresh(), 'no manifest').to.equal(false)
  })
})
