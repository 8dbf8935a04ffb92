/**
 * Preparing systems below a folder, and this very machine in a mount namespace of its
 * own, where /etc and /boot are copies.
 */
import { expect } from 'chai'
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setupText } from '../../src/cli/render/setup-text.js'
import {
  bufferMiB,
  byRegisters,
  eventsThatFit,
  expectedEvents,
  kernelArguments,
  takesProbe,
} from '../../src/collect/setup/kernel-arguments.js'
import { PinnedRoot } from '../../src/collect/setup/pinned-root.js'
import { runSetup } from '../../src/collect/setup/run-setup.js'
import { applySetup, planSetup } from '../../src/collect/setup/setup.js'
import { foldersMadeFor, unitText, unitWord } from '../../src/collect/setup/unit.js'
import { BootpackError } from '../../src/errors.js'
import { hasTool, isRoot, needTools, run, scratchFolder, skip, type Ran } from '../support/tools.js'
import { bootpack, launcher } from './support.js'

const unitFile = 'etc/systemd/system/bootpack-collect.service'
const linkFile = 'etc/systemd/system/multi-user.target.wants/bootpack-collect.service'
const grubFile = 'etc/default/grub.d/zz-bootpack.cfg'
const marker = '# Written by bootpack collect setup; bootpack collect setup --remove takes it away.'

/** Everything below a folder: kind, mode, contents. */
function snapshot(folder: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of readdirSync(join(folder, below)).sort()) {
    const path = below === '' ? name : `${below}/${name}`
    const stats = lstatSync(join(folder, path))
    const mode = (stats.mode & 0o7777).toString(8)
    if (stats.isDirectory()) Object.assign(found, { [path]: `folder ${mode}` }, snapshot(folder, path))
    else if (stats.isSymbolicLink()) found[path] = `link ${readlinkSync(join(folder, path))}`
    else found[path] = `file ${mode} ${readFileSync(join(folder, path), 'utf8')}`
  }
  return found
}

describe("the kernel's arguments", () => {
  it('ask for a buffer that holds a large boot, and for no more of the memory than a 32nd', () => {
    const GiB = 2 ** 30
    expect(bufferMiB({ memory: 16 * GiB, processors: 8 })).to.equal(16)
    expect(bufferMiB({ memory: 1 * GiB, processors: 4 })).to.equal(8)
    expect(bufferMiB({ memory: GiB / 2, processors: 4 })).to.equal(4)
    expect(bufferMiB({ memory: 4 * GiB, processors: 64 })).to.equal(2)
    expect(bufferMiB({ memory: GiB / 16, processors: 4 })).to.equal(1)
    expect(bufferMiB({ memory: 64 * GiB, processors: 4 }, 2 ** 20)).to.equal(64)
    expect(bufferMiB({ memory: 64 * GiB, processors: 4 }, 1000)).to.equal(1)
    for (const events of [1e4, 262_144, 1e6])
      expect(eventsThatFit(bufferMiB({ memory: 2 ** 40, processors: 1 }, events))).to.be.at.least(events)
  })

  it('are those the kernel knows', () => {
    expect(kernelArguments(16)).to.equal(
      'trace_event=filemap:mm_filemap_add_to_page_cache,block:block_rq_issue,task:task_newtask,sched:sched_process_exec,cgroup:cgroup_attach_task trace_buf_size=16M trace_options=nooverwrite',
    )
    expect(kernelArguments(16, true)).to.equal(
      `${kernelArguments(16)} kprobe_event=p:iget,__ext4_iget,dev=+16($arg1):x32,ino=$arg2:u64`,
    )
    const spelled = (processor: string): string => kernelArguments(16, true, (probe) => byRegisters(probe, processor))
    expect(spelled('x64')).to.contain('dev=+16(%di):x32,ino=%si:u64')
    expect(spelled('arm64')).to.contain('dev=+16(%x0):x32,ino=%x1:u64')
    expect(spelled('riscv64')).to.equal(kernelArguments(16, true))
  })

  it('ask for inodes only of kernels that take a probe from their command line', () => {
    for (const release of ['5.3.0', '6.1.0-13-amd64', '5.10.0+', '10.0'])
      expect(takesProbe(release), release).to.equal(true)
    for (const release of ['5.2.17', '4.20.0-rc1', '3.10', '']) expect(takesProbe(release), release).to.equal(false)
  })
})

describe("the unit's text", () => {
  it('quotes the words of its program', () => {
    expect(unitWord('/usr/bin/node')).to.equal('/usr/bin/node')
    expect(unitWord('/opt/my apps/a"b\\c')).to.equal('"/opt/my apps/a\\"b\\\\c"')
    expect(unitWord('/50%$HOME')).to.equal('/50%%$$HOME')
    expect(() => unitWord('/a\nExecStart=/evil')).to.throw(BootpackError, 'control character')
    expect(() => unitText(['bootpack'], [])).to.throw(BootpackError, 'absolute path')
  })

  it('writes nowhere when there is no tracing to switch off', () => {
    const scratch = scratchFolder()
    try {
      const command = /^ExecStopPost=\/bin\/sh -c '(.*)'$/m.exec(unitText(['/x'], []))![1]!.replaceAll('$$', '$')
      expect(command).to.contain('/sys/kernel/tracing')
      run('sh', ['-c', command.replaceAll('/sys/kernel/tracing', join(scratch.path, 'none'))], {
        cwd: scratch.path,
        env: { SERVICE_RESULT: 'exit-code' },
        ok: [0],
      })
      expect(readdirSync(scratch.path)).to.deep.equal([])
    } finally {
      scratch.remove()
    }
  })

  it('remembers which folders were made for it, and believes no others', () => {
    const wants = 'etc/systemd/system/multi-user.target.wants'
    expect(foldersMadeFor(unitText(['/x'], ['etc/systemd/system', wants]))).to.deep.equal(['etc/systemd/system', wants])
    expect(foldersMadeFor(unitText(['/x'], []))).to.deep.equal([])
    expect(foldersMadeFor(`${marker}\n# Folders made for it: etc .. / etc/default/grub.d\n`)).to.deep.equal([
      'etc/default/grub.d',
    ])
  })

  it('is one systemd takes', function () {
    needTools(this, 'systemd-analyze')
    const folder = scratchFolder()
    try {
      const program = join(folder.path, "it's 50% $HOME", 'program')
      mkdirSync(join(program, '..'))
      writeFileSync(program, '#!/bin/sh\n')
      chmodSync(program, 0o755)
      const unit = join(folder.path, 'bootpack-collect.service')
      writeFileSync(unit, unitText([program], []))
      const { stderr, stdout } = run('systemd-analyze', ['verify', unit], { ok: [0, 1] })
      expect((stderr + stdout).split('\n').filter((line) => line.includes('bootpack-collect'))).to.deep.equal([])
    } finally {
      folder.remove()
    }
  })
})

describe('bootpack collect setup', () => {
  const scratch = scratchFolder()
  let number = 0
  let root: string
  const at = (path: string): string => join(root, path)
  const put = (path: string, text = ''): void => {
    mkdirSync(join(at(path), '..'), { recursive: true })
    writeFileSync(at(path), text)
  }
  /** What the command does with these flags; the command itself is run on this machine below. */
  const setup = (ok: readonly number[], ...flags: string[]): { stdout: string; stderr: string } => {
    const after = (flag: string): string | undefined =>
      flags.includes(flag) ? flags[flags.indexOf(flag) + 1] : undefined
    const ran = { stdout: '', stderr: '', status: 0 }
    try {
      const report = runSetup({
        action: flags.includes('--remove') ? 'remove' : flags.includes('--apply') ? 'apply' : 'show',
        root,
        self: [],
        events: expectedEvents,
        inodes: flags.includes('--inodes'),
        ...(flags.includes('--buffer') && { buffer: Number(after('--buffer')) }),
        ...(flags.includes('--program') && { program: after('--program')!.split(' ') }),
      })
      ran.stdout = flags.includes('--json') ? JSON.stringify(report) : `${setupText(report)}\n`
      ran.status = report.action === 'show' || report.complete ? 0 : 3
    } catch (error) {
      if (!(error instanceof BootpackError)) throw error
      ran.status = error.exitCode
      ran.stderr = `${error.message}\n${error.next}\n`
    }
    expect(ok, ran.stdout + ran.stderr).to.include(ran.status)
    return ran
  }

  beforeEach(() => {
    root = join(scratch.path, `root${number++}`)
    put('usr/lib/systemd/systemd')
    mkdirSync(at('etc/systemd/system'), { recursive: true })
    put(
      'usr/sbin/grub-mkconfig',
      'for x in ${sysconfdir}/default/grub.d/*.cfg ; do\n  if [ -e "${x}" ]; then\n    . "${x}"\n',
    )
    mkdirSync(at('etc/default/grub.d'), { recursive: true })
    put('etc/default/grub', 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
  })
  after(() => scratch.remove())

  const args = kernelArguments(8)
  const unit = unitText(['/usr/bin/bootpack'], ['etc/systemd/system/multi-user.target.wants'])

  it('prints what it would do and does nothing', () => {
    const before = snapshot(root)
    const { stdout } = setup([0])
    expect(stdout).to.contain(`Kernel arguments: ${args}\n`).and.to.contain('Nothing was changed; --apply does it.')
    expect(snapshot(root)).to.deep.equal(before)
    const report = JSON.parse(setup([0], '--json').stdout) as {
      arguments: string
      bootLoader: string
      files: { path: string; contents?: string; link?: string; state: string }[]
    }
    expect(report).to.deep.include({ arguments: args, bootLoader: 'grub', complete: true })
    expect(
      report.files.map(({ path, contents, link, state }) => ({ path, text: contents ?? link, state })),
    ).to.deep.equal([
      { path: unitFile, text: unit, state: 'missing' },
      { path: linkFile, text: '../bootpack-collect.service', state: 'missing' },
      {
        path: grubFile,
        text: `${marker}\nGRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT ${args}"\n`,
        state: 'missing',
      },
    ])
  })

  it('writes exactly that, twice the same, and takes exactly that away', () => {
    const before = snapshot(root)
    setup([0], '--apply')
    const wanted = {
      ...before,
      'etc/systemd/system/multi-user.target.wants': 'folder 755',
      [unitFile]: `file 644 ${unit}`,
      [linkFile]: 'link ../bootpack-collect.service',
      [grubFile]: `file 644 ${marker}\nGRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT ${args}"\n`,
    }
    expect(snapshot(root)).to.deep.equal(wanted)
    const inodes = [unitFile, linkFile, grubFile].map((path) => lstatSync(at(path)).ino)
    const again = JSON.parse(setup([0], '--apply', '--json').stdout) as { written: string[] }
    expect(again.written).to.deep.equal([])
    expect([unitFile, linkFile, grubFile].map((path) => lstatSync(at(path)).ino)).to.deep.equal(inodes)
    expect(snapshot(root)).to.deep.equal(wanted)
    setup([0], '--apply', '--buffer', '32', '--program', '/usr/bin/node /opt/bootpack.js')
    expect(readFileSync(at(grubFile), 'utf8')).to.contain('trace_buf_size=32M')
    expect(readFileSync(at(unitFile), 'utf8')).to.contain('/usr/bin/node /opt/bootpack.js collect boot\n')
    const removed = JSON.parse(setup([0], '--remove', '--json').stdout) as { removed: string[] }
    expect(removed.removed).to.deep.equal(
      [linkFile, grubFile, unitFile, 'etc/systemd/system/multi-user.target.wants'].map(at),
    )
    expect(snapshot(root)).to.deep.equal(before)
    expect(setup([0], '--remove').stdout).to.equal('Nothing was set up.\n')
  })

  it("adds to the arguments a shell finds there, and to nobody else's files", function () {
    needTools(this, 'sh')
    setup([0], '--apply')
    const { stdout } = run('sh', [
      '-c',
      'for x in "$1" "$2"; do . "$x"; done; echo "$GRUB_CMDLINE_LINUX_DEFAULT"',
      'sh',
      at('etc/default/grub'),
      at(grubFile),
    ])
    expect(stdout).to.equal(`quiet ${args}\n`)
  })

  it("keeps the numbers of a function's arguments from both shells on the way to the kernel", function () {
    needTools(this, 'sh')
    setup([0], '--apply', '--inodes')
    const { stdout } = run('sh', [
      '-c',
      '. "$1"; . "$2"; cat <<EOF\nlinux /vmlinuz ${GRUB_CMDLINE_LINUX_DEFAULT}\nEOF',
      'sh',
      at('etc/default/grub'),
      at(grubFile),
    ])
    // GRUB's own language reads words as a shell does, in all that matters here.
    const kernel = run('sh', [
      '-c',
      `set -f; ${stdout.trim().replace(/[()]/g, '\\$&').replace('linux', 'echo')}`,
    ]).stdout
    expect(kernel).to.equal(`/vmlinuz quiet ${kernelArguments(8, true)}\n`)
    expect(stdout).to.contain('dev=+16(\\$arg1):x32,ino=\\$arg2:u64')
  })

  it('spells them without a dollar where nothing keeps it from a shell, and as they have to be typed elsewhere', () => {
    put('usr/sbin/grub-mkconfig', '. ${sysconfdir}/default/grub\n')
    const typed = (JSON.parse(setup([3], '--inodes', '--apply', '--json').stdout) as { arguments: string }).arguments
    expect(typed).to.contain('dev=+16(\\\\\\$arg1):x32,ino=\\\\\\$arg2:u64')
    put('usr/bin/grubby')
    expect(setup([0], '--inodes').stdout)
      .to.contain(kernelArguments(8, true, (probe) => byRegisters(probe, process.arch)))
      .and.not.to.contain('$arg')
  })

  it('removes only folders that it made and that are empty', () => {
    rmSync(at('etc/systemd'), { recursive: true })
    rmSync(at('etc/default/grub.d'), { recursive: true })
    const before = snapshot(root)
    setup([0], '--apply')
    expect(snapshot(root)).to.include({ 'etc/systemd': 'folder 755', 'etc/default/grub.d': 'folder 755' })
    setup([0], '--apply')
    setup([0], '--remove')
    expect(snapshot(root)).to.deep.equal(before)
    setup([0], '--apply')
    put('etc/systemd/system/multi-user.target.wants/other.service', 'theirs')
    setup([0], '--remove')
    expect(snapshot(root)).to.deep.equal({
      ...before,
      'etc/systemd': 'folder 755',
      'etc/systemd/system': 'folder 755',
      'etc/systemd/system/multi-user.target.wants': 'folder 755',
      'etc/systemd/system/multi-user.target.wants/other.service': 'file 644 theirs',
    })
  })

  it('keeps folders that were there before, empty or not', () => {
    mkdirSync(at('etc/systemd/system/multi-user.target.wants'))
    const before = snapshot(root)
    setup([0], '--apply')
    setup([0], '--remove')
    expect(snapshot(root)).to.deep.equal(before)
  })

  it('prints the arguments where it may not put them, and says how', () => {
    put('usr/sbin/grub-mkconfig', '. ${sysconfdir}/default/grub\n')
    const before = snapshot(root)
    const { stdout } = setup([3], '--apply')
    expect(stdout).to.contain(
      'The arguments have to be put in by hand: add them to GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub',
    )
    expect(Object.keys(snapshot(root)).filter((path) => !(path in before))).to.deep.equal([
      'etc/systemd/system/bootpack-collect.service',
      'etc/systemd/system/multi-user.target.wants',
      linkFile,
    ])
    expect(setup([3], '--remove').stdout).to.contain('take them out the same way')
    expect(snapshot(root)).to.deep.equal(before)
    put('usr/bin/grubby')
    expect(setup([0]).stdout).to.contain('grubby --update-kernel=ALL')
  })

  it('uses /etc/kernel/cmdline.d where there is one, and no unit without systemd', () => {
    rmSync(at('usr'), { recursive: true })
    mkdirSync(at('etc/kernel/cmdline.d'), { recursive: true })
    const before = snapshot(root)
    const { stdout } = setup([3], '--apply')
    expect(stdout).to.contain('There is no systemd to run the unit').and.to.contain('make the boot entries anew')
    expect(snapshot(root)).to.deep.equal({ ...before, 'etc/kernel/cmdline.d/zz-bootpack.conf': `file 644 ${args}\n` })
    setup([0], '--remove')
    expect(snapshot(root)).to.deep.equal(before)
    // With more arguments in it the file is ours, too.
    for (let again = 0; again < 2; again++) setup([3], '--apply', '--inodes')
    setup([0], '--remove')
    expect(snapshot(root)).to.deep.equal(before)
  })

  it('looks into no folder through a link', () => {
    const outside = join(scratch.path, `outside${number}`)
    mkdirSync(join(outside, 'system'), { recursive: true })
    rmSync(at('etc/systemd'), { recursive: true })
    symlinkSync(outside, at('etc/systemd'))
    const before = snapshot(root)
    for (const flag of ['--apply', '--json'])
      expect(setup([5], flag).stdout + setup([5]).stderr).to.contain('links are not followed here')
    setup([0], '--remove')
    expect(snapshot(root)).to.deep.equal(before)
    expect(snapshot(outside)).to.deep.equal({ system: 'folder 755' })
    // usr/sbin is a link on many systems: then nothing is to be found behind it.
    rmSync(at('etc/systemd'))
    mkdirSync(at('etc/systemd/system'), { recursive: true })
    rmSync(at('usr/sbin'), { recursive: true })
    symlinkSync('bin', at('usr/sbin'))
    put('usr/bin/grub-mkconfig', '. ${sysconfdir}/default/grub.d/*.cfg\n')
    expect((JSON.parse(setup([0], '--json').stdout) as { bootLoader: string }).bootLoader).to.equal('grub')
  })

  it("leaves alone what somebody else put in its files' places", () => {
    const cases: (() => void)[] = [
      () => put(unitFile, '[Unit]\n'),
      () => put(grubFile, 'GRUB_TIMEOUT=0\n'),
      () => symlinkSync('/etc/passwd', at(grubFile)),
      () => symlinkSync('../../../passwd', at(unitFile)),
      () => mkdirSync(at(grubFile)),
      () => {
        mkdirSync(join(at(linkFile), '..'))
        symlinkSync('../other.service', at(linkFile))
      },
    ]
    for (const make of cases) {
      rmSync(at('etc/systemd/system'), { recursive: true })
      rmSync(at('etc/default/grub.d'), { recursive: true })
      mkdirSync(at('etc/systemd/system'))
      mkdirSync(at('etc/default/grub.d'))
      make()
      const before = snapshot(root)
      expect(setup([5], '--apply').stderr).to.match(/was not written by bootpack|is no ordinary file/)
      setup([0, 5], '--remove')
      expect(snapshot(root)).to.deep.equal(before)
    }
  })

  it('sweeps up what a killed run left beside its files', () => {
    const before = snapshot(root)
    const left = `.zz-bootpack.cfg.${'0a'.repeat(16)}.tmp`
    put(`etc/default/grub.d/${left}`, 'half')
    put('etc/default/grub.d/.zz-bootpack.cfg.backup.tmp', 'theirs')
    setup([0], '--apply')
    expect(readdirSync(at('etc/default/grub.d')).sort()).to.deep.equal([
      '.zz-bootpack.cfg.backup.tmp',
      'zz-bootpack.cfg',
    ])
    rmSync(at('etc/default/grub.d/.zz-bootpack.cfg.backup.tmp'))
    setup([0], '--remove')
    expect(snapshot(root)).to.deep.equal(before)
  })

  it('takes everything back when the boot loader does not go along', () => {
    const attempt = (args: string): void => {
      const pinned = PinnedRoot.open(root)
      try {
        applySetup(pinned, planSetup(pinned, { args, program: ['/usr/bin/bootpack'] }), () => {
          throw new Error('update-grub failed')
        })
      } finally {
        pinned.close()
      }
    }
    const before = snapshot(root)
    expect(() => attempt(kernelArguments(4))).to.throw('update-grub failed')
    expect(snapshot(root)).to.deep.equal(before)
    setup([0], '--apply')
    chmodSync(at(grubFile), 0o600)
    const applied = snapshot(root)
    expect(() => attempt(kernelArguments(4))).to.throw('update-grub failed')
    expect(snapshot(root)).to.deep.equal(applied)
  })

  it('names the folder that is no root', () => {
    expect(bootpack(['collect', 'setup', '--root', join(root, 'no-such')], [2]).stderr).to.contain('is no folder')
    expect(bootpack(['collect', 'setup', '--apply', '--remove'], [2]).stderr).to.contain('remove')
  })
})

describe('bootpack collect setup on this machine', function () {
  this.timeout(30_000)
  const scratch = scratchFolder()
  after(() => scratch.remove())

  const grubCfg = join(scratch.path, 'boot/grub/grub.cfg')

  /** Runs the program where /etc, /boot and the grub programs are ours; like Debian's grub-mkconfig, update-grub reads the drop-ins in order. */
  function inCopy(flags: readonly string[], ok: readonly number[], updateGrub?: string): Ran {
    writeFileSync(
      join(scratch.path, 'sbin/update-grub'),
      updateGrub ??
        '#!/bin/sh\n. /etc/default/grub\nfor x in /etc/default/grub.d/*.cfg; do [ -e "$x" ] && . "$x"; done\nmkdir -p /boot/grub\necho "linux /vmlinuz $GRUB_CMDLINE_LINUX_DEFAULT" >/boot/grub/grub.cfg\n',
    )
    chmodSync(join(scratch.path, 'sbin/update-grub'), 0o755)
    const script =
      'S=$1; shift; mount --bind "$S/etc" /etc && mount --bind "$S/boot" /boot && mount --bind "$S/sbin" /usr/sbin && exec "$@"'
    return run(
      'unshare',
      [
        ...[
          '--mount',
          'sh',
          '-c',
          script,
          'sh',
          scratch.path,
          process.execPath,
          launcher,
          'collect',
          'setup',
          ...flags,
        ],
        // Whoever owns this checkout: what is not there yet is nobody's to change.
        ...(flags.includes('--apply') ? ['--program', '/opt/bootpack/bin/bootpack'] : []),
      ],
      { ok },
    )
  }

  beforeEach(function () {
    if (!isRoot || !hasTool('unshare')) skip(this, 'needs root and unshare')
    for (const name of ['etc', 'boot', 'sbin']) rmSync(join(scratch.path, name), { recursive: true, force: true })
    mkdirSync(join(scratch.path, 'etc/default/grub.d'), { recursive: true })
    cpSync('/etc/passwd', join(scratch.path, 'etc/passwd'))
    mkdirSync(join(scratch.path, 'boot/grub'), { recursive: true })
    mkdirSync(join(scratch.path, 'sbin'))
    writeFileSync(join(scratch.path, 'etc/default/grub'), 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    writeFileSync(join(scratch.path, 'sbin/grub-mkconfig'), 'for x in ${sysconfdir}/default/grub.d/*.cfg ; do\n')
    writeFileSync(grubCfg, 'linux /vmlinuz quiet\n')
  })

  it('has the boot loader take the arguments, and give them up', () => {
    const before = snapshot(join(scratch.path, 'etc'))
    const { stdout } = inCopy(['--apply', '--buffer', '2'], [0, 3])
    expect(stdout).to.contain(kernelArguments(2))
    expect(readFileSync(grubCfg, 'utf8')).to.equal(`linux /vmlinuz quiet ${kernelArguments(2)}\n`)
    // A run that was killed before the boot loader saw it is finished by the next.
    writeFileSync(grubCfg, 'linux /vmlinuz quiet\n')
    inCopy(['--apply', '--buffer', '2'], [0, 3])
    expect(readFileSync(grubCfg, 'utf8')).to.equal(`linux /vmlinuz quiet ${kernelArguments(2)}\n`)
    inCopy(['--remove'], [0])
    expect(readFileSync(grubCfg, 'utf8')).to.equal('linux /vmlinuz quiet\n')
    expect(snapshot(join(scratch.path, 'etc'))).to.deep.equal(before)
  })

  it('changes nothing when the boot loader fails, or does not take the arguments', () => {
    const before = snapshot(join(scratch.path, 'etc'))
    const failed = inCopy(['--apply'], [1], '#!/bin/sh\necho "no space on /boot" >&2; exit 1\n')
    expect(failed.stderr).to.contain('update-grub failed with 1: no space on /boot')
    expect(snapshot(join(scratch.path, 'etc'))).to.deep.equal(before)
    const ignored = inCopy(['--apply'], [5], '#!/bin/sh\necho "linux /vmlinuz quiet" >/boot/grub/grub.cfg\n')
    expect(ignored.stderr)
      .to.contain('/boot/grub/grub.cfg does not have the arguments')
      .and.to.contain('another file there sets GRUB_CMDLINE_LINUX_DEFAULT')
    expect(snapshot(join(scratch.path, 'etc'))).to.deep.equal(before)
  })
})
