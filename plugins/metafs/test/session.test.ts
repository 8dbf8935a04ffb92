/** The protocol alone, over a tree of three files, with the kernel as the other side. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { mountFuse, openFuseDevice, unmount } from '../src/kernel/mount.js'
import { needTools, scratchFolder } from '../../../test/support/tools.js'
import { Errno } from '../src/fuse/errno.js'
import { Session, type OpenFile, type Tree } from '../src/fuse/session.js'
import type { Attributes } from '../src/fuse/wire.js'
import { finished, isMounted, needFuse, output, pause, sh, start } from './shell.js'

const names = ['numbers', 'slow', 'stored'] as const

/** `numbers` is endless, eight digits and a line end at a time; `slow` never answers; `stored` keeps what was written. */
class ToyTree implements Tree {
  written: { position: number; text: string }[] = []
  asked = 0
  calledOff = 0

  async attributes(node: number): Promise<Attributes> {
    if (node === 1) return { node, directory: true, permissions: 0o755, size: 0 }
    if (names[node - 2] === undefined) throw new Errno('ENOENT')
    return { node, directory: false, permissions: 0o644, size: 9_000_000 }
  }

  async find(_directory: number, name: string): Promise<Attributes> {
    const index = names.findIndex((known) => known === name)
    if (index < 0) throw new Errno('ENOENT')
    return this.attributes(index + 2)
  }

  async entries(
    _directory: number,
    from: number,
  ): Promise<{ name: string; node: number; directory: boolean; next: number }[]> {
    // Many more than fit one answer, so that listings go on.
    const all = [
      ...names.map((name, i) => ({ name: name as string, node: i + 2 })),
      ...Array.from({ length: 5000 }, (_, i) => ({ name: `entry-${i}`, node: 2 })),
    ]
    return all.slice(from).map((entry, i) => ({ ...entry, directory: false, next: from + i + 1 }))
  }

  async open(node: number): Promise<OpenFile> {
    return {
      read: async (position, size, signal) => {
        this.asked++
        if (names[node - 2] === 'slow') {
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
          this.calledOff++
          throw new Errno('EINTR')
        }
        const end = Math.min(position + size, 9_000_000)
        const first = Math.floor(position / 9)
        let text = ''
        for (let i = first; i * 9 < end; i++) text += `${String(i).padStart(8, '0')}\n`
        return Buffer.from(text).subarray(position - first * 9, end - first * 9)
      },
      write: async (position, bytes) => {
        this.written.push({ position, text: Buffer.from(bytes).toString() })
      },
      seekData: async (position) => position + 1000,
    }
  }
}

describe('a FUSE session', () => {
  const scratch = scratchFolder()
  const directory = join(scratch.path, 'toy')
  let tree: ToyTree
  let session: Session
  before(function () {
    needFuse(this)
    needTools(this, 'bash', 'dd')
    mkdirSync(directory)
  })
  beforeEach(() => {
    tree = new ToyTree()
    const descriptor = openFuseDevice()
    mountFuse({ descriptor, directory, source: 'toy', subtype: 'bootpack-toy', readOnly: false })
    session = new Session(descriptor, tree, { user: 0, group: 0, since: 1_000_000_000 })
  })
  afterEach(async () => {
    if (isMounted(directory)) {
      unmount(directory, 'abort')
      if (isMounted(directory)) unmount(directory, 'detach')
    }
    await session.ended
  })
  after(() => scratch.remove())

  it('shows names, sizes and times', async () => {
    expect(await output('stat -c "%n %s %a %U %Y" numbers slow', directory)).to.equal(
      'numbers 9000000 644 root 1000000000\nslow 9000000 644 root 1000000000\n',
    )
    expect((await output('ls -U', directory)).split('\n').filter(Boolean)).to.have.length(5003)
    expect((await sh('cat nothing', directory)).stderr).to.include('No such file')
  })

  it('passes every position and length through', async () => {
    expect(await output('dd if=numbers bs=9 skip=77 count=2 status=none', directory)).to.equal('00000077\n00000078\n')
    expect(await output('tail -c 9 numbers', directory)).to.equal('00999999\n')
    expect(await output('cat numbers | md5sum', directory)).to.equal(
      await output('seq -f %08.0f 0 999999 | md5sum', directory),
    )
    await output(
      'echo one > stored; echo two >> stored; echo three | dd of=stored bs=100 seek=7 status=none',
      directory,
    )
    expect(tree.written).to.deep.equal([
      { position: 0, text: 'one\n' },
      { position: 9_000_000, text: 'two\n' },
      { position: 700, text: 'three\n' },
    ])
  })

  it('puts a descriptor where SEEK_DATA says', async () => {
    expect(
      await output(`perl -e 'open F, "numbers"; print sysseek(F, 500, 3), " ", sysseek(F, 0, 1)'`, directory),
    ).to.equal('1500 1500')
  })

  it('answers sixteen clients at once', async function () {
    this.timeout(60_000)
    const reader =
      'for i in 1 2 3 4 5 6; do for at in 0 5000 70000 123456; do dd if=numbers bs=4096 skip=$at iflag=skip_bytes count=25 status=none | cksum; done; done'
    const outputs = await Promise.all(Array.from({ length: 16 }, () => finished(start(reader, directory), 50_000)))
    for (const { status, stdout } of outputs) expect([status, stdout]).to.deep.equal([0, outputs[0]!.stdout])
    expect(tree.asked).to.be.at.least(9600)
  })

  it('lets a killed client go', async () => {
    const client = start('exec cat slow', directory)
    while (tree.asked === 0) await pause(5)
    const killed = Date.now()
    client.kill('SIGKILL')
    expect((await finished(client)).status).to.equal(137)
    expect(Date.now() - killed).to.be.below(2000)
    while (tree.calledOff === 0) await pause(5)
    expect(await output('head -c 9 numbers', directory), 'and serves the next').to.equal('00000000\n')
  })

  it('lets go of a client that gave up waiting', async () => {
    expect((await sh('timeout 0.2 cat slow', directory)).status).to.equal(124)
    expect(tree.calledOff).to.equal(1)
  })

  it('ends when the filesystem is unmounted, whoever did it', async () => {
    await output(`cd /; umount ${directory}`, directory)
    await session.ended
    expect(isMounted(directory)).to.equal(false)
  })

  it('ends clients that wait when it is taken away', async () => {
    const client = start('exec cat slow', directory)
    while (tree.asked === 0) await pause(5)
    unmount(directory, 'abort')
    expect((await finished(client)).status).to.be.above(0)
  })

  it('refuses to make, remove or rename anything', async () => {
    for (const script of [
      'mkdir x',
      'touch x',
      'rm numbers',
      'mv numbers x',
      'ln numbers x',
      'ln -s numbers x',
      'chmod 600 numbers',
      'mkfifo x',
    ]) {
      const { status, stderr } = await sh(script, directory)
      expect(status, script).to.not.equal(0)
      expect(stderr, script).to.include('not permitted')
    }
  })
})
