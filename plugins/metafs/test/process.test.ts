/** The command as a program of its own: how it begins, and every way it can end. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { layoutInImage } from '../../../test/blocks/stage.js'
import { checkImage, debugfs, debugfsWrite, makeImage } from '../../../test/support/images.js'
import { needTools, run, scratchFolder } from '../../../test/support/tools.js'
import { loopMount } from '../../../test/support/loop-mount.js'
import { makeAgedImage, type AgedImage } from './aged-image.js'
import { finished, isMounted, needFuse, output, pause, sh, start, type ShellResult } from './shell.js'

const launcher = new URL('run-command.ts', import.meta.url).pathname

const metafs = (...words: string[]): ChildProcess =>
  spawn(process.execPath, ['--import=tsx', '--conditions=bootpack-source', launcher, 'metafs', 'mount', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })

describe('bootpack metafs mount', () => {
  const scratch = scratchFolder()
  const aged = join(scratch.path, 'aged.img')
  const image = join(scratch.path, 'image.img')
  const meta = join(scratch.path, 'my meta')
  let made: AgedImage
  let child: ChildProcess | undefined
  let ended: Promise<ShellResult> | undefined
  before(function () {
    needFuse(this)
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'umount')
    mkdirSync(meta)
    made = makeAgedImage(aged)
  })
  beforeEach(() => {
    copyFileSync(aged, image)
  })
  afterEach(() => {
    child?.kill('SIGKILL')
    child = undefined
    while (isMounted(meta.replaceAll(' ', '\\040'))) run('umount', ['-l', meta])
    checkImage(image)
  })
  after(() => scratch.remove())

  const here = (): boolean => isMounted(meta.replaceAll(' ', '\\040'))

  /** Others on this machine may just be looking at all mounts. */
  async function takeAway(): Promise<void> {
    for (let i = 0; i < 100; i++) {
      if (run('umount', [meta], { ok: [0, 32] }).status === 0) return
      await pause(50)
    }
    throw new Error(`${meta} stays in use`)
  }

  async function up(...words: string[]): Promise<ChildProcess> {
    child = metafs(...words, image, meta)
    ended = finished(child, 60_000)
    ended.catch(() => {})
    for (let i = 0; !here(); i++) {
      if (i > 600 || child.exitCode !== null) throw new Error(`it did not come up: ${JSON.stringify(await ended)}`)
      await pause(20)
    }
    return child
  }

  it('is seen by e2fsck, which is told of the image by a path of its own', async () => {
    const relative = 'image.img'
    child = spawn(
      process.execPath,
      [
        `--import=${pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href}`,
        '--conditions=bootpack-source',
        launcher,
        'metafs',
        'mount',
        relative,
        meta,
      ],
      { cwd: scratch.path, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    ended = finished(child, 60_000)
    ended.catch(() => {})
    for (let i = 0; !here(); i++) {
      if (i > 1000) throw new Error('not mounted')
      await pause(20)
    }
    const { status, stdout, stderr } = run('e2fsck', ['-fy', image], { ok: [0, 1, 4, 8], input: '' })
    expect(stdout + stderr).to.match(/is mounted|is in use/)
    expect(status).to.equal(8)
    await takeAway()
    await ended
  })

  it('ends well when it is unmounted', async () => {
    await up()
    await output(`echo 8 > nodes/${made.donor}/data/alloc`, meta)
    await takeAway()
    const { status, stdout } = await ended!
    expect(status).to.equal(0)
    expect(stdout).to.equal(
      `${image} is shown at ${meta}. Unmount it with: umount '${meta}'\nWhy an order was refused: cat '${meta}/failures'\n`,
    )
  })

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`unmounts on ${signal}`, async () => {
      const program = await up()
      program.kill(signal)
      expect((await ended!).status).to.equal(0)
      expect(here()).to.equal(false)
    })
  }

  it('leaves a dead mount behind only after kill -9, and the next one clears it away', async () => {
    const first = await up()
    first.kill('SIGKILL')
    expect((await ended!).status).to.equal(137)
    expect((await sh(`ls "${meta}"`, '/')).stderr).to.include('not connected')
    await up()
    while ((await sh('ls super', meta)).status !== 0) await pause(20)
    expect(await output('cat super/blocksize', meta)).to.equal('1024\n')
    await takeAway()
    expect((await ended!).status).to.equal(0)
    expect(here()).to.equal(false)
  })

  it('goes on in the background when asked to', async () => {
    const { status, stdout } = await finished(metafs('--background', image, meta), 60_000)
    expect([status, stdout]).to.deep.equal([
      0,
      `${image} is shown at ${meta}. Unmount it with: umount '${meta}'\nWhy an order was refused: cat '${meta}/failures'\n`,
    ])
    expect(await output('cat super/blocksize', meta), 'at once').to.equal('1024\n')
    const second = await finished(metafs('--background', image, meta), 60_000)
    expect(second.status, 'the image is in use').to.equal(5)
    expect(second.stderr).to.include('is mounted at')
    // Nobody reads its stderr; the file tells.
    expect((await sh(`echo 0 > nodes/${made.donor}/data/alloc`, meta)).status).to.not.equal(0)
    expect(await output('cat failures', meta)).to.match(/^nodes\/\d+\/data\/alloc: \S.*\n$/)
    await takeAway()
    for (let i = 0; i < 200 && (await sh(`flock -n ${image} true`, '/')).status !== 0; i++) await pause(20)
    await up()
  })

  it('is named to who wants to move blocks of the same mount, with what ends it', async () => {
    const mount = loopMount({ size: 32 << 20 })
    const other = join(scratch.path, 'other')
    mkdirSync(other, { recursive: true })
    try {
      expect((await finished(metafs('--background', mount.path, meta), 60_000)).status).to.equal(0)
      const second = await finished(metafs('--background', mount.path, other), 60_000)
      expect([second.status, second.stderr.replace(/process \d+/, 'process N')]).to.deep.equal([
        5,
        'bootpack: Another bootpack or e4defrag moves blocks on this filesystem (process N, bootpack metafs mount).\n' +
          `It shows the blocks as files until it is unmounted: umount '${meta}'\n`,
      ])
      await takeAway()
      for (let i = 0; i < 200; i++) {
        if ((await finished(metafs('--background', mount.path, other), 60_000)).status === 0) break
        await pause(50)
      }
      run('umount', [other])
    } finally {
      spawnSync('umount', ['-l', other])
      while (isMounted(meta.replaceAll(' ', '\\040'))) run('umount', ['-l', meta])
      for (let i = 0; i < 100 && spawnSync('umount', [mount.path]).status !== 0; i++) await pause(50)
      mount.remove()
    }
  })

  it('says why not, with the exit code of the kind of reason', async () => {
    const told = async (...words: string[]): Promise<[number, string]> => {
      const { status, stderr } = await finished(metafs(...words), 60_000)
      return [status, stderr]
    }
    expect(await told(image, join(scratch.path, 'nowhere'))).to.deep.equal([
      2,
      `bootpack: ${JSON.stringify(join(scratch.path, 'nowhere'))} is not a directory.\nMake one with mkdir and name it.\n`,
    ])
    expect((await told(join(scratch.path, 'no.img'), meta))[0]).to.equal(2)
    expect((await told(image, meta, '--partition', '3'))[0]).to.equal(2)
    writeFileSync(join(scratch.path, 'text'), 'no image')
    expect((await told(join(scratch.path, 'text'), meta))[0]).to.equal(5)
    expect(here()).to.equal(false)
  })

  it('writes nothing with --read-only, not even to an image that cannot be written', async () => {
    const before = statSync(image).mtimeMs
    await up('--read-only')
    expect((await sh(`echo 8 > nodes/${made.donor}/data/alloc`, meta)).stderr).to.include('Read-only file system')
    await takeAway()
    await ended
    expect(statSync(image).mtimeMs).to.equal(before)
  })

  it('survives a client that is killed while its order is carried out', async function () {
    this.timeout(120_000)
    const bytes = 256 << 20
    const big = join(scratch.path, 'big')
    writeFileSync(big, '')
    // Written all over, so that there is something to copy; its contents are checked at the end.
    run('bash', ['-c', `yes "0123456789abcdef" | head -c ${bytes} > ${big}`])
    makeImage(image, { size: 600 << 20, blockSize: 4096 })
    debugfsWrite(image, [`write ${big} big`, 'write /dev/null donor'])
    truncateSync(big, 0)
    const [inode, donor] = ['/big', '/donor'].map((path) => /^Inode: (\d+)/m.exec(debugfs(image, `stat ${path}`))![1]!)
    await up()
    await output(`echo ${bytes / 4096} > nodes/${donor}/data/alloc`, meta)
    const before = layoutInImage(image, '/big').map(({ physical }) => physical)
    const client = start(`exec dd of=nodes/${inode}/data/reloc status=none <<< ${donor}`, meta)
    const gone = finished(client)
    // Between the steps others are served.
    while (Number(await output(`cat nodes/${inode}/data/reloc`, meta)) === 0) await pause(5)
    client.kill('SIGKILL')
    expect((await gone).status).to.equal(137)
    const told = Number(await output(`cat nodes/${inode}/data/reloc`, meta))
    expect(told, 'blocks relocated until then')
      .to.be.above(0)
      .and.below(bytes / 4096)
    // Whoever comes next finishes the work.
    await output(`echo ${donor} > nodes/${inode}/data/reloc`, meta)
    expect(told + Number(await output(`cat nodes/${inode}/data/reloc`, meta))).to.equal(bytes / 4096)
    await takeAway()
    await ended
    expect(layoutInImage(image, '/big').map(({ physical }) => physical)).to.not.deep.equal(before)
    run('debugfs', ['-R', `dump /big ${big}`, image])
    expect(run('md5sum', [big]).stdout.split(' ')[0]).to.equal(
      run('bash', ['-c', `yes "0123456789abcdef" | head -c ${bytes} | md5sum`]).stdout.split(' ')[0],
    )
    expect(readFileSync(image).length).to.equal(600 << 20)
  })
})
