import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { BootpackError } from '../../src/errors.js'
import { kernelError, errnoOf, failedWith, asKernelError, errnoNumber, KernelError } from '../../src/kernel/errno.js'
import { io, ioRead, ioReadWrite, ioWrite } from '../../src/kernel/ioctl-number.js'
import { allOnes, getU64, setU64, whole } from '../../src/kernel/words.js'
import { needTools, run, scratchFolder, skip } from '../support/tools.js'

describe('kernel: numbers', () => {
  it('computes request numbers and structure sizes as the C headers do', function () {
    needTools(this, 'cc')
    const folder = scratchFolder()
    try {
      const source = join(folder.path, 'numbers.c')
      writeFileSync(
        source,
        `
        #include <stdio.h>
        #include <fcntl.h>
        #include <sys/vfs.h>
        #include <linux/fs.h>
        #include <linux/fiemap.h>
        #include <linux/fsmap.h>
        #include <linux/types.h>
        struct move_extent { __u32 reserved, donor_fd; __u64 orig_start, donor_start, len, moved_len; };
        int main(void) {
          printf("%lu %lu %lu %lu %lu %lu\\n", (unsigned long)FS_IOC_FIEMAP, (unsigned long)FIBMAP, (unsigned long)FS_IOC_GETFSMAP,
            (unsigned long)FS_IOC_GETFLAGS, (unsigned long)_IOWR('f', 15, struct move_extent), (unsigned long)_IOW('z', 3, int));
          printf("%zu %zu %zu\\n", sizeof(struct fiemap_extent), sizeof(struct fsmap_head), sizeof(struct fsmap));
          printf("%zu %zu\\n", sizeof(struct flock), sizeof(struct statfs));
        }`,
      )
      if (spawnSync('cc', ['-o', join(folder.path, 'numbers'), source]).status !== 0)
        skip(this, 'needs cc and the headers of Linux')
      const [requests, sizes, more] = run(join(folder.path, 'numbers'), [])
        .stdout.trim()
        .split('\n')
        .map((line) => line.split(' ').map(Number))
      expect([
        ioReadWrite('f', 11, 0x20),
        io(0, 1),
        ioReadWrite('X', 59, 0xc0),
        ioRead('f', 1, 8),
        ioReadWrite('f', 15, 0x28),
        ioWrite('z', 3, 4),
      ]).to.deep.equal(requests)
      expect([0x38, 0xc0, 0x40]).to.deep.equal(sizes)
      expect([0x20, 120]).to.deep.equal(more)
    } finally {
      folder.remove()
    }
  })

  it('refuses a structure that does not fit the number', () => {
    expect(() => ioRead('f', 1, 1 << 14)).to.throw(RangeError)
  })

  it('keeps 64-bit words exact and refuses what is none', () => {
    const words = Buffer.alloc(16)
    for (const value of [0, 1, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER]) {
      setU64(words, 8, value)
      expect(getU64(words, 8)).to.equal(value)
      expect(words.readBigUInt64LE(8)).to.equal(BigInt(value))
    }
    setU64(words, 0, allOnes)
    expect(() => getU64(words, 0)).to.throw(BootpackError, '18446744073709551615')
    for (const wrong of [-1, 1.5, NaN, Infinity, 2 ** 53])
      expect(() => whole(wrong), String(wrong)).to.throw(RangeError)
  })

  it('names errno and sorts it into a family with a way out', () => {
    const full = kernelError({ call: 'fallocate', on: 'here' }, errnoNumber.ENOSPC)
    expect(full).to.include({ family: 'no-space', exitCode: 7, errno: 28, code: 'ENOSPC' })
    expect(full.message).to.equal('fallocate on here: no space left (ENOSPC)')
    expect(kernelError({ call: 'open' }, errnoNumber.EROFS)).to.include({ family: 'refused', exitCode: 5 })
    expect(kernelError({ call: 'x' }, 4095)).to.include({ family: 'io', exitCode: 1, code: 'errno 4095' })
    expect(failedWith(full, 'EPERM', 'ENOSPC')).to.equal(true)
    expect(errnoOf(new Error('x'))).to.equal(undefined)
  })

  it('turns a failure of node:fs into the same kind of error', () => {
    const fail = (): void => {
      throw Object.assign(new Error('EPERM'), { errno: -1 })
    }
    expect(() => asKernelError({ call: 'open', on: 'a' }, fail))
      .to.throw(KernelError, 'open on a: not permitted (EPERM)')
      .with.property('errno', 1)
    expect(() =>
      asKernelError({ call: 'open' }, () => {
        throw new TypeError('mine')
      }),
    ).to.throw(TypeError)
  })

  it('loads no library on import', () => {
    const program = `
      const { fiemap } = await import('./src/kernel/fiemap.js')
      await import('./src/kernel/move-extent.js'); await import('./src/kernel/getfsmap.js')
      const { readFileSync } = await import('node:fs')
      const loaded = () => readFileSync('/proc/self/maps', 'utf8').includes('koffi')
      const before = loaded()
      try { fiemap(0) } catch {}
      console.log(before, loaded())`
    const ran = run(process.execPath, ['--import=tsx', '--input-type=module', '-e', program], {
      cwd: new URL('../..', import.meta.url).pathname,
    })
    expect(ran.stdout.trim()).to.equal('false true')
  })
})
