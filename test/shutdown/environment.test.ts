import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { changeableByOthers } from '../../src/host/root-only.js'
import { elfInterpreter } from '../../src/shutdown/environment/elf-interpreter.js'
import { neededLibraries, parseList } from '../../src/shutdown/environment/libraries.js'
import { Mirror } from '../../src/shutdown/environment/mirror.js'
import { packageFolders } from '../../src/shutdown/environment/package-folders.js'
import { isRoot, needLoopMounts, needTools, run, scratchFolder, skip } from '../support/tools.js'
import { failureOf } from '../support/failure-of.js'

const home = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

describe('the environment of the way down', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())

  describe('libraries of a program', () => {
    it('are those ldd names', function () {
      needTools(this, 'ldd')
      const { stdout } = run('ldd', [process.execPath])
      const expected = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!)
      expect(new Set(neededLibraries(process.execPath))).to.deep.equal(new Set(expected))
    })

    it('are none of a static program, and none of a script', function () {
      needTools(this, 'busybox')
      if (elfInterpreter('/bin/busybox').kind === 'dynamic') skip(this, 'needs a static busybox')
      expect(neededLibraries('/bin/busybox')).to.deep.equal([])
      const script = join(scratch.path, 'script')
      writeFileSync(script, '#!/bin/sh\n')
      expect(elfInterpreter(script)).to.deep.equal({ kind: 'no-elf' })
      expect(neededLibraries(script)).to.deep.equal([])
    })

    it('are read from what the loaders of glibc and musl print', () => {
      const glibc =
        '\tlinux-vdso.so.1 (0x00007fff)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f01)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f02)\n'
      expect(parseList(glibc)).to.deep.equal(['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2'])
      const musl = '\t/lib/ld-musl-x86_64.so.1 (0x7f1)\n\tlibstdc++.so.6 => /usr/lib/libstdc++.so.6 (0x7f2)\n'
      expect(parseList(musl)).to.deep.equal(['/lib/ld-musl-x86_64.so.1', '/usr/lib/libstdc++.so.6'])
    })

    it('that are cut off or hostile files are no programs', () => {
      const file = join(scratch.path, 'elf')
      for (const bytes of [Buffer.from('\x7fELF\x02\x01', 'latin1'), Buffer.alloc(0), Buffer.alloc(200, 0xff)]) {
        writeFileSync(file, bytes)
        expect(elfInterpreter(file).kind).to.equal('no-elf')
      }
      // A header whose table lies far behind the end.
      const header = Buffer.alloc(64)
      header.write('\x7fELF\x02\x01', 'latin1')
      header.writeBigUInt64LE(2n ** 40n, 32)
      header.writeUInt16LE(65535, 56)
      writeFileSync(file, header)
      expect(elfInterpreter(file).kind).to.equal('without-interpreter')
    })
  })

  describe('a mirror', () => {
    before(function () {
      if (!isRoot) skip(this, 'needs root, whose files they must be')
    })

    it('keeps paths, links and modes, and never writes through a link', () => {
      const from = join(scratch.path, 'from')
      const to = join(scratch.path, 'to')
      mkdirSync(join(from, 'real'), { recursive: true })
      mkdirSync(to)
      writeFileSync(join(from, 'real/program'), 'it', { mode: 0o755 })
      symlinkSync(join(from, 'real'), join(from, 'absolute'))
      symlinkSync('absolute', join(from, 'relative'))
      symlinkSync('program', join(from, 'real/alias'))
      const mirror = new Mirror(to)
      mirror.add(join(from, 'relative/alias'))
      const at = (path: string): string => join(to, from, path)
      expect(readlinkSync(at('relative'))).to.equal('absolute')
      expect(readlinkSync(at('absolute'))).to.equal(join(from, 'real'))
      expect(readlinkSync(at('real/alias'))).to.equal('program')
      expect(readFileSync(at('real/program'), 'utf8')).to.equal('it')
      expect(lstatSync(at('real/program')).mode & 0o777).to.equal(0o755)
      expect(mirror.bytes).to.equal(2)
      // Once more, by another way, copies nothing twice.
      mirror.add(join(from, 'real/program'))
      expect(mirror.bytes).to.equal(2)
    })

    it('refuses what others than root can change, and names it', () => {
      const folder = join(scratch.path, 'open')
      mkdirSync(folder)
      writeFileSync(join(folder, 'program'), '')
      chmodSync(folder, 0o777)
      const mirror = new Mirror(join(scratch.path, 'to'))
      const refusal = failureOf(() => mirror.add(join(folder, 'program')))
      expect(refusal).to.include({ family: 'refused', code: 'not-root-only' })
      expect(refusal.message).to.include(folder)
      chmodSync(folder, 0o755)
      chmodSync(join(folder, 'program'), 0o664)
      expect(changeableByOthers(join(folder, 'program'))).to.equal(join(folder, 'program'))
      chmodSync(join(folder, 'program'), 0o644)
      expect(changeableByOthers(join(folder, 'program'))).to.equal(undefined)
    })
  })

  it('is made of the packages bootpack depends on, and of theirs', () => {
    const folders = packageFolders(home, (name) => name.startsWith('@bootpack/'))
    const names = folders.map(
      (folder) => (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name: string }).name,
    )
    expect(names[0]).to.equal('bootpack')
    expect(names).to.include.members(['@oclif/core', 'koffi', 'ansis'])
    expect(names).not.to.include('typescript')
    expect(names.some((name) => name.startsWith('@bootpack/'))).to.equal(false)
  })

  it('put together from this checkout starts below its own root', function () {
    this.timeout(120_000)
    needLoopMounts(this)
    const others = changeableByOthers(join(home, 'package.json')) ?? changeableByOthers(process.execPath)
    if (others !== undefined) skip(this, `needs a checkout that only root can change; ${others} is not`)
    const told = JSON.parse(
      execFileSync(process.execPath, [join(home, 'bin/bootpack.js'), 'shutdown', 'prepare', '--try', '--json'], {
        encoding: 'utf8',
      }),
    ) as { bytes: number; seconds: number }
    expect(told.bytes).to.be.greaterThan(30e6).and.below(400e6)
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.to.include('bootpack-try')
  })

  it('is not put together while the machine is not going down', function () {
    if (!isRoot) skip(this, 'needs root')
    const { stdout } = spawnSync(process.execPath, [join(home, 'bin/bootpack.js'), 'shutdown', 'prepare', '--json'], {
      encoding: 'utf8',
    })
    expect(JSON.parse(stdout)).to.deep.include({ prepared: false })
    expect(existsSync('/run/initramfs/shutdown')).to.equal(false)
  })
})
