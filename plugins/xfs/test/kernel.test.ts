/** The XFS calls on a mounted XFS, with xfsprogs as the second opinion. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { alignedBuffer } from 'bootpack/kernel'
import { collapseRange } from '../src/kernel/collapse-range.js'
import { errnoNumber, KernelError } from '../../../src/kernel/errno.js'
import { fallocate } from '../../../src/kernel/fallocate.js'
import { setExtendedAttribute } from '../src/kernel/fsetxattr.js'
import { extendedFlag, fileAttributes, setFileAttributes } from '../src/kernel/fsxattr.js'
import { addressOf } from '../../../src/kernel/libc.js'
import { syncFilesystem } from '../../../src/kernel/syncfs.js'
import { openTemporaryFile } from '../../../src/kernel/temporary-file.js'
import { xfsBulkstat, xfsInode } from '../src/kernel/bulkstat.js'
import { xfsDirectIo } from '../src/kernel/dio-info.js'
import { exchangeRange, startCommit, tryCommitRange } from '../src/kernel/exchange-range.js'
import { xfsExtents } from '../src/kernel/getbmapx.js'
import { xfsGeometry } from '../src/kernel/geometry.js'
import { xfsSpaceMap } from '../src/kernel/getfsmap.js'
import { openXfsInode } from '../src/kernel/open-by-handle.js'
import { trySwapExtents } from '../src/kernel/swapext.js'
import { run } from '../../../test/support/tools.js'
import { needXfs, xfsBmap, xfsMount, type XfsMount } from '../../../test/support/xfs-mount.js'

const block = 4096

for (const exchange of [false, true]) {
  describe(`kernel: XFS calls, ${exchange ? 'with' : 'without'} the feature exchange`, () => {
    let mount: XfsMount
    const open = new Set<number>()
    const opened = (fd: number): number => {
      open.add(fd)
      return fd
    }
    const path = (name: string): string => join(mount.path, name)
    const root = (): number => opened(openSync(mount.path, constants.O_RDONLY | constants.O_DIRECTORY))

    function patchwork(name: string): number {
      const fd = opened(openSync(path(name), 'w+'))
      for (const at of [0, 1, 2, 7, 8, 30]) writeSync(fd, Buffer.alloc(block, at + 1), 0, block, at * block)
      fallocate(fd, 'allocate', 12 * block, 5 * block)
      ftruncateSync(fd, 40 * block)
      fsyncSync(fd)
      return fd
    }

    before(function () {
      needXfs(this)
      mount = xfsMount({ exchange, rmapbt: exchange })
    })
    afterEach(() => {
      for (const fd of open) closeSync(fd)
      open.clear()
    })
    after(() => {
      mount?.check()
      mount?.remove()
    })

    it('the geometry is what xfs_info and blkid tell', () => {
      const info = run('xfs_io', ['-r', '-c', 'statfs', mount.path]).stdout
      const told = (name: string): number => Number(new RegExp(`geom\\.${name} = (\\d+)`).exec(info)![1])
      const geometry = xfsGeometry(root())
      expect(geometry).to.include({
        blockSize: told('bsize'),
        groupCount: told('agcount'),
        groupBlocks: told('agblocks'),
        blockCount: told('datablocks'),
        reflink: true,
        rmapbt: exchange,
        exchangeRange: exchange,
      })
      expect(geometry.uuid).to.equal(run('blkid', ['-p', '-o', 'value', '-s', 'UUID', mount.device]).stdout.trim())
      expect(geometry.inodeSize).to.equal(
        Number(/isize=(\d+)/.exec(run('xfs_db', ['-r', '-c', 'info', mount.device]).stdout)?.[1] ?? 512),
      )
    })

    it('GETBMAPX says what xfs_bmap says, for more extents than one batch holds', () => {
      const mine = xfsExtents(patchwork('patchwork')).map(({ logical, physical, length, unwritten }) => ({
        from: logical / 512,
        to: (logical + length) / 512 - 1,
        start: physical / 512,
        unwritten,
      }))
      expect(mine).to.deep.equal(xfsBmap(path('patchwork')).filter(({ start }) => start !== undefined))
      expect(mine.map(({ unwritten }) => unwritten)).to.deep.equal([false, false, true, false])
      const many = opened(openSync(path('many'), 'w+'))
      for (let i = 0; i < 1500; i++) fallocate(many, 'allocate', 2 * i * block, block)
      expect(xfsExtents(many).map(({ logical }) => logical / block)).to.deep.equal(
        Array.from({ length: 1500 }, (_, i) => 2 * i),
      )
      expect(xfsExtents(opened(openSync(path('empty'), 'w+')))).to.deep.equal([])
    })

    it('GETFSMAP covers the device, with the free space xfs_io counts', () => {
      const fd = root()
      syncFilesystem(fd)
      const map = xfsSpaceMap(fd)
      let end = 0
      for (const run of map) {
        expect(run.physical).to.equal(end)
        end += run.length
      }
      expect(end).to.equal(xfsGeometry(fd).blockCount * block)
      const told = run('xfs_io', ['-r', '-c', 'fsmap -d', mount.path]).stdout
      const theirs = [...told.matchAll(/\[(\d+)\.\.(\d+)\]: free space/g)].map(([, from, to]) => [
        Number(from),
        Number(to),
      ])
      expect(
        map
          .filter(({ owner }) => owner === 'free')
          .map(({ physical, length }) => [physical / 512, (physical + length) / 512 - 1]),
      ).to.deep.equal(theirs)
      const part = xfsSpaceMap(fd, 20 << 20, 21 << 20)
      expect(part[0]!.physical).to.be.at.most(20 << 20)
      expect(part.at(-1)!.physical).to.be.below(21 << 20)
      if (!exchange) return
      const { ino } = statSync(path('patchwork'))
      const mine = map
        .filter(({ owner, inode, holds }) => owner === 'file' && inode === ino && holds === 'data')
        .sort((a, b) => a.offset - b.offset)
      expect(mine.map(({ offset, physical, length }) => [offset, physical, length])).to.deep.equal(
        xfsExtents(opened(openSync(path('patchwork'), 'r'))).map(({ logical, physical, length }) => [
          logical,
          physical,
          length,
        ]),
      )
    })

    it('bulkstat lists what stat tells, one by one and in order', () => {
      writeFileSync(path('told'), 'contents', { mode: 0o640 })
      const fd = root()
      syncFilesystem(fd)
      const stats = statSync(path('told'), { bigint: true })
      const found = xfsInode(fd, Number(stats.ino))!
      expect(found).to.include({
        inode: Number(stats.ino),
        mode: Number(stats.mode),
        size: 8,
        links: 1,
        uid: 0,
        gid: 0,
      })
      expect(found.mtime.seconds * 1_000_000_000n + BigInt(found.mtime.nanoseconds)).to.equal(stats.mtimeNs)
      expect(found.ctime.seconds * 1_000_000_000n + BigInt(found.ctime.nanoseconds)).to.equal(stats.ctimeNs)
      const all: number[] = []
      for (let batch = xfsBulkstat(fd, 1, 3); batch.length > 0; batch = xfsBulkstat(fd, all.at(-1)! + 1, 3))
        all.push(...batch.map(({ inode }) => inode))
      expect(all).to.deep.equal([...new Set(all)].sort((a, b) => a - b))
      expect(all).to.include.members([Number(stats.ino), fstatSync(fd).ino])
      expect(xfsInode(fd, 999_999_999)).to.equal(undefined)
    })

    it('opens by number without touching the access time, and refuses another generation', () => {
      writeFileSync(path('by-number'), 'contents')
      const directory = root()
      const inode = xfsInode(directory, statSync(path('by-number')).ino)!
      run('touch', ['-a', '-d', '2001-01-01', path('by-number')])
      const fd = opened(openXfsInode(directory, inode.inode, inode.generation, constants.O_RDONLY))
      expect(readFileSync(fd, 'utf8')).to.equal('contents')
      expect(statSync(path('by-number')).atime.getUTCFullYear()).to.equal(2001)
      expect(() => openXfsInode(directory, inode.inode, inode.generation + 1, constants.O_RDONLY)).to.throw(KernelError)
    })

    it('extended flags are what xfs_io shows, and can be given to another file', () => {
      const fd = opened(openSync(path('flagged'), 'w+'))
      run('xfs_io', ['-c', 'chattr +f', '-c', 'chproj 42', path('flagged')])
      const attributes = fileAttributes(fd)
      expect(attributes.flags & extendedFlag.noDefrag).to.not.equal(0)
      expect(attributes.projectId).to.equal(42)
      const other = opened(openSync(path('flagged-too'), 'w+'))
      setFileAttributes(other, { ...attributes, flags: extendedFlag.noDefrag })
      expect(run('xfs_io', ['-r', '-c', 'lsattr', path('flagged-too')]).stdout.split(' ')[0]).to.contain('f')
      expect(run('xfs_io', ['-r', '-c', 'lsproj', path('flagged-too')]).stdout).to.contain('42')
    })

    it('aligned memory takes O_DIRECT as DIOINFO says', () => {
      patchwork('direct')
      const fd = opened(openSync(path('direct'), constants.O_RDONLY | constants.O_DIRECT))
      const { memory, unit } = xfsDirectIo(fd)
      const buffer = alignedBuffer(16 * block, memory)
      expect(Number(addressOf(buffer) % BigInt(memory))).to.equal(0)
      expect(readSync(fd, buffer, 0, unit, 7 * block)).to.equal(unit)
      expect(buffer[0]).to.equal(8)
    })

    it('a collapsed range moves blocks down the file and not on the disk', () => {
      const fd = patchwork('collapsed')
      const [, second] = xfsExtents(fd)
      collapseRange(fd, 3 * block, 4 * block)
      expect(xfsExtents(fd)[0]).to.include({ logical: 0 })
      expect(
        xfsExtents(fd).some(
          ({ logical, physical }) =>
            logical - 3 * block === physical - second!.physical ||
            (logical === 3 * block && physical === second!.physical),
        ),
      ).to.equal(true)
      expect(() => collapseRange(fd, 0, 40 * block)).to.throw(KernelError, 'EINVAL')
    })

    it('exchanges contents only with a file that was not changed, and leaves times alone', () => {
      const fd = patchwork('exchanged')
      setExtendedAttribute(fd, 'user.kept', Buffer.from('value'))
      const directory = root()
      const before = xfsInode(directory, fstatSync(fd).ino)!
      const target = opened(openXfsInode(directory, before.inode, before.generation, constants.O_RDWR))
      const contents = readFileSync(path('exchanged'))
      const temporary = (): number => {
        const donor = opened(openTemporaryFile(mount.path))
        setExtendedAttribute(donor, 'user.0', Buffer.from('xx'))
        writeSync(donor, contents, 0, contents.length, 0)
        fsyncSync(donor)
        return donor
      }
      const swap = exchange
        ? (
            (freshness) => (donor: number) =>
              tryCommitRange(
                { target, temporary: donor, targetFrom: 0, temporaryFrom: 0, length: before.size },
                freshness,
              )
          )(startCommit(target))
        : (donor: number) => trySwapExtents({ target, temporary: donor, before })
      const stats = statSync(path('exchanged'), { bigint: true })
      const donor = temporary()
      const wanted = xfsExtents(donor)
      expect(swap(donor)).to.equal(0)
      expect(xfsExtents(target).map(({ physical }) => physical)).to.deep.equal(wanted.map(({ physical }) => physical))
      expect(readFileSync(path('exchanged'))).to.deep.equal(contents)
      const after = statSync(path('exchanged'), { bigint: true })
      expect([after.mtimeNs, after.ctimeNs, after.atimeNs]).to.deep.equal([stats.mtimeNs, stats.ctimeNs, stats.atimeNs])
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
      writeSync(fd, 'changed', 0)
      expect(swap(temporary())).to.equal(errnoNumber.EBUSY)
      expect(readFileSync(path('exchanged'), 'latin1').slice(0, 7)).to.equal('changed')
    })

    if (exchange) {
      it('EXCHANGE_RANGE exchanges a part, whatever the times', () => {
        const [one, other] = [openTemporaryFile(mount.path), openTemporaryFile(mount.path)].map(opened) as [
          number,
          number,
        ]
        writeSync(one, Buffer.alloc(4 * block, 1))
        writeSync(other, Buffer.alloc(4 * block, 2))
        const [before] = xfsExtents(other)
        exchangeRange({ target: one, temporary: other, targetFrom: block, temporaryFrom: 2 * block, length: block })
        expect([...readFileSync(`/proc/self/fd/${one}`)].filter((_, i) => i % block === 0)).to.deep.equal([1, 2, 1, 1])
        expect([...readFileSync(`/proc/self/fd/${other}`)].filter((_, i) => i % block === 0)).to.deep.equal([
          2, 2, 1, 2,
        ])
        expect(xfsExtents(one)[1]!.physical).to.equal(before!.physical + 2 * block)
      })
    }

    it('says ENOTTY or EOPNOTSUPP where it is not possible', () => {
      const tmp = opened(openSync('/proc/self/status', 'r'))
      expect(() => xfsGeometry(tmp))
        .to.throw(KernelError)
        .with.property('family', 'unsupported')
      if (exchange) return
      const fd = patchwork('not-exchanged')
      let errno = 0
      try {
        errno = tryCommitRange(
          { target: fd, temporary: patchwork('not-exchanged-2'), targetFrom: 0, temporaryFrom: 0, length: block },
          startCommit(fd),
        )
      } catch (error) {
        errno = (error as KernelError).errno
      }
      expect([errnoNumber.ENOTTY, errnoNumber.EOPNOTSUPP]).to.include(errno)
    })
  })
}
