import { expect } from 'chai'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { BootpackError } from '../../src/errors.js'
import { claim, openVolume, type Claim, type EngineProvider } from '../../src/volume/open-volume.js'
import { quoted } from '../../src/text/json-text.js'
import { resolveTarget, type Target } from '../../src/volume/target.js'
import type { Volume } from '../../src/volume/volume.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

/** An engine that claims as told and, opened, only tells what it was opened with. */
function engine(name: string, sure: (target: Target) => Claim | undefined): EngineProvider & { opened: Target[] } {
  const opened: Target[] = []
  return {
    name,
    opens: `what ${name} opens`,
    opened,
    claim: (target) => Promise.resolve(sure(target)),
    open: (target) => {
      opened.push(target)
      return Promise.resolve({ engine: name } as Volume)
    },
  }
}

const images = engine('images', (target) =>
  target.kind === 'directory' ? undefined : target.path.endsWith('.img') ? claim.certain : claim.possible,
)
const mounts = engine('mounts', (target) =>
  target.kind === 'directory' ? claim.certain : target.kind === 'file' ? claim.likely : undefined,
)

async function failure(promise: Promise<unknown>): Promise<BootpackError> {
  try {
    await promise
  } catch (error) {
    return error as BootpackError
  }
  throw new Error('it should have failed')
}

describe('choosing an engine', () => {
  const folder = scratchFolder()
  const at = (name: string): string => join(folder.path, name)
  before(() => {
    writeFileSync(at('disk.img'), 'x')
    writeFileSync(at('notes.txt'), 'x')
    mkdirSync(at('inner'))
    symlinkSync('disk.img', at('link'))
    symlinkSync('nothing', at('dangling'))
    symlinkSync('round', at('round'))
  })
  after(folder.remove)
  const open = (name: string, more: { partition?: number; engine?: string } = {}): Promise<Volume> =>
    openVolume(at(name), { write: false, ...more }, [images, mounts])

  it('takes the surest', async () => {
    expect((await open('disk.img')).engine).to.equal('images')
    expect((await open('notes.txt')).engine).to.equal('mounts')
    expect((await open('inner')).engine).to.equal('mounts')
  })

  it('hands on the real path behind a symlink', async () => {
    images.opened.length = 0
    await open('link')
    expect(images.opened).to.deep.equal([{ given: at('link'), path: at('disk.img'), kind: 'file' }])
  })

  it('obeys --engine', async () => {
    expect((await open('disk.img', { engine: 'mounts' })).engine).to.equal('mounts')
    const error = await failure(open('disk.img', { engine: 'tape' }))
    expect(error.exitCode).to.equal(2)
    expect(error.next).to.equal('There are: images, mounts.')
  })

  it('asks when two are as sure', async () => {
    const twin = engine('twin', () => claim.certain)
    const error = await failure(openVolume(at('disk.img'), { write: false }, [images, twin]))
    expect(error.code).to.equal('ambiguous-target')
    expect(error.message).to.contain('images and by twin')
  })

  it('says what could be opened when no engine fits', async () => {
    const error = await failure(openVolume(at('inner'), { write: false }, [images]))
    expect(error).to.include({ code: 'no-engine', exitCode: 2 })
    expect(error.message).to.contain('a directory')
    expect(error.next).to.contain('what images opens')
  })

  it('knows no partitions of a directory', async () => {
    expect(await failure(open('inner', { partition: 1 }))).to.include({ code: 'partition-of-directory', exitCode: 2 })
  })
})

describe('targets', () => {
  const folder = scratchFolder()
  const at = (name: string): string => join(folder.path, name)
  after(folder.remove)
  const problem = (given: string): BootpackError => {
    try {
      resolveTarget(given)
    } catch (error) {
      return error as BootpackError
    }
    throw new Error(`${given} was taken`)
  }

  it('must exist', () => {
    expect(problem(at('nothing'))).to.include({
      code: 'no-such-target',
      exitCode: 2,
      message: `There is no "${at('nothing')}".`,
    })
    expect(problem('')).to.include({ code: 'no-target' })
    writeFileSync(at('file'), '')
    expect(problem(at('file/below'))).to.include({ code: 'no-such-target' })
  })

  it('are followed through symlinks, which may lead nowhere', () => {
    symlinkSync('gone.img', at('dangling'))
    symlinkSync('round', at('round'))
    expect(problem(at('dangling')).message).to.contain('symlink to "gone.img"')
    expect(problem(at('round')).message).to.contain('back to itself')
  })

  it('are not pipes, sockets or character devices', async function () {
    needTools(this, 'mkfifo')
    run('mkfifo', [at('pipe')])
    expect(problem(at('pipe'))).to.include({ code: 'wrong-kind', exitCode: 2 })
    expect(problem(at('pipe')).message).to.contain('named pipe')
    expect(problem('/dev/null').message).to.contain('character device')
    const server = createServer()
    await new Promise<void>((listening) => server.listen(at('socket'), listening))
    expect(problem(at('socket')).message).to.contain('socket')
    await new Promise((closed) => server.close(closed))
  })

  it('are shown without what a terminal would obey', () => {
    expect(quoted('a\x1b[2Jb\nc\u202ed\x9b')).to.equal('"a\\u001b[2Jb\\nc\\u202ed\\u009b"')
    expect(quoted('/srv/naïve disk.img')).to.equal('"/srv/naïve disk.img"')
  })
})
