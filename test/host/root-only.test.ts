/** What root runs by itself, later and unseen, is nobody else's to exchange: programs, Node's packages, units, hooks, orders. */
import { expect } from 'chai'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PinnedRoot } from '../../src/collect/setup/pinned-root.js'
import { runKeeping } from '../../src/collect/setup/run-keeping.js'
import { runSetup } from '../../src/collect/setup/run-setup.js'
import { changeableByOthers, programChangeableByOthers } from '../../src/host/root-only.js'
import type { FormName } from '../../src/preload/install-targets.js'
import { putPreload } from '../../src/provision/put-preload.js'
import { shippedTexts } from '../../src/provision/shipped-texts.js'
import { putOrder } from '../../src/shutdown/order-files.js'
import { readOrder, type Order } from '../../src/shutdown/order.js'
import { failureOf } from '../support/failure-of.js'
import { isRoot, scratchFolder, skip } from '../support/tools.js'

const somebody = 1234

describe('what root will run by itself', () => {
  let scratch: ReturnType<typeof scratchFolder>
  const at = (...names: string[]): string => join(scratch.path, ...names)
  beforeEach(function () {
    if (!isRoot) skip(this, 'needs root, to give files away')
    scratch = scratchFolder()
  })
  afterEach(() => scratch?.remove())

  const file = (path: string, mode = 0o755): string => {
    mkdirSync(dirname(at(path)), { recursive: true })
    writeFileSync(at(path), '')
    chmodSync(at(path), mode)
    return at(path)
  }

  /** A package with one dependency, as npm installs it. */
  function installed(): { node: string; script: string } {
    const home = 'lib/node_modules/bootpack'
    for (const path of [`${home}/package.json`, `${home}/dist/a/b.js`, 'lib/node_modules/koffi/index.js'])
      file(path, 0o644)
    return { node: file('bin/node'), script: file(`${home}/bin/bootpack.js`) }
  }

  it('may be a package that is all of it root’s', () => {
    const { node, script } = installed()
    symlinkSync(script, at('bin/bootpack'))
    expect(programChangeableByOthers([node, script])).to.equal(undefined)
    expect(programChangeableByOthers([at('bin/bootpack')])).to.equal(undefined)
    expect(programChangeableByOthers(['/not/there/yet', 'word'])).to.equal(undefined)
  })

  const changes: readonly (readonly [string, string, (path: string) => void])[] = [
    ['Node is another user’s', 'bin/node', (path) => chownSync(path, somebody, 0)],
    ['the folder of Node is open to a group', 'bin', (path) => chmodSync(path, 0o775)],
    ['the script can be written by all', 'lib/node_modules/bootpack/bin/bootpack.js', (path) => chmodSync(path, 0o777)],
    [
      'a module deep inside is another user’s',
      'lib/node_modules/bootpack/dist/a/b.js',
      (p) => chownSync(p, somebody, 0),
    ],
    ['a package it depends on can be written by all', 'lib/node_modules/koffi', (path) => chmodSync(path, 0o777)],
    ['a folder above is another user’s', 'lib', (path) => chownSync(path, somebody, somebody)],
  ]
  for (const [title, path, change] of changes)
    it(`is refused when ${title}`, () => {
      const { node, script } = installed()
      symlinkSync(script, at('bin/bootpack'))
      change(at(path))
      expect(programChangeableByOthers([node, script])).to.equal(at(path))
      if (path.startsWith('lib')) expect(programChangeableByOthers([at('bin/bootpack')])).to.equal(at(path))
    })

  /** A system with systemd below a folder. */
  function system(): string {
    for (const folder of ['usr/lib/systemd/system', 'etc/systemd/system', 'etc/initramfs-tools/hooks', 'usr/bin'])
      mkdirSync(at('system', folder), { recursive: true })
    file('system/usr/lib/systemd/systemd')
    file('system/usr/bin/bootpack')
    return at('system')
  }
  const below = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()

  const setup = (root: string, action: 'show' | 'apply'): unknown => runSetup({ action, root, self: [], events: 1000 })
  const keep = (root: string, action: 'show' | 'apply'): unknown =>
    runKeeping({ action, root, self: [], job: { target: '/', trace: '/var/lib/bootpack/t', maxBytes: '1M' } })
  const withRoot = <T>(path: string, work: (root: PinnedRoot) => T): T => {
    const root = PinnedRoot.open(path)
    try {
      return work(root)
    } finally {
      root.close()
    }
  }
  const preload = (path: string, form: FormName): unknown =>
    withRoot(path, (root) =>
      putPreload(root, { form, list: { uuid: '', ranges: [], files: [], notes: [] }, texts: shippedTexts(30) }),
    )
  const order = { inputs: [], folders: [], outputs: [], words: [], mounts: [] } as unknown as Order
  const arm = (path: string): unknown =>
    withRoot(path, (root) => putOrder(root, { order, inputs: new Map(), unit: '# unit' }))

  const places: readonly (readonly [string, string, (root: string) => unknown])[] = [
    ['collect setup', 'etc/systemd/system', (root) => setup(root, 'apply')],
    ['collect setup', 'usr/bin/bootpack', (root) => setup(root, 'apply')],
    ['collect setup --keep', 'etc/systemd', (root) => keep(root, 'apply')],
    ['collect setup --keep', 'usr/bin', (root) => keep(root, 'apply')],
    ['preload install', 'etc/bootpack', (root) => preload(root, 'systemd')],
    ['preload install', 'etc/initramfs-tools/hooks', (root) => preload(root, 'initramfs-tools')],
    ['preload install', 'usr/lib', (root) => preload(root, 'dracut')],
    ['--at-shutdown', 'var/lib/bootpack', arm],
    ['--at-shutdown', 'etc/systemd/system', arm],
  ]
  for (const [command, open, act] of places)
    it(`${command} puts nothing where ${open} can be changed by others`, () => {
      const root = system()
      mkdirSync(join(root, open.startsWith('usr/bin/') ? 'usr/bin' : open), { recursive: true })
      for (const change of [
        () => chmodSync(join(root, open), 0o777),
        () => {
          chmodSync(join(root, open), 0o755)
          chownSync(join(root, open), somebody, 0)
        },
      ]) {
        change()
        const before = below(root)
        const error = failureOf(() => act(root))
        expect(error).to.include({ code: 'not-root-only', exitCode: 5 })
        expect(error.message).to.contain(join(root, open))
        expect(error.next).to.match(/\S/)
        expect(below(root)).to.deep.equal(before)
      }
    })

  it('is put in place where only root can write, and on a system that its builder owns', () => {
    const root = system()
    setup(root, 'apply')
    keep(root, 'apply')
    expect(existsSync(join(root, 'etc/systemd/system/bootpack-keep.service'))).to.equal(true)
    rmSync(root, { recursive: true })
    system()
    for (const path of ['', ...below(root)]) chownSync(join(root, path), somebody, somebody)
    setup(root, 'apply')
  })

  it('is told of before it is put in place', () => {
    const root = system()
    chmodSync(join(root, 'usr/bin'), 0o777)
    for (const show of [setup, keep])
      expect((show(root, 'show') as { todo: string[] }).todo[0]).to.match(/cannot be put in place as it is: .*usr\/bin/)
  })

  it('is no order out of a folder that others can write', () => {
    mkdirSync(at('state'))
    file('state/order.json', 0o600)
    chmodSync(at('state'), 0o777)
    const error = failureOf(() => readOrder(at('state')))
    expect(error).to.include({ code: 'not-roots-own', exitCode: 5 })
    expect(changeableByOthers(at('state/order.json'))).to.equal(at('state'))
  })
})
