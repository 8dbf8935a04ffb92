import { expect } from 'chai'
import { parseArguments, usage } from '../../src/e4defrag/arguments.js'
import { bestCount, fragmentRatio, fragmentScore, logicalRuns, rounded } from '../../src/e4defrag/fragments.js'
import { fromUtf8, toBytes } from '../../src/e4defrag/bytes-text.js'

describe('e4defrag: arguments and numbers', () => {
  it('reads letters as getopt does', () => {
    const plain = { check: false, verbose: false, relocate: false, force: false, trace: undefined }
    expect(parseArguments(['a', '-cv', 'b'])).to.deep.equal({
      ...plain,
      check: true,
      verbose: true,
      targets: ['a', 'b'],
    })
    expect(parseArguments(['-v', '--', '-c'])).to.deep.equal({ ...plain, verbose: true, targets: ['-c'] })
    expect(parseArguments(['-rf', 'd', '--trace', 't'])).to.deep.equal({
      ...plain,
      relocate: true,
      force: true,
      trace: 't',
      targets: ['d'],
    })
    expect(parseArguments(['-r', '--trace=t=1', 'd'])).to.include({ trace: 't=1' })
    expect(parseArguments(['-'])).to.deep.equal({ ...plain, targets: ['-'] })
  })

  it('says what is wrong with them', () => {
    expect(parseArguments([])).to.equal('')
    expect(parseArguments(['-v'])).to.equal('')
    expect(parseArguments(['-x', 'a'])).to.contain("invalid option -- 'x'")
    expect(parseArguments(['--wrong', 'a'])).to.contain("unrecognized option '--wrong'")
    expect(parseArguments(['a', '--trace'])).to.contain('requires an argument')
    expect(parseArguments(['-rc', 'a'])).to.contain('one of them')
    expect(parseArguments(['-f', 'a'])).to.contain('go with -r')
    expect(usage).to.match(/^Usage\t: e4defrag \[-v\] file\.\.\.\| directory\.\.\.\| device\.\.\.\n\t: e4defrag {2}-c /)
  })

  it('keeps names that are no UTF-8', () => {
    expect(fromUtf8('ä')).to.have.length(2)
    expect(toBytes(fromUtf8('ä/\u20ac')).toString()).to.equal('ä/\u20ac')
    const name = Buffer.from([0x66, 0xff, 0x80])
    expect(toBytes(name.toString('latin1'))).to.deep.equal(name)
  })

  it('counts the fewest possible extents by flexible groups', () => {
    expect(bestCount(1, { blocksPerGroup: 32768, groupsPerFlex: 16 })).to.equal(1)
    expect(bestCount(524_288, { blocksPerGroup: 32768, groupsPerFlex: 16 })).to.equal(1)
    expect(bestCount(524_289, { blocksPerGroup: 32768, groupsPerFlex: 16 })).to.equal(2)
    expect(bestCount(32_769, { blocksPerGroup: 32768, groupsPerFlex: 1 })).to.equal(2)
    expect(bestCount(1e9, { blocksPerGroup: 0, groupsPerFlex: 1 })).to.equal(1)
  })

  it('scores as the table in the manual says', () => {
    expect(fragmentScore(fragmentRatio(1, 1, 100))).to.equal(0)
    expect(fragmentScore(fragmentRatio(11, 1, 100))).to.equal(80)
    expect(rounded(fragmentScore(fragmentRatio(22, 1, 100)))).to.equal('84')
    expect(rounded(fragmentScore(fragmentRatio(4, 1, 48)))).to.equal('50')
    expect(fragmentScore(fragmentRatio(101, 1, 100))).to.equal(100)
    expect(['0.5', '1.5', '2.5', '2.4', '2.6'].map((value) => rounded(Number(value)))).to.deep.equal([
      '0',
      '2',
      '2',
      '2',
      '3',
    ])
  })

  it('joins what lies without a hole between', () => {
    const extent = (logical: number, length: number, physical: number) => ({
      logical,
      length,
      physical,
      unwritten: false,
      unplaced: false,
      inline: false,
    })
    expect(logicalRuns([extent(0, 2, 100), extent(2, 3, 50), extent(7, 1, 9)])).to.deep.equal([
      { from: 0, length: 5 },
      { from: 7, length: 1 },
    ])
    expect(logicalRuns([])).to.deep.equal([])
  })
})
