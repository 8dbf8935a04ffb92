/** The tarball that is installed: whole, one copy of everything, and its plugins find bootpack above them. */
import { expect } from 'chai'
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { needTools, run, scratchFolder } from '../support/tools.js'

const root = new URL('../..', import.meta.url).pathname

describe('the release', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  after(scratch.remove)

  it('runs from its tarball, plugins and all', function () {
    needTools(this, 'npm', 'tar')
    run(process.execPath, [join(root, 'scripts/make-manifests.mjs')])
    const { stdout } = run(process.execPath, [join(root, 'scripts/make-release.mjs'), scratch.path])
    const modules = join(scratch.path, 'node_modules')
    const whole = join(modules, 'bootpack')
    mkdirSync(whole, { recursive: true })
    run('tar', ['-xzf', stdout.trim(), '-C', whole, '--strip-components=1'])
    expect(readdirSync(join(whole, 'node_modules'))).to.deep.equal(['@bootpack'])
    expect(readdirSync(whole))
      .to.include.members([
        'bin',
        'dist',
        'docs',
        'oclif.manifest.json',
        'package.json',
        'LICENSE',
        'README.md',
        'CHANGELOG.md',
      ])
      .and.not.include.members(['src', 'test', 'tsconfig.json'])
    // What npm would fetch, from the checkout.
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (!['bootpack', '@bootpack', '.bin'].includes(name))
        symlinkSync(join(root, 'node_modules', name), join(modules, name))
    }
    const bootpack = (...args: string[]): string =>
      run(process.execPath, [join(whole, 'bin/bootpack.js'), ...args], { cwd: scratch.path }).stdout
    expect(bootpack('--version')).to.equal(run(process.execPath, [join(root, 'bin/bootpack.js'), '--version']).stdout)
    const help = bootpack('--help')
    for (const word of ['pack', 'vm', 'metafs', 'fsr']) expect(help).to.match(new RegExp(`^  ${word} `, 'm'))
    // The command itself is loaded, from the plugin, with bootpack's own classes.
    const refused = run(process.execPath, [join(whole, 'bin/bootpack.js'), 'vm', 'boot', 'nowhere.img', '--json'], {
      cwd: scratch.path,
      ok: [1, 2, 5],
    })
    expect((JSON.parse(refused.stdout) as { error: { message: string } }).error.message).to.include('nowhere.img')
  })
})
