import { expect } from 'chai'
import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { countersOf, useOfBoot } from '../../src/boots/disk-counters.js'
import type { BootFigures } from '../../src/boots/figures.js'
import { layoutAt } from '../../src/boots/note-boot.js'
import { boots, readNotes, removeNotes, writeNote } from '../../src/boots/notes.js'
import { timesFrom } from '../../src/boots/systemd-times.js'
import { PinnedRoot } from '../../src/collect/setup/pinned-root.js'
import { scratchFolder } from '../support/tools.js'

const figures = (n: number): BootFigures => ({
  version: 1,
  bootId: `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`,
  started: new Date(1.7e12 + n * 1e7).toISOString(),
  kernel: '6.1.0',
  layout: { packed: false, preload: false },
})

describe('the times of a boot', () => {
  const manager = (firmware: number, loader: number, initrd: number, userspace: number): string =>
    `FirmwareTimestampMonotonic=${firmware}\nLoaderTimestampMonotonic=${loader}\nInitRDTimestampMonotonic=${initrd}\nUserspaceTimestampMonotonic=${userspace}\n`

  it('are those of systemd-analyze', () => {
    expect(
      timesFrom(manager(9_000_000, 4_000_000, 2_500_000, 7_500_000), 'ActiveEnterTimestampMonotonic=27500000\n'),
    ).to.deep.equal({ firmware: 5000, loader: 4000, kernel: 2500, initrd: 5000, userspace: 20_000 })
  })

  it('leave out what there was not', () => {
    expect(timesFrom(manager(0, 0, 0, 3_000_000), 'ActiveEnterTimestampMonotonic=0\n')).to.deep.equal({ kernel: 3000 })
    expect(timesFrom('', '')).to.equal(undefined)
  })
})

describe("the disk's counters", () => {
  const line = ' 254       1 vda1 2206 15 165432 12000 3 0 24 5 0 9000 12005 0 0 0 0'

  it('are read from /proc/diskstats, and from what an environment variable holds of it', () => {
    const expected = { requests: 2206, bytes: 165432 * 512, busyMs: 9000 }
    expect(countersOf(`7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n${line}\n`, '254:1')).to.deep.equal(expected)
    expect(countersOf(`7 0 loop0 1 1 1 1 1 1 1 1 1 1 1;${line.trim()};`, '254:1')).to.deep.equal(expected)
    expect(countersOf(line, '254:2')).to.equal(undefined)
  })

  it('do not count loading the recorder', () => {
    const use = (n: number): { requests: number; bytes: number; busyMs: number } => ({
      requests: n,
      bytes: n * 10,
      busyMs: n * 2,
    })
    expect(useOfBoot(use(100), use(130), use(200))).to.deep.equal(use(170))
    expect(useOfBoot(undefined, use(130), use(200))).to.deep.equal(use(200))
  })
})

describe('the notes of boots', () => {
  it('are for their owner alone, in the order of time, and pass over what is none', () => {
    const folder = scratchFolder()
    const root = PinnedRoot.open(folder.path)
    try {
      for (const n of [2, 1]) writeNote(root, figures(n))
      const place = join(folder.path, boots)
      expect(statSync(join(place, `${figures(1).bootId}.json`)).mode & 0o777).to.equal(0o600)
      writeFileSync(join(place, `${figures(3).bootId}.json`), '{"version":1}')
      writeFileSync(join(place, 'else.json'), '{}')
      expect(readNotes(root)).to.deep.equal([figures(1), figures(2)])
      expect(removeNotes(root, [figures(1).bootId])).to.deep.equal([`/${boots}/${figures(1).bootId}.json`])
      expect(readNotes(root)).to.deep.equal([figures(2)])
    } finally {
      root.close()
      folder.remove()
    }
  })

  it('keep the last few hundred', () => {
    const folder = scratchFolder()
    const root = PinnedRoot.open(folder.path)
    try {
      mkdirSync(join(folder.path, boots), { recursive: true })
      for (let n = 0; n < 400; n++)
        writeFileSync(join(folder.path, boots, `${figures(n).bootId}.json`), JSON.stringify(figures(n)))
      writeNote(root, figures(400))
      expect(readNotes(root)).to.have.length(400)
      expect(readNotes(root)[0]).to.deep.equal(figures(1))
    } finally {
      root.close()
      folder.remove()
    }
  })
})

describe('the layout a machine was started with', () => {
  it('is packed when the plan is older than the boot, until it is undone', () => {
    const folder = scratchFolder()
    try {
      const started = new Date(1.7e12)
      const put = (path: string, when: number, text = ''): void => {
        mkdirSync(join(folder.path, path, '..'), { recursive: true })
        writeFileSync(join(folder.path, path), text)
        utimesSync(join(folder.path, path), when / 1000, when / 1000)
      }
      expect(layoutAt(started, folder.path)).to.deep.equal({ packed: false, preload: false })
      put('var/lib/bootpack/packed.plan', 1.7e12 - 5000)
      put('etc/bootpack/preload.list', 1.7e12 + 5000)
      expect(layoutAt(started, folder.path)).to.deep.equal({ packed: true, preload: false })
      put('var/lib/bootpack/shutdown/outcome.json', 0, '{"version":1,"command":"undo","kind":"done"}')
      expect(layoutAt(started, folder.path)).to.deep.equal({ packed: false, preload: false })
    } finally {
      folder.remove()
    }
  })
})
