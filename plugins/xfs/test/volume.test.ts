/** The engine behind the Volume contract: what it tells, and where it puts blocks. */
import { closeSync, mkdirSync, openSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { packVolume } from 'bootpack'
import { blockRun, fileBlock, fsBlock, type Move, type MoveOutcome } from 'bootpack/engine'
import { Random } from '../../../test/support/random.js'
import {
  bmapCount,
  contentsBelow,
  growInTurns,
  needXfs,
  xfsBmap,
  xfsMount,
  type XfsMount,
} from '../../../test/support/xfs-mount.js'
import { run } from '../../../test/support/tools.js'
import { xfsEngine } from '../src/engine/provider.js'
import { XfsVolume } from '../src/engine/xfs-volume.js'
import { mountOf } from '../src/filesystem/mounts.js'

async function collect(outcomes: AsyncIterable<MoveOutcome>): Promise<MoveOutcome[]> {
  const all: MoveOutcome[] = []
  for await (const outcome of outcomes) all.push(outcome)
  return all
}

for (const { rmapbt, exchange } of [
  { rmapbt: false, exchange: false },
  { rmapbt: true, exchange: false },
  { rmapbt: false, exchange: true },
]) {
  describe(`xfs-live, ${rmapbt ? 'with' : 'without'} rmapbt, ${exchange ? 'with' : 'without'} exchange`, () => {
    let mount: XfsMount
    let volume: XfsVolume
    // The same each time: where XFS puts its own blocks decides whether all of a run can be had.
    const seed = Number(process.env['SEED'] ?? 1)
    const path = (name: string): string => join(mount.path, 'tree', name)

    before(async function () {
      needXfs(this)
      mount = xfsMount({ rmapbt, exchange })
      growInTurns(join(mount.path, 'tree'), 30, new Random(seed), 6)
      symlinkSync('/tree', join(mount.path, 'link'))
      mkdirSync(join(mount.path, 'tree', 'folder'))
      symlinkSync('../file-1', path('folder/up'))
      volume = await XfsVolume.open(mountOf(mount.path)!, true)
    })
    after(async () => {
      await volume?.close()
      mount?.check()
      mount?.remove()
    })

    it('claims what is on XFS and nothing else', async () => {
      const target = (
        given: string,
        kind: 'directory' | 'block-device' | 'file',
      ): Parameters<typeof xfsEngine.claim>[0] => ({ given, path: given, kind })
      expect(await xfsEngine.claim(target(mount.path, 'directory'))).to.equal(3)
      expect(await xfsEngine.claim(target(mount.device, 'block-device'))).to.equal(3)
      expect(await xfsEngine.claim(target('/proc', 'directory'))).to.equal(undefined)
      expect(await xfsEngine.claim(target('/dev/nothing', 'block-device'))).to.equal(undefined)
    })

    it('finds files by path, through links and by number, with the extents xfs_bmap prints', async () => {
      const found = (await volume.lookup('/link/folder/up'))!
      const { ino } = statSync(path('file-1'))
      expect(found.file).to.include({
        inode: ino,
        path: '/tree/file-1',
        type: 'regular',
        size: statSync(path('file-1')).size,
      })
      expect(found.through).to.include(statSync(path('folder')).ino)
      expect(await volume.byInode(ino)).to.deep.include({ inode: ino, type: 'regular', links: 1 })
      expect(await volume.byInode(987_654_321)).to.equal(undefined)
      expect(await volume.lookup('/tree/none')).to.equal(undefined)
      expect([...(await volume.paths([ino]))]).to.deep.equal([[ino, '/tree/file-1']])
      const extents = await volume.extents(found.file)
      expect(
        extents.map(({ logical, physical, length }) => [logical * 8, (logical + length) * 8 - 1, physical * 8]),
      ).to.deep.equal(
        xfsBmap(path('file-1'))
          .filter(({ start }) => start !== undefined)
          .map(({ from, to, start }) => [from, to, start]),
      )
    })

    it('accounts for every block once, with the owners the files themselves name', async () => {
      const { blockCount } = volume.geometry()
      const runs = [
        ...(await volume.owners(blockRun(0, blockCount))),
        ...(await volume.freeRuns(fsBlock(0), fsBlock(blockCount))).map((free) => ({
          ...free,
          kind: 'free',
          inode: 0,
          logical: 0,
        })),
      ].sort((a, b) => a.start - b.start)
      let end = 0
      for (const run of runs) {
        expect(run.start, `seed ${seed}`).to.equal(end)
        end += run.length
      }
      expect(end).to.equal(blockCount)
      for (const name of readdirSync(join(mount.path, 'tree')).filter((each) => each.startsWith('file'))) {
        const { ino } = statSync(path(name))
        const mine = runs
          .filter(({ kind, inode }) => kind === 'data' && inode === ino)
          .map(({ start, length, logical }) => [logical * 8, (logical + length) * 8 - 1, start * 8])
          .sort((a, b) => a[0]! - b[0]!)
        expect(mine, name).to.deep.equal(
          xfsBmap(path(name))
            .filter(({ start }) => start !== undefined)
            .map(({ from, to, start }) => [from, to, start]),
        )
      }
    })

    it('a target in use and a part of a file are skipped with a reason, and nothing moves', async () => {
      const file = (await volume.lookup('/tree/file-2'))!.file
      const other = (await volume.extents((await volume.lookup('/tree/file-3'))!.file))[0]!
      const extents = await volume.extents(file)
      const before = xfsBmap(path('file-2'))
      const onto: Move[] = extents.map(({ logical, physical, length }) => ({
        inode: file.inode,
        kind: 'data',
        logical,
        length,
        from: physical,
        to: other.physical,
      }))
      const outcomes = await collect(
        volume.relocate(
          onto.map((move) => ({ ...move, to: fsBlock(other.physical + move.logical) })),
          { reserved: [] },
        ),
      )
      expect(outcomes.every(({ status, reason }) => status === 'skipped' && reason !== undefined)).to.equal(true)
      if (!exchange) {
        const first = extents[0]!
        const free = (await volume.freeRuns(fsBlock(0), fsBlock(volume.geometry().blockCount))).find(
          ({ length }) => length > 500,
        )!
        const [part] = await collect(
          volume.relocate(
            [
              {
                inode: file.inode,
                kind: 'data',
                logical: fileBlock(0),
                length: first.length,
                from: first.physical,
                to: free.start,
              },
            ],
            { reserved: [] },
          ),
        )
        expect(part!.status).to.equal('skipped')
        expect(part!.reason).to.equal('not-accepted')
        expect(part!.detail).to.contain('whole files only')
      }
      expect(xfsBmap(path('file-2'))).to.deep.equal(before)
    })

    if (exchange) {
      it('with exchange a part of a file moves by itself, to the exact block', async () => {
        const file = (await volume.lookup('/tree/file-4'))!.file
        const first = (await volume.extents(file))[0]!
        const free = (await volume.freeRuns(fsBlock(0), fsBlock(volume.geometry().blockCount)))
          .filter(({ length }) => length > 500)
          .at(-1)!
        const contents = contentsBelow(mount.path)
        const to = fsBlock(free.start + 123)
        const [outcome] = await collect(
          volume.relocate(
            [
              {
                inode: file.inode,
                kind: 'data',
                logical: first.logical,
                length: first.length,
                from: first.physical,
                to,
              },
            ],
            { reserved: [] },
          ),
        )
        expect(outcome!.status, outcome!.reason).to.equal('moved')
        expect(xfsBmap(path('file-4'))[0]!.start).to.equal(to * 8)
        expect(contentsBelow(mount.path)).to.deep.equal(contents)
      })
    }

    it('packs files into one run in the order they are read, to the block', async () => {
      const contents = contentsBelow(mount.path)
      const random = new Random(seed)
      const names = random
        .shuffled(readdirSync(join(mount.path, 'tree')).filter((each) => each.startsWith('file')))
        .slice(0, 12)
      const stats = names.map((name) => statSync(path(name), { bigint: true }))
      const result = await packVolume(
        volume,
        names.map((name) => ({ path: `/tree/${name}`, kind: 'data' as const, off: 0 })),
        {
          target: mount.path,
          directory: '/tree',
          evict: false,
          metadata: true,
          dryRun: false,
          force: false,
        },
      )
      const text = JSON.stringify(result.applied)
      expect(result.applied, text).to.include({ complete: true, interrupted: false })
      expect(result.after, text).to.include({ seeks: 0, seekDistanceBlocks: 0 })
      let next: number | undefined
      for (const name of names) {
        expect(bmapCount(path(name)), name).to.equal(1)
        const [only] = xfsBmap(path(name))
        if (next !== undefined) expect(only!.start, `seed ${seed}: ${name}`).to.equal(next)
        next = only!.start! + only!.to + 1
      }
      expect(contentsBelow(mount.path)).to.deep.equal(contents)
      names.forEach((name, i) => {
        const now = statSync(path(name), { bigint: true })
        for (const field of ['mtimeNs', 'ctimeNs', 'mode', 'uid', 'size'] as const)
          expect(now[field], `${name} ${field}`).to.equal(stats[i]![field])
      })
      expect(readdirSync(mount.path).sort()).to.deep.equal(['link', 'tree'])
      const again = await packVolume(
        volume,
        names.map((name) => ({ path: `/tree/${name}`, kind: 'data' as const, off: 0 })),
        {
          target: mount.path,
          directory: '/tree',
          evict: false,
          metadata: true,
          dryRun: false,
          force: false,
        },
      )
      expect(again.worthwhile).to.equal(false)
    })

    it('refuses to move blocks when it was opened for looking', async () => {
      const reader = await XfsVolume.open(mountOf(mount.path)!, false)
      try {
        let failed: unknown
        await collect(reader.relocate([], { reserved: [] })).catch((error: unknown) => {
          failed = error
        })
        expect(failed).to.have.property('code', 'opened-for-reading')
      } finally {
        await reader.close()
      }
      closeSync(openSync(path('file-1'), 'r'))
      run('sync', ['-f', mount.path])
    })
  })
}
