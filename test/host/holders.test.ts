import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { parseLocks } from '../../src/host/file-locks.js'
import { runningPrograms } from '../../src/host/running-programs.js'

describe('who holds files', () => {
  it('reads leases and locks for writing of one device out of /proc/locks', () => {
    const text = `1: POSIX  ADVISORY  WRITE 1234 08:02:131075 0 EOF
1: -> POSIX  ADVISORY  WRITE 1300 08:02:131076 0 EOF
2: LEASE  ACTIVE    READ  4321 08:02:131090 0 EOF
3: LEASE  BREAKING  UNLCK 4321 08:02:131091 0 EOF
4: FLOCK  ADVISORY  WRITE 99 08:02:131092 0 EOF
5: POSIX  ADVISORY  READ 99 08:02:131093 128 128
6: OFDLCK ADVISORY  WRITE -1 08:02:131094 0 0
7: DELEG  ACTIVE    READ 12 08:02:131095 0 EOF
8: LEASE  ACTIVE    WRITE 4321 fd:1f:131096 0 EOF
nonsense
`
    expect(parseLocks(text, '8:2')).to.deep.equal([
      { inode: 131075, kind: 'lock' },
      { inode: 131090, kind: 'lease' },
      { inode: 131091, kind: 'lease' },
      { inode: 131094, kind: 'lock' },
      { inode: 131095, kind: 'lease' },
    ])
    expect(parseLocks(text, '253:31')).to.deep.equal([{ inode: 131096, kind: 'lease' }])
    expect(parseLocks('', '8:2')).to.deep.equal([])
  })

  it('names the programs that run from a filesystem, by inode', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bootpack-test-'))
    const program = join(folder, 'program')
    copyFileSync('/bin/sleep', program)
    const { dev, ino } = statSync(program, { bigint: true })
    expect(runningPrograms(dev).has(Number(ino))).to.equal(false)
    const child = spawn(program, ['60'])
    try {
      await new Promise<void>((resolve) => child.once('spawn', () => resolve()))
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(runningPrograms(dev).has(Number(ino))).to.equal(true)
      expect(runningPrograms(dev + 1n).has(Number(ino))).to.equal(false)
    } finally {
      child.kill()
      await new Promise((resolve) => child.once('exit', resolve))
      rmSync(folder, { recursive: true })
    }
  })
})
