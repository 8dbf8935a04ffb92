/** Plugins of others: built, installed and run as docs/plugins.md says, and left out when they may not or cannot be. */
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { makeImage } from '../support/images.js'
import { isRoot, needTools, run, scratchFolder, skip } from '../support/tools.js'

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')
const launcher = join(root, 'bin/bootpack.js')

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

describe('a plugin of somebody else', function () {
  const scratch = scratchFolder()
  const at = (...names: string[]): string => join(scratch.path, ...names)
  after(scratch.remove)

  const bootpack = (words: readonly string[], environment: Record<string, string> = {}, cwd = scratch.path): Ran =>
    spawnSync(process.execPath, [launcher, ...words], {
      encoding: 'utf8',
      cwd,
      env: { ...process.env, SUDO_UID: '0', BOOTPACK_PLUGINS: '', ...environment },
    })

  /** A plugin whose one command says hello. */
  function plugin(folder: string, options: { command?: string; source?: string; oclif?: object } = {}): string {
    const { command = 'hello', oclif = {} } = options
    const source =
      options.source ??
      `import { BootpackCommand } from 'bootpack/cli'
export default class Hello extends BootpackCommand { async run() { await this.parse(Hello); this.log('hello') } }\n`
    mkdirSync(join(folder, 'commands'), { recursive: true })
    const name = `plugin-${command}`
    const commands = { strategy: 'pattern', target: './commands' }
    const manifest = { name, version: '1.0.0', type: 'module', oclif: { commands, ...oclif } }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(folder, 'commands', `${command}.js`), source)
    return folder
  }

  /** What is said of one that is left out, while a command of bootpack's own works as ever. */
  function refusal(folders: string, environment: Record<string, string> = {}): string {
    const { status, stdout, stderr } = bootpack(['completion', 'bash'], { BOOTPACK_PLUGINS: folders, ...environment })
    expect(status, stderr).to.equal(0)
    expect(stdout).to.match(/^# bash completion/)
    expect(stdout).not.to.contain('hello')
    return stderr
  }

  it('is built, installed and run as docs/plugins.md says', function () {
    needTools(this, 'mke2fs')
    const source = at('source')
    cpSync(join(root, 'docs/examples/plugin'), source, { recursive: true })
    mkdirSync(join(source, 'node_modules'))
    symlinkSync(root, join(source, 'node_modules/bootpack'))
    run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')], { cwd: source })
    run('npm', ['pack', '--silent'], { cwd: source })
    const packed = join(source, 'bootpack-plugin-free-runs-1.0.0.tgz')
    run('npm', ['install', '--silent', '--offline', '--legacy-peer-deps', '--prefix', at('installed'), packed])
    makeImage(at('disk.img'), { size: 8 << 20 })

    const environment = { BOOTPACK_PLUGINS: at('installed') }
    const { status, stdout, stderr } = bootpack(['free-runs', 'disk.img', '--count', '1', '--json'], environment)
    expect(status, stderr).to.equal(0)
    expect(JSON.parse(stdout).runs).to.have.length(1)
    expect(bootpack(['help'], environment).stdout).to.match(/free-runs +Show the longest runs of free blocks\./)
    // Its errors are bootpack's own class, though the plugin was built against a package of its own.
    const wrong = bootpack(['free-runs', 'disk.img', '--count', '0', '--json'], environment)
    expect([wrong.status, JSON.parse(wrong.stdout).error.code]).to.deep.equal([2, 'free-runs/bad-count'])
    const page = readFileSync(join(root, 'docs/plugins.md'), 'utf8')
    expect(page).to.contain('npm install --legacy-peer-deps --prefix')
  }).timeout(120_000)

  it('is found in a folder of plugins, and by a link there', () => {
    const folder = at('several')
    plugin(join(folder, 'one'))
    plugin(at('elsewhere'), { command: 'other' })
    symlinkSync(at('elsewhere'), join(folder, 'two'))
    const environment = { BOOTPACK_PLUGINS: folder }
    expect(bootpack(['hello'], environment)).to.include({ status: 0, stdout: 'hello\n', stderr: '' })
    expect(bootpack(['other'], environment)).to.include({ status: 0, stdout: 'hello\n', stderr: '' })
  })

  it('is never taken from the current folder', () => {
    const folder = plugin(at('here'))
    expect(bootpack(['hello'], {}, folder).status).to.equal(2)
    const { status, stderr } = bootpack(['hello'], { BOOTPACK_PLUGINS: '.' }, folder)
    expect(status).to.equal(2)
    expect(stderr).to.contain('BOOTPACK_PLUGINS names ., which is ignored: give absolute paths.')
  })

  it('is left out when it has a command of a name that is taken', () => {
    const folder = plugin(at('clash'), { command: 'pack' })
    expect(refusal(folder)).to.contain('bootpack has a command "pack" already.')
    plugin(at('two', 'a'))
    plugin(at('two', 'b'), {
      command: 'greet',
      source:
        "import { BootpackCommand } from 'bootpack/cli'\nexport default class Greet extends BootpackCommand { static aliases = ['hello']; async run() {} }\n",
    })
    const { stdout, stderr } = bootpack(['hello'], { BOOTPACK_PLUGINS: at('two') })
    expect(stdout).to.equal('hello\n')
    expect(stderr).to.contain('plugin-hello has a command "hello" already.')
  })

  it('is left out when it is broken, and stops nothing else', () => {
    expect(refusal(plugin(at('syntax'), { source: 'export default class {{' }))).to.contain('it cannot be loaded')
    expect(refusal(plugin(at('import'), { source: "import 'not-installed'\n" }))).to.contain('not-installed')
    expect(refusal(plugin(at('throws'), { source: "throw new Error('no luck today')\n" }))).to.contain('no luck today')
    const text = plugin(at('text', 'it'))
    writeFileSync(join(text, 'package.json'), '{')
    expect(refusal(at('text'))).to.contain('it cannot be loaded')
    mkdirSync(at('plain', 'it'), { recursive: true })
    writeFileSync(at('plain', 'it', 'package.json'), '{"name": "plain"}')
    expect(refusal(at('plain'))).to.contain('its package.json has no section "oclif".')
    writeFileSync(at('plain', 'package.json'), '{"dependencies": {"gone": "1"}}')
    expect(refusal(at('plain'))).to.contain('it is not there.')
    expect(refusal(at('nowhere'))).to.contain(`No plugins are read from ${at('nowhere')}`)
  })

  it('is left out when it has a hook that would see every command', () => {
    const folder = plugin(at('hooked'), { oclif: { hooks: { prerun: './commands/hello.js' } } })
    expect(refusal(folder)).to.contain('it has the hook prerun, which could change what other commands do.')
  })

  it('is loaded by root only when nobody else can change any of it', function () {
    if (!isRoot) return skip(this, 'needs root, to give files to somebody else')
    const folder = plugin(at('owned'))
    const file = join(folder, 'commands/hello.js')
    chownSync(file, 65534, 65534)
    expect(refusal(folder)).to.contain(`others than root can change ${file}.`)
    chownSync(file, 0, 0)
    chmodSync(folder, 0o777)
    expect(refusal(folder)).to.contain(`others than root can change ${folder}.`)
    chmodSync(folder, 0o755)
    mkdirSync(at('shared'))
    cpSync(file, at('shared/more.js'))
    symlinkSync(at('shared'), join(folder, 'lib'))
    chmodSync(at('shared/more.js'), 0o666)
    expect(refusal(folder)).to.contain('others than root can change')
    chmodSync(at('shared/more.js'), 0o644)
    expect(bootpack(['hello'], { BOOTPACK_PLUGINS: folder }).stdout).to.equal('hello\n')
  })

  it('is not taken from the environment of whoever called sudo', function () {
    if (!isRoot) return skip(this, 'needs root, as sudo gives it')
    const folder = plugin(at('sudo'))
    expect(refusal(folder, { SUDO_UID: '1000' })).to.contain(
      "BOOTPACK_PLUGINS is not root's own here and is ignored; put plugins for root into /etc/bootpack/plugins.",
    )
  })

  it('is found in /etc/bootpack/plugins without anybody saying so', function () {
    if (!isRoot) return skip(this, 'needs root, to have an /etc of its own')
    needTools(this, 'unshare', 'mount')
    plugin(at('etc/bootpack/plugins/hello'))
    const script = `mount --bind ${at('etc')} /etc && exec ${process.execPath} ${launcher} hello`
    const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', script], { encoding: 'utf8', cwd: '/' })
    expect(stdout, stderr).to.equal('hello\n')
  })
})
