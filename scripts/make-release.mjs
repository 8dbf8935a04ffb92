// Packs bootpack with its plugins into one tarball that npm can install:
// bootpack-VERSION.tgz in the current folder, or in the one given. The plugins go along as bundled
// dependencies. `npm pack` alone would put a second copy of bootpack beside them,
// because in the checkout each of them links to it; installed below it they find it by
// themselves. A plugin that bootpack does not depend on (fleet brings a database) is a tarball of
// its own beside it: bootpack-plugin-NAME-VERSION.tgz, to be installed where bootpack is.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const home = new URL('..', import.meta.url).pathname
const target = resolve(process.argv[2] ?? '.')
const stage = mkdtempSync(join(tmpdir(), 'bootpack-release-'))

function run(command, args, cwd) {
  const { status, error, stdout } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
  return stdout.trim()
}

/** What npm would publish of a package, unpacked into a folder. */
function unpack(from, into) {
  const packed = run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', stage], from)
    .split('\n')
    .at(-1)
  mkdirSync(into, { recursive: true })
  run('tar', ['-xzf', join(stage, packed), '-C', into, '--strip-components=1'], stage)
}

/** Takes fields out of the package.json of an unpacked package, and adds others. */
function edit(folder, without, added = {}) {
  const file = join(folder, 'package.json')
  const kept = Object.entries(JSON.parse(readFileSync(file, 'utf8'))).filter(([name]) => !without.includes(name))
  writeFileSync(file, `${JSON.stringify({ ...Object.fromEntries(kept), ...added }, null, 2)}\n`)
}

try {
  const whole = join(stage, 'bootpack')
  unpack(home, whole)
  const { dependencies } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  const all = readdirSync(join(home, 'plugins'))
  const isBundled = (name) => `@bootpack/plugin-${name}` in dependencies
  const plugins = all.filter(isBundled).map((name) => {
    const folder = join(whole, 'node_modules/@bootpack', `plugin-${name}`)
    unpack(join(home, 'plugins', name), folder)
    // npm takes what a bundled package depends on for bundled too; it is bootpack that brings it.
    edit(folder, ['dependencies', 'scripts'])
    return `@bootpack/plugin-${name}`
  })
  for (const name of all.filter((each) => !isBundled(each))) {
    const folder = join(stage, name)
    unpack(join(home, 'plugins', name), folder)
    const { dependencies: own } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    // Beside it, not below: it is installed where bootpack is.
    delete own.bootpack
    edit(folder, ['dependencies', 'scripts'], { dependencies: own, peerDependencies: { bootpack: '*' } })
    run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', target], folder)
  }
  edit(whole, ['workspaces', 'devDependencies', 'scripts'], { bundleDependencies: plugins })
  console.log(
    join(
      target,
      run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', target], whole).split('\n').at(-1),
    ),
  )
} finally {
  rmSync(stage, { recursive: true, force: true })
}
