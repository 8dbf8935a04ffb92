import { expect } from 'chai'
import { deviceName, deviceNumber } from '../../src/trace/formats/e4rat.js'
import { parseTrace, type ParseOptions } from '../../src/trace/parse/parser.js'
import { fixture, fixtureLines } from './support.js'

const lines = (...text: string[]): string => text.map((line) => `${line}\n`).join('')

const sample: ParseOptions = { root: '/mnt/sample' }

/** What record-samples.sh reads, in its order. */
const sampleFiles = [
  '/etc/with space',
  '/etc/new\nline',
  '/etc/quo"te\\x2d',
  '/etc/ünï',
  '/etc/latin\udce91',
  '/usr/bin/env',
  '/usr/bin/cut',
  '/a dir/numbers',
]

describe('formats of other tools', () => {
  it('list: paths in read order, comments, carriage returns, bad lines', () => {
    const { reads, facts } = parseTrace(
      lines(
        '# boot',
        '/usr/lib/systemd/systemd',
        '',
        '/etc//passwd\r',
        '/usr/lib/systemd/systemd',
        'relative/name',
        '/a b\\x2d',
      ),
    )
    expect(facts.format).to.equal('list')
    expect(reads).to.deep.equal([
      { path: '/usr/lib/systemd/systemd', off: 0, kind: 'data' },
      { path: '/etc/passwd', off: 0, kind: 'data' },
      { path: '/a b\\x2d', off: 0, kind: 'data' },
    ])
    expect(facts.header.ignored).to.deep.equal({ repeat: 1 })
    expect(facts.bad).to.deep.equal({ count: 1, examples: [{ line: 6, text: 'relative/name' }] })
  })

  it('list: names below the place where the filesystem was mounted', () => {
    const { reads, facts } = parseTrace(lines('/target/etc/fstab', '/etc/fstab', '/target'), { root: '/target' })
    expect(reads.map(({ path }) => path)).to.deep.equal(['/etc/fstab', '/'])
    expect(facts.header.ignored).to.deep.equal({ 'outside-root': 1 })
  })

  it('table: inode, path, time and type of a real boot', () => {
    const rows = fixtureLines('boot-files.tsv')
      .slice(1)
      .map((row) => row.split('\t'))
    const { reads, facts } = parseTrace(fixture('boot-files.tsv'))
    expect(facts.format).to.equal('table')
    expect(facts.bad.count).to.equal(0)
    const regular = rows.filter((row) => row[6] === 'regular')
    expect(reads).to.deep.equal(
      regular.map(([ino, path, first]) => ({
        t: Math.round(Number(first) * 1e6),
        ino: Number(ino),
        ...(path === '?' ? {} : { path }),
        off: 0,
        kind: 'data',
      })),
    )
    expect(facts.header.ignored).to.deep.equal({ 'not-a-file': rows.length - regular.length })
    expect(rows.length - regular.length).to.equal(1)
  })

  it('table: rows that do not fit the heading are bad', () => {
    const { reads, facts } = parseTrace(
      lines(
        '#ino\tpath\ttype',
        '5\t/etc\tdirectory',
        '6\t/x',
        'x\t/y\tregular',
        '0\t?\tregular',
        '7\t/dev/log\tsocket',
      ),
    )
    expect(reads).to.deep.equal([{ ino: 5, path: '/etc', off: 0, kind: 'directory' }])
    expect(facts.bad.count).to.equal(3)
  })

  it('e4rat: device, inode and path; plain paths', () => {
    const { reads, facts } = parseTrace(
      lines('2049 131 /bin/ls', '2049 140 /etc/my file', '/etc/fstab', '2049 0 /x', '2049 /y', 'what'),
    )
    expect(facts.format).to.equal('e4rat')
    expect(reads).to.deep.equal([
      { ino: 131, path: '/bin/ls', off: 0, kind: 'data', dev: '8:1' },
      { ino: 140, path: '/etc/my file', off: 0, kind: 'data', dev: '8:1' },
      { path: '/etc/fstab', off: 0, kind: 'data' },
    ])
    expect(facts.bad.count).to.equal(3)
  })

  it('e4rat: device numbers as stat gives them', () => {
    for (const [number, name] of [
      [2049, '8:1'],
      [64768, '253:0'],
      [66306, '259:2'],
      [1048832, '1:256'],
    ] as const) {
      expect(deviceName(number)).to.equal(name)
      expect(deviceNumber(name)).to.equal(number)
    }
  })

  it('fanotify: the first event of each file of a real boot', () => {
    const text = fixtureLines('boot-fanotify.txt.gz')
    const { reads, facts } = parseTrace(fixture('boot-fanotify.txt.gz'))
    const expected = new Map<string, object>()
    for (const line of text) {
      const [, t, ino, size, path] = /^(\S+) \S+ pid=\d+ ino=(\d+) size=(\d+) (.*)$/.exec(line)!
      if (size !== '0' && !expected.has(`${ino} ${path}`))
        expected.set(`${ino} ${path}`, { t: Math.round(Number(t) * 1e6), ino: Number(ino), path, off: 0, kind: 'data' })
    }
    expect(facts.format).to.equal('fanotify')
    expect(reads).to.deep.equal([...expected.values()])
    expect(reads.length).to.be.above(80)
    expect(facts.bad.count).to.equal(0)
  })

  it('fanotify: octal escapes, deleted and unknown names, what is no read', () => {
    const { reads, facts } = parseTrace(
      lines(
        '1.5 O pid=1 ino=7 size=10 /a\\040b',
        '1.6 R pid=1 ino=8 size=10 /tmp/gone (deleted)',
        '1.7 R pid=1 ino=9 size=10 ?',
        '1.8 W pid=1 ino=10 size=10 /w',
        '1.9 OX pid=1 ino=11 size=0 /empty',
        '1.9 R pid=1 ino=0 size=5 /none',
        '2.0 R pid=1 ino=12',
      ),
      { format: 'fanotify' },
    )
    expect(reads).to.deep.equal([
      { t: 1500000, ino: 7, path: '/a b', off: 0, kind: 'data' },
      { t: 1600000, ino: 8, off: 0, kind: 'data' },
      { t: 1700000, ino: 9, off: 0, kind: 'data' },
    ])
    expect(facts.header.ignored).to.deep.equal({ 'not-a-read': 1, empty: 1 })
    expect(facts.bad.count).to.equal(2)
  })

  it('fatrace: a real recording', () => {
    const { reads, facts } = parseTrace(fixture('fatrace.txt'), sample)
    expect(facts.format).to.equal('fatrace')
    // fatrace writes a line break in a name as it is, so the rest of that name is a bad line.
    expect(reads.map(({ path }) => path)).to.deep.equal([
      '/steps.sh',
      '/etc',
      ...sampleFiles.map((name) => name.replace(/\n.*/, '')),
    ])
    expect(facts.bad.count).to.equal(3)
    expect(facts.bad.examples.map(({ text }) => text)).to.deep.equal(['line', 'line', 'line'])
    expect(reads[0]!.t).to.equal(0)
  })

  it('fatrace: without times, with epoch times, across midnight, devices, odd commands', () => {
    const paths = (text: string): unknown =>
      parseTrace(text, { format: 'fatrace' }).reads.map(({ t, path, ino, dev }) => [t, path ?? ino, dev])
    expect(
      paths(
        lines(
          'cat(1): RO  /a',
          'rs:main Q:Reg(22): O   /b',
          'a (b)(3): R   /c (4): R /d',
          'x(1): C   /e',
          'x(1): O   /proc/1/stat',
        ),
      ),
    ).to.deep.equal([
      [undefined, '/a', undefined],
      [undefined, '/b', undefined],
      [undefined, '/c (4): R /d', undefined],
    ])
    expect(
      paths(lines('1795169023.153045 a(1): O   /a', '1795169023.653045 a(1) [0:0]: O   device 8:1 inode 77')),
    ).to.deep.equal([
      [0, '/a', undefined],
      [500000, 77, '8:1'],
    ])
    expect(paths(lines('23:59:59.500000 a(1): O   /a', '00:00:00.250000 a(1): O   /b'))).to.deep.equal([
      [0, '/a', undefined],
      [750000, '/b', undefined],
    ])
  })

  it('fincore: files with pages in the cache', () => {
    const { reads, facts } = parseTrace(fixture('fincore.json'), { workingDirectory: '/' })
    expect(facts.format).to.equal('fincore')
    expect(reads.map(({ path }) => path)).to.deep.equal([
      '/usr/bin/cut',
      '/usr/bin/env',
      '/a dir/numbers',
      '/etc/with space',
      '/etc/new\nline',
      '/etc/quo"te\\x2d',
      '/etc/ünï',
      '/steps.sh',
    ])
    expect(parseTrace(fixture('fincore.json')).facts.header.ignored).to.deep.equal({ 'relative-name': 8 })
    const other = parseTrace(
      '{"fincore":[{"res":"0B","pages":0,"size":"4K","file":"/a"},{"pages":"3","file":"/b"},{"pages":3},7]}',
    )
    expect(other.reads.map(({ path }) => path)).to.deep.equal(['/b'])
    expect(other.facts.header.ignored).to.deep.equal({ empty: 1, unreadable: 2 })
    expect(() => parseTrace('{"fincore":[{"pages":3,'))
      .to.throw('not complete JSON')
      .with.property('family', 'corrupt')
  })

  it('ureadahead: files and the blocks it read of them', () => {
    const { reads, facts } = parseTrace(
      lines(
        '/var/lib/ureadahead/pack: created Mon, 20 Nov 2023 09:00:00 +0000 for hdd 8:1',
        '3 inode groups, 2 files, 3 blocks (108 kB)',
        '/bin/my sh (123 kB), 2 blocks (68 kB)',
        '  [@###############@..............                                           ]',
        '',
        '\t0, 65536 bytes (at 1234567168)',
        '\t131072, 4096 bytes (at 99)',
        '',
        '/etc/x (40 kB), 1 blocks (40 kB)',
        '  [@#########                                                                ]',
        '',
        '\t0, 40960 bytes (at 5)',
        '',
        '\tnonsense',
      ),
    )
    expect(facts.format).to.equal('ureadahead')
    expect(facts.header.root).to.equal('8:1')
    expect(facts.bad.count).to.equal(1)
    expect(reads).to.deep.equal([
      { path: '/bin/my sh', off: 0, len: 65536, kind: 'data' },
      { path: '/bin/my sh', off: 131072, len: 4096, kind: 'data' },
      { path: '/etc/x', off: 0, len: 40960, kind: 'data' },
    ])
  })

  it('block reads: every byte of a real log once, in order', () => {
    const text = fixtureLines('boot-blockreads.txt.gz')
    const { reads, facts } = parseTrace(fixture('boot-blockreads.txt.gz'))
    expect(facts.format).to.equal('block-reads')
    expect(facts.bad.count).to.equal(0)
    const expected = new Set<number>()
    for (const line of text) {
      const [, operation, off, len] = line.split(' ')
      if (operation === 'R')
        for (let sector = Number(off) / 512; sector < (Number(off) + Number(len)) / 512; sector++) expected.add(sector)
    }
    const found = reads.flatMap(({ off, len }) => Array.from({ length: len! / 512 }, (_, i) => off / 512 + i))
    expect(found).to.deep.equal([...expected])
    expect(reads.every(({ kind, ino, dev }) => kind === 'metadata' && ino === undefined && dev === undefined)).to.equal(
      true,
    )
  })

  it('block reads: a partition of a disk', () => {
    const { reads, facts } = parseTrace(
      lines(
        '0.5 R 0 512',
        '0.6 R 1048064 1024 dist=5',
        '0.7 R 3145728 4096',
        '0.8 W 1048576 4096',
        '0.9 R 1048576',
        '1.0 R 2048 99999999999',
      ),
      { format: 'block-reads', partition: { start: 1048576, length: 2097152 } },
    )
    expect(reads).to.deep.equal([{ t: 600000, off: 0, len: 512, kind: 'metadata' }])
    expect(facts.header.ignored).to.deep.equal({ 'outside-partition': 2, 'not-a-read': 1 })
    expect(facts.bad.count).to.equal(2)
  })

  it('blkparse: requests issued, of a real output', () => {
    const { reads, facts } = parseTrace(fixture('blkparse.txt.gz'), { repeats: true })
    expect(facts.format).to.equal('blkparse')
    expect(facts.bad.count).to.equal(0)
    const issued = fixtureLines('blkparse.txt.gz')
      .map((line) => /^ *\S+ +\d+ +\d+ +(\S+) +\d+ +D +(?:R\w*) +(\d+) \+ (\d+)/.exec(line))
      .filter((found) => found !== null)
    // Neighbours that follow each other are one read; their bytes are all there.
    expect(reads.reduce((sum, { len }) => sum + len!, 0)).to.equal(
      issued.reduce((sum, found) => sum + Number(found[3]) * 512, 0),
    )
    expect(reads[0]).to.include({
      t: Math.floor(Number(issued[0]![1]) * 1e6),
      off: Number(issued[0]![2]) * 512,
      kind: 'metadata',
    })
    expect(issued.length).to.equal(Number(/Read Dispatches: +(\d+)/.exec(fixture('blkparse.txt.gz').toString())![1]))
  })

  it('blkparse: recordings of one action only', () => {
    const line = (action: string, sector: number): string =>
      `  8,0    0        5     0.000401000   321  ${action}   R ${sector} + 8 [cat]`
    const sectors = (...text: string[]): number[] =>
      parseTrace(lines(...text), { format: 'blkparse' }).reads.map(({ off }) => off / 512)
    expect(sectors(line('Q', 800), line('C', 1600))).to.deep.equal([800])
    expect(sectors(line('C', 1600))).to.deep.equal([1600])
    expect(sectors(line('Q', 800), line('Q', 80), line('D', 80), line('D', 800))).to.deep.equal([80, 800])
  })
})

describe('strace', () => {
  for (const name of ['strace-file.txt.gz', 'strace-names.txt.gz', 'strace-terminal.txt.gz']) {
    it(`follows names and positions through a real recording: ${name}`, () => {
      const { reads, facts } = parseTrace(fixture(name), sample)
      expect(facts.format).to.equal('strace')
      expect(facts.bad).to.deep.equal({ count: 0, examples: [] })
      const files = reads.filter(({ kind }) => kind === 'data').map(({ path }) => path)
      const resolved = name.includes('names')
      expect(files).to.deep.equal(['/steps.sh', ...sampleFiles, ...(resolved ? [] : ['/etc/../usr/bin/cut'])])
      expect(reads.filter(({ kind }) => kind === 'directory').map(({ path }) => path)).to.deep.equal(['/etc'])
      expect(reads.find(({ path }) => path === '/a dir/numbers')).to.include({ off: 0, len: 110592 })
      expect(reads.every(({ t }) => (name.includes('terminal') ? t === undefined : t! >= 0 && t! < 60e6))).to.equal(
        true,
      )
    })
  }

  const readsOf = (text: string, options: ParseOptions = {}): (string | number | undefined)[][] =>
    parseTrace(text, { format: 'strace', ...options }).reads.map(({ path, off, len }) =>
      len === undefined ? [path, off] : [path, off, len],
    )

  it('shares positions over dup and fork, and gives threads one table', () => {
    expect(
      readsOf(
        lines(
          '10 openat(AT_FDCWD, "/a", O_RDONLY) = 3',
          '10 read(3, ""..., 4096) = 4096',
          '10 dup2(3, 7) = 7',
          '10 clone(child_stack=NULL, flags=SIGCHLD) = 11',
          '11 read(7, ""..., 4096) = 4096',
          '11 close(3) = 0',
          '10 lseek(3, 40960, SEEK_SET) = 40960',
          '11 read(7, ""..., 4096) = 4096',
          '10 clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD, child_tid=0x7f} => {parent_tid=[12]}, 88) = 12',
          '12 openat(AT_FDCWD, "/b", O_RDONLY) = 4',
          '10 pread64(4, ""..., 100, 8192) = 100',
        ),
      ),
    ).to.deep.equal([
      ['/a', 0, 8192],
      ['/a', 40960, 4096],
      ['/b', 8192, 4096],
    ])
  })

  it('joins halves of calls, a child that speaks first among them', () => {
    expect(
      readsOf(
        lines(
          '10 12:00:00.000001 chdir("/srv") = 0',
          '10 12:00:00.000002 openat(AT_FDCWD, "x", O_RDONLY <unfinished ...>',
          '11 12:00:00.000003 getpid() = 11',
          '10 12:00:00.000004 <... openat resumed>) = 3',
          '10 12:00:00.000005 vfork( <unfinished ...>',
          '12 12:00:00.000006 read(3,  <unfinished ...>',
          '10 12:00:00.000007 <... vfork resumed>) = 12',
          '12 12:00:00.000008 <... read resumed>"a) = 7", 4096) = 4096',
          '10 12:00:00.000009 <... read resumed>"half", 4) = 4',
        ),
      ),
    ).to.deep.equal([['/srv/x', 0, 4096]])
  })

  it('forgets descriptors that were closed, replaced by a pipe, or closed on exec', () => {
    const open = 'openat(AT_FDCWD, "/secret", O_RDONLY|O_CLOEXEC) = 3'
    for (const between of [
      'close(3) = 0',
      'pipe2([3, 4], O_CLOEXEC) = 0',
      'socket(AF_UNIX, SOCK_STREAM, 0) = 3',
      'execve("/bin/x", ["x"], 0x1 /* 2 vars */) = 0',
      'close_range(3, 4294967295, 0) = 0',
      'dup2(0, 3) = 3',
    ]) {
      const found = readsOf(lines(open, between, 'read(3, ""..., 10) = 10'))
      expect(
        found.some(([path]) => path === '/secret'),
        between,
      ).to.equal(false)
    }
    expect(
      readsOf(
        lines('openat(AT_FDCWD, "/kept", O_RDONLY) = 3', 'execve("/bin/x", ["x"], 0x1) = 0', 'read(3, ""..., 10) = 10'),
      ),
    ).to.deep.equal([
      ['/bin/x', 0],
      ['/kept', 0, 4096],
    ])
  })

  it('takes mmap, sendfile, readahead, preadv and openat2, and no failed, empty or written one', () => {
    expect(
      readsOf(
        lines(
          'openat2(AT_FDCWD, "/m", {flags=O_RDONLY, mode=0}, 24) = 3',
          'mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 0x2000) = 0x7f0000000000',
          'mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000',
          'mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE, 3, 0) = 0x7f0000000000',
          'mmap(NULL, 1099511627776, PROT_READ, MAP_SHARED, 3, 0x10000) = 0x7f0000000000',
          'openat(AT_FDCWD, "/s", O_RDONLY) = 4',
          'sendfile(1, 4, NULL, 100000) = 5000',
          'sendfile(1, 4, [40960] => [45056], 4096) = 4096',
          'preadv(4, [{iov_base="x,y]", iov_len=4}, {iov_base="z", iov_len=4}], 2, 81920) = 8',
          'readahead(4, 122880, 4096) = 0',
          'openat(AT_FDCWD, "/w", O_WRONLY|O_CREAT, 0666) = 5',
          'read(5, "", 0) = 0',
          'openat(AT_FDCWD, "/none", O_RDONLY) = -1 ENOENT (No such file or directory)',
          'read(4, 0x7f, 10) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)',
          'read(4, "", 10) = 0',
          'openat(4</x = y>, "r", O_RDONLY) = 6</x = y/r>',
          'read(6</x = y/r>, ""..., 1) = 1 <0.000010>',
          'read(9</seen/only\\74here\\76>, ""..., 1) = 1',
        ),
      ),
    ).to.deep.equal([
      ['/m', 8192, 8192],
      ['/m', 65536],
      ['/s', 0, 8192],
      ['/s', 40960, 4096],
      ['/s', 81920, 4096],
      ['/s', 122880, 4096],
      ['/x = y/r', 0, 4096],
      ['/seen/only<here>', 0, 4096],
    ])
  })

  it('decodes what strace escapes, and follows chroot and directories', () => {
    expect(
      readsOf(
        lines(
          'chroot("/mnt/root/") = 0',
          'chdir("/") = 0',
          'openat(AT_FDCWD, "etc/\\303\\274n\\"\\t\\0011\\x41", O_RDONLY) = 3',
          'read(3, ""..., 1) = 1',
          'openat(AT_FDCWD, "/d", O_RDONLY|O_DIRECTORY) = 4',
          'getdents64(4, 0x5 /* 6 entries */, 32768) = 176',
          'openat(4, "f", O_RDONLY) = 5',
          'read(5, ""..., 1) = 1',
        ),
      ),
    ).to.deep.equal([
      ['/mnt/root/etc/ün"\t\x011A', 0, 4096],
      ['/mnt/root/d', 0],
      ['/mnt/root/d/f', 0, 4096],
    ])
  })

  it('counts lines it cannot read', () => {
    const { facts } = parseTrace(
      lines(
        '10 read(3, "abc',
        '10 read(3) 5',
        'nonsense',
        '10 futex(cut',
        '+++ exited with 0 +++',
        '--- SIGCHLD {si_signo=SIGCHLD} ---',
      ),
      { format: 'strace' },
    )
    expect(facts.bad.count).to.equal(3)
  })
})
