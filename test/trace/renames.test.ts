import { expect } from 'chai'
import { renamed } from '../../src/trace/renames/apply.js'
import { guessRenames, type Rename } from '../../src/trace/renames/guess.js'
import { parseRenameTable, renameTable } from '../../src/trace/renames/table-text.js'
import { traceHeader } from '../../src/trace/model/trace.js'

const guess = (gone: string[], there: string[], taken: string[] = []): Record<string, string> =>
  Object.fromEntries(
    guessRenames(gone, there, new Set(taken)).renames.map(({ from, to, reason }) => [from, `${to} ${reason}`]),
  )

describe('guessing renames', () => {
  it('finds another version in the same folder, by everything but the numbers', () => {
    expect(
      guess(
        ['/lib/libfoo.so.1.2', '/lib/modules/6.1.0-18-amd64/ext4.ko', '/usr/bin/python3.11'],
        ['/lib/libfoo.so.1.3', '/lib/modules/6.1.0-20-amd64/ext4.ko', '/usr/bin/python3.13', '/lib/libbar.so.1.3'],
      ),
    ).to.deep.equal({
      '/lib/libfoo.so.1.2': '/lib/libfoo.so.1.3 version',
      '/lib/modules/6.1.0-18-amd64/ext4.ko': '/lib/modules/6.1.0-20-amd64/ext4.ko version',
      '/usr/bin/python3.11': '/usr/bin/python3.13 version',
    })
  })

  it('prefers the same soname, says when it is another, and does not choose between two', () => {
    const gone = ['/lib/libfoo.so.1.2']
    expect(guess(gone, ['/lib/libfoo.so.1.9', '/lib/libfoo.so.2.0'])).to.deep.equal({
      [gone[0]!]: '/lib/libfoo.so.1.9 version',
    })
    expect(guess(gone, ['/lib/libfoo.so.2.0'])).to.deep.equal({ [gone[0]!]: '/lib/libfoo.so.2.0 soname' })
    expect(guess(gone, ['/lib/libfoo.so.1.3', '/lib/libfoo.so.1.4'])).to.deep.equal({})
  })

  it('gives nobody a name that the profile has, or two files one name', () => {
    expect(guess(['/lib/liba.so.1'], ['/lib/liba.so.2'], ['/lib/liba.so.2'])).to.deep.equal({})
    expect(guess(['/lib/liba.so.1', '/lib/liba.so.3'], ['/lib/liba.so.2'])).to.deep.equal({
      '/lib/liba.so.1': '/lib/liba.so.2 soname',
    })
  })

  it('follows a name to another folder only when it is the only one of that name', () => {
    expect(guess(['/lib/systemd/systemd'], ['/usr/lib/systemd/systemd', '/etc/other'])).to.deep.equal({
      '/lib/systemd/systemd': '/usr/lib/systemd/systemd folder',
    })
    expect(guess(['/a/index'], ['/b/index', '/c/index'])).to.deep.equal({})
  })

  it('says what is left', () => {
    expect(guessRenames(['/gone'], ['/other'], new Set()).left).to.deep.equal(['/gone'])
  })

  it('drops the inode number of what is renamed, and touches nothing else', () => {
    const reads = [
      { ino: 1, path: '/a.1', off: 0, kind: 'data' as const },
      { ino: 2, path: '/b', off: 0, kind: 'data' as const },
    ]
    const trace = renamed({ header: traceHeader('list'), reads, bad: { count: 0, examples: [] } }, [
      { from: '/a.1', to: '/a.2', reason: 'version' },
    ])
    expect(trace.reads).to.deep.equal([{ path: '/a.2', off: 0, kind: 'data' }, reads[1]])
    expect(trace.header['renamed']).to.equal(1)
  })

  it('comes back from its table, and refuses lines that are none', () => {
    const renames: Rename[] = [{ from: '/a b', to: '/c', reason: 'version' }]
    expect(parseRenameTable(renameTable(renames))).to.deep.equal([{ from: '/a b', to: '/c', reason: 'table' }])
    expect(() => parseRenameTable('/a /b\n')).to.throw('Line 1 of the table is no rename')
  })
})
