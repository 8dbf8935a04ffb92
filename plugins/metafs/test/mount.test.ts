import { closeSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Context } from 'mocha'
import { expect } from 'chai'
import { BootpackError } from 'bootpack'
import { mountFuse, openFuseDevice, unmount } from '../src/kernel/mount.js'
import { isRoot, scratchFolder, skip } from '../../../test/support/tools.js'

function needFuse(context: Context): void {
  if (!isRoot) skip(context, 'needs root to mount')
  if (!existsSync('/dev/fuse')) skip(context, 'needs /dev/fuse, this kernel has none')
}

/** The kernel's word: the lines of mountinfo for a mount point, as [point, options, type, source]. */
const mountsAt = (directory: string): string[][] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter((words) => words[4] === directory)
    .map((words) => [words[4]!, words[5]!, ...words.slice(words.indexOf('-') + 1, words.indexOf('-') + 3)])

function failure(call: () => unknown): BootpackError {
  try {
    call()
  } catch (error) {
    if (error instanceof BootpackError) return error
    throw error
  }
  throw new Error('it should have failed')
}

describe('mounting FUSE', () => {
  const scratch = scratchFolder()
  const directory = join(scratch.path, 'here')
  before(function () {
    needFuse(this)
    mkdirSync(directory)
  })
  afterEach(() => {
    while (mountsAt(directory).length > 0) unmount(directory, 'detach')
  })
  after(() => scratch.remove())

  const mounted = (readOnly: boolean): number => {
    const descriptor = openFuseDevice()
    mountFuse({ descriptor, directory, source: '/dev/loop 1', subtype: 'bootpack-test', readOnly })
    return descriptor
  }

  it('mounts with a type of its own, and nothing in it can harm', () => {
    const descriptor = mounted(false)
    const [[, options, type, source] = []] = mountsAt(directory)
    expect(type).to.equal('fuse.bootpack-test')
    expect(source).to.equal('/dev/loop\\0401')
    expect(options!.split(',')).to.include.members(['rw', 'nosuid', 'nodev', 'noexec'])
    expect(unmount(directory, 'idle')).to.equal(true)
    expect(mountsAt(directory)).to.deep.equal([])
    closeSync(descriptor)
  })

  it('mounts read-only', () => {
    const descriptor = mounted(true)
    expect(mountsAt(directory)[0]![1]!.split(',')).to.include('ro')
    unmount(directory, 'detach')
    closeSync(descriptor)
  })

  it('says when nothing is mounted, when there is no place, when a name is no name', () => {
    expect(failure(() => unmount(directory, 'idle')).code).to.equal('not-mounted')
    const descriptor = openFuseDevice()
    const at = (place: string): BootpackError =>
      failure(() => mountFuse({ descriptor, directory: place, source: 'x', subtype: 'bootpack-test', readOnly: true }))
    expect(at(join(scratch.path, 'nowhere')).code).to.equal('no-mount-point')
    writeFileSync(join(scratch.path, 'file'), '')
    expect(at(join(scratch.path, 'file')).code).to.equal('no-mount-point')
    expect(at('a\0b').code).to.equal('bad-path')
    closeSync(descriptor)
  })

  it('does not unmount through a symlink', () => {
    const descriptor = mounted(false)
    const link = join(scratch.path, 'link')
    symlinkSync(directory, link)
    expect(failure(() => unmount(link, 'detach')).code).to.equal('not-mounted')
    expect(mountsAt(directory)).to.have.length(1)
    unmount(directory, 'detach')
    closeSync(descriptor)
  })
})
