import { expect } from 'chai'
import { closeSync, linkSync, mkdirSync, readSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nameByWalk } from '../../src/collect/name-by-walk.js'
import type { Mount } from '../../src/collect/mounts.js'
import { openWalked, walkFilesystem } from '../../src/host/walk.js'
import type { TraceRead } from '../../src/trace/model/trace.js'
import { isRoot, run, scratchFolder, skip } from '../support/tools.js'

describe('walking a mounted filesystem', () => {
  const scratch = scratchFolder()
  const top = join(scratch.path, 'top')
  const mount: Mount = { device: '1:1', root: '/', mountPoint: top, type: 'ext4', source: '/dev/x' }
  const inode = (name: string): number => statSync(join(top, name)).ino

  before(() => {
    mkdirSync(join(top, 'a/b/c'), { recursive: true })
    mkdirSync(join(scratch.path, 'outside'))
    writeFileSync(join(scratch.path, 'outside/secret'), 'x')
    for (const name of ['a/one', 'a/b/two', 'a/b/c/three']) writeFileSync(join(top, name), name)
    writeFileSync(Buffer.from(`${top}/a/n\xffme`, 'latin1'), 'x')
    symlinkSync('../../outside', join(top, 'a/away'))
    symlinkSync('one', join(top, 'a/link'))
  })
  after(() => scratch.remove())

  it('finds everything once, folders first, and follows no link', () => {
    const found = [...walkFilesystem(top)].map(({ path, type }) => `${type} ${path}`)
    expect(found.sort()).to.deep.equal([
      'directory /a',
      'directory /a/b',
      'directory /a/b/c',
      'regular /a/b/c/three',
      'regular /a/b/two',
      'regular /a/n\udcffme',
      'regular /a/one',
      'symlink /a/away',
      'symlink /a/link',
    ])
    const order = [...walkFilesystem(top)].map(({ path }) => path)
    for (const path of order)
      expect(order.indexOf(path.slice(0, path.lastIndexOf('/')))).to.be.below(order.indexOf(path))
  })

  it('opens what it found through the folder it was in, but no link put in its place', () => {
    for (const entry of walkFilesystem(top)) {
      const { path } = entry
      if (path === '/a/one') {
        const fd = openWalked(entry)!
        const bytes = Buffer.alloc(10)
        expect(bytes.toString('utf8', 0, readSync(fd, bytes))).to.equal('a/one')
        closeSync(fd)
      }
      if (path === '/a/link') expect(openWalked(entry)).to.equal(undefined)
    }
  })

  it('counts folders that go away meanwhile, and leaves nothing open', () => {
    const unreadable = { count: 0 }
    const walk = walkFilesystem(top, { unreadable })
    for (const { path } of walk) if (path === '/a/b') renameSync(join(top, 'a/b'), join(top, 'a/moved'))
    expect(unreadable.count).to.equal(1)
    renameSync(join(top, 'a/moved'), join(top, 'a/b'))
    const early = walkFilesystem(top)
    early.next()
    const { folder } = early.next().value as { folder: number }
    early.return(undefined)
    expect(() => closeSync(folder)).to.throw('EBADF')
  })

  it('does not enter other mounts', function () {
    if (!isRoot) skip(this, 'needs root to mount')
    const script =
      'mount -t tmpfs none "$1/a/b" && touch "$1/a/b/inside" && exec "$2" --import tsx --conditions bootpack-source --input-type=module -e "$3" "$1"'
    const program = `const { walkFilesystem } = await import(${JSON.stringify(new URL('../../src/host/walk.js', import.meta.url).href.replace(/\.js$/, '.ts'))})
      console.log(JSON.stringify([...walkFilesystem(process.argv[1])].map(({ path }) => path).sort()))`
    const { stdout } = run('unshare', ['--mount', 'sh', '-c', script, 'sh', top, process.execPath, program], {
      cwd: new URL('../..', import.meta.url).pathname,
    })
    expect(JSON.parse(stdout)).to.deep.equal(['/a', '/a/away', '/a/b', '/a/link', '/a/n\udcffme', '/a/one'])
  })

  it('gives names to inode numbers, whatever they were opened by', async () => {
    linkSync(join(top, 'a/one'), join(top, 'a/b/again'))
    const reads: TraceRead[] = [
      { t: 1, ino: inode('a/b/two'), off: 0, len: 4096, kind: 'data' },
      { t: 2, off: 8192, len: 4096, kind: 'metadata' },
      { t: 3, ino: inode('a/one'), path: '/a/b/again', off: 0, kind: 'data' },
      { t: 4, ino: inode('a/b/c/three'), path: '/a/one', off: 0, kind: 'data' },
      { t: 5, ino: 2 ** 40, path: '/a/gone', off: 0, kind: 'data' },
      { t: 6, ino: inode('a/b/two'), off: 4096, len: 4096, kind: 'data' },
      { t: 7, ino: inode('a/b'), off: 0, kind: 'directory' },
    ]
    const { reads: named, missing, unresolved } = await nameByWalk(reads, mount)
    expect({ missing, unresolved }).to.deep.equal({ missing: 1, unresolved: 1 })
    expect(named.map(({ t, path }) => [t, path])).to.deep.equal([
      [1, '/a/b/two'],
      [2, undefined],
      [3, '/a/b/again'],
      [4, '/a/b/c/three'],
      [6, '/a/b/two'],
      [7, '/a/b'],
    ])
    expect(JSON.stringify(named[0])).to.equal(
      `{"t":1,"ino":${inode('a/b/two')},"path":"/a/b/two","off":0,"len":4096,"kind":"data"}`,
    )
    const subvolume = await nameByWalk(reads, { ...mount, root: '/@' })
    expect(subvolume.reads[0]!.path).to.equal('/@/a/b/two')
  })
})
