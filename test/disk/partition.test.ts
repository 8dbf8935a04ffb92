import { expect } from 'chai'
import { closeSync, copyFileSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from '../../src/bytes/crc32.js'
import { BootpackError } from '../../src/errors.js'
import { FileStore } from '../../src/storage/file-store.js'
import {
  choosePartition,
  partitionList,
  surveyPartitions,
  type SurveyedPartition,
} from '../../src/disk/partitions/choice.js'
import { PartitionStore } from '../../src/storage/partition-store.js'
import { readPartitionTable } from '../../src/disk/partitions/table.js'
import type { PartitionTable } from '../../src/disk/partitions/partition.js'
import { Random } from '../support/random.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'

const MiB = 1 << 20

async function tableOf(path: string, sectorSize?: number): Promise<PartitionTable | undefined> {
  const store = await FileStore.open(path)
  try {
    return await readPartitionTable(store, sectorSize)
  } finally {
    await store.close()
  }
}

async function failure(promise: Promise<unknown>): Promise<BootpackError> {
  try {
    await promise
  } catch (error) {
    expect(error).to.be.instanceOf(BootpackError)
    return error as BootpackError
  }
  throw new Error('it should have failed')
}

interface SfdiskAnswer {
  partitiontable: {
    label: string
    sectorsize: number
    partitions?: { node: string; start: number; size: number; type: string; name?: string }[]
  }
}

/** What sfdisk says of the same disk, in our words. */
function accordingToSfdisk(
  path: string,
): { number: number; start: number; size: number; type: string; name: string }[] {
  const { partitiontable: table } = JSON.parse(run('sfdisk', ['-J', path]).stdout) as SfdiskAnswer
  return (table.partitions ?? []).map((each) => ({
    number: Number(/\d+$/.exec(each.node)![0]),
    start: each.start * table.sectorsize,
    size: each.size * table.sectorsize,
    type: table.label === 'dos' ? `0x${each.type.padStart(2, '0')}` : each.type,
    name: each.name ?? '',
  }))
}

const bare = (table: PartitionTable | undefined): ReturnType<typeof accordingToSfdisk> =>
  (table?.partitions ?? []).map(({ number, start, size, type, name }) => ({ number, start, size, type, name }))

function makeDisk(path: string, size: number, script: string): void {
  writeFileSync(path, '')
  truncateSync(path, size)
  sfdisk(path, script)
}

/** Without telling the kernel, before which sfdisk would bring every disk of the machine up to date. */
function sfdisk(path: string, script: string): void {
  run('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', path], { input: script })
}

function poke(path: string, offset: number, bytes: Uint8Array | string): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.from(bytes), 0, bytes.length, offset)
  closeSync(file)
}

const u32 = (value: number): Uint8Array => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24)

describe('partition tables', () => {
  const folder = scratchFolder()
  const at = (name: string): string => join(folder.path, name)
  after(folder.remove)

  describe('of the MBR kind', () => {
    const gaps =
      'label: dos\n1 : size=1MiB, type=83\n3 : size=2MiB, type=82\n4 : type=5\n5 : size=1MiB, type=83\n6 : size=3MiB, type=8e\n7 : type=7\n'
    before(function () {
      needTools(this, 'sfdisk')
      makeDisk(at('mbr.img'), 32 * MiB, gaps)
    })

    it('are read with gaps in the numbers and logical partitions', async () => {
      const table = (await tableOf(at('mbr.img')))!
      expect(table).to.include({ scheme: 'mbr', sectorSize: 512 })
      expect(table.warnings).to.deep.equal([])
      expect(table.partitions.map((each) => each.number)).to.deep.equal([1, 3, 4, 5, 6, 7])
      expect(bare(table)).to.deep.equal(accordingToSfdisk(at('mbr.img')))
    })

    it('are read as sfdisk reads them, whatever it made', async function () {
      this.timeout(60_000)
      const seed = 20260807
      const random = new Random(seed)
      for (let round = 0; round < 25; round++) {
        const lines = ['label: dos']
        const primaries = random.below(4)
        for (let n = 0; n < primaries; n++)
          lines.push(`size=${1 + random.below(5)}MiB, type=${random.below(2) ? '83' : 'c'}`)
        const logicals = random.below(20)
        if (logicals > 0) lines.push('type=5')
        for (let n = 0; n < logicals; n++) lines.push(`size=${1 + random.below(4)}MiB, type=83`)
        if (lines.length === 1) continue
        makeDisk(at('random.img'), 160 * MiB, lines.join('\n') + '\n')
        expect(bare(await tableOf(at('random.img'))), `seed ${seed}, round ${round}`).to.deep.equal(
          accordingToSfdisk(at('random.img')),
        )
      }
    })

    it('end where the chain comes back to itself', async () => {
      copyFileSync(at('mbr.img'), at('loop.img'))
      const { partitions } = (await tableOf(at('mbr.img')))!
      const extended = partitions.find((each) => each.number === 4)!
      // The second chain sector stands before partition 6, its link is in the second slot.
      const second = partitions.find((each) => each.number === 6)!.start - MiB
      poke(at('loop.img'), second + 462 + 8, u32(0))
      const table = (await tableOf(at('loop.img')))!
      expect(table.partitions.map((each) => each.number)).to.deep.equal([1, 3, 4, 5, 6])
      expect(table.warnings[0]).to.contain(`back to sector ${extended.start / 512}`)
    })

    it('end where the chain leaves the disk or finds nothing', async () => {
      copyFileSync(at('mbr.img'), at('beyond.img'))
      const { partitions } = (await tableOf(at('mbr.img')))!
      const second = partitions.find((each) => each.number === 6)!.start - MiB
      poke(at('beyond.img'), second + 462 + 8, u32(0x7fffffff))
      const table = (await tableOf(at('beyond.img')))!
      expect(table.partitions).to.have.length(5)
      expect(table.warnings[0]).to.contain('beyond the end')
      copyFileSync(at('mbr.img'), at('wiped.img'))
      poke(at('wiped.img'), second + 510, Uint8Array.of(0, 0))
      expect((await tableOf(at('wiped.img')))!.warnings[0]).to.contain('no partition sector')
    })

    it('are not boot sectors of filesystems', async function () {
      needTools(this, 'mkfs.vfat')
      writeFileSync(at('fat.img'), '')
      truncateSync(at('fat.img'), 4 * MiB)
      run('mkfs.vfat', [at('fat.img')])
      expect(readFileSync(at('fat.img')).readUInt16LE(510)).to.equal(0xaa55)
      expect(await tableOf(at('fat.img'))).to.equal(undefined)
    })
  })

  describe('of the GPT kind', () => {
    const script =
      'label: gpt\n1 : size=1MiB, type=uefi, name="EFI"\n3 : size=4MiB, type=linux, name="naïve root"\n130 : size=1MiB, type=swap\n'
    before(function () {
      needTools(this, 'sfdisk')
      makeDisk(at('gpt.img'), 16 * MiB, script.replace('label: gpt', 'label: gpt\ntable-length: 200'))
    })

    it('are read with names and gaps', async () => {
      const table = (await tableOf(at('gpt.img')))!
      expect(table).to.include({ scheme: 'gpt', sectorSize: 512 })
      expect(table.warnings).to.deep.equal([])
      expect(bare(table)).to.deep.equal(accordingToSfdisk(at('gpt.img')))
      expect(table.partitions.map(({ number, typeName, name }) => [number, typeName, name])).to.deep.equal([
        [1, 'EFI system', 'EFI'],
        [3, 'Linux filesystem', 'naïve root'],
        [130, 'Linux swap', ''],
      ])
    })

    it('fall back to the copy at the end', async () => {
      for (const [name, offset] of [
        ['header', 512 + 57],
        ['entries', 1024 + 40],
        ['signature', 512],
      ] as const) {
        copyFileSync(at('gpt.img'), at('hurt.img'))
        poke(at('hurt.img'), offset, Uint8Array.of(0xa5))
        const table = (await tableOf(at('hurt.img')))!
        expect(bare(table), name).to.deep.equal(accordingToSfdisk(at('gpt.img')))
        expect(table.warnings, name).to.have.length(1)
        expect(table.warnings[0], name).to.contain('backup')
      }
    })

    it('are corrupt when both copies are', async () => {
      copyFileSync(at('gpt.img'), at('dead.img'))
      poke(at('dead.img'), 512 + 57, Uint8Array.of(0xa5))
      poke(at('dead.img'), 16 * MiB - 512 + 57, Uint8Array.of(0xa5))
      const error = await failure(tableOf(at('dead.img')))
      expect(error).to.include({ family: 'corrupt', exitCode: 6, structure: 'GPT header', number: 1 })
      expect(error.message).to.contain('checksum of the header')
    })

    it('do not lie about how much they list', async () => {
      for (const [field, value] of [
        [80, 0x7fffffff],
        [84, 4],
        [84, 0x40000000],
        [12, 0xffffffff],
        [12, 1],
      ] as const) {
        copyFileSync(at('gpt.img'), at('liar.img'))
        const header = readFileSync(at('gpt.img')).subarray(512, 1024)
        header.writeUInt32LE(value, field)
        header.writeUInt32LE(0, 16)
        header.writeUInt32LE(crc32(header.subarray(0, 92)), 16)
        poke(at('liar.img'), 512, header)
        const table = (await tableOf(at('liar.img')))!
        expect(bare(table), `${field}`).to.deep.equal(accordingToSfdisk(at('gpt.img')))
        expect(table.warnings[0], `${field}`).to.contain('backup')
      }
    })

    it('count in the sectors of the disk', async function () {
      needLoopMounts(this)
      writeFileSync(at('wide.img'), '')
      truncateSync(at('wide.img'), 16 * MiB)
      const device = run('losetup', ['-f', '--show', '--sector-size', '4096', at('wide.img')]).stdout.trim()
      try {
        sfdisk(device, 'label: gpt\n1 : size=4MiB, name="wide"\n5 : size=2MiB\n')
        const expected = accordingToSfdisk(device)
        expect(expected).to.have.length(2)
        expect(bare(await tableOf(device, 4096))).to.deep.equal(expected)
        run('sync', [device])
        const table = await tableOf(at('wide.img'))
        expect(table).to.include({ scheme: 'gpt', sectorSize: 4096 })
        expect(bare(table)).to.deep.equal(expected)
      } finally {
        run('losetup', ['-d', device])
      }
    })

    it('are what gdisk makes, too', async function () {
      needTools(this, 'sgdisk')
      writeFileSync(at('sgdisk.img'), '')
      truncateSync(at('sgdisk.img'), 16 * MiB)
      run('sgdisk', ['-n', '2:0:+3M', '-t', '2:8304', '-c', '2:root', '-h', '2', at('sgdisk.img')])
      const table = (await tableOf(at('sgdisk.img')))!
      expect(table.scheme).to.equal('gpt')
      expect(table.partitions).to.have.length(1)
      expect(table.partitions[0]).to.include({
        number: 2,
        start: MiB,
        size: 3 * MiB,
        name: 'root',
        typeName: 'Linux root (x86-64)',
      })
    })
  })

  it('are none in nothing, in zeros, in noise', async () => {
    writeFileSync(at('empty'), '')
    writeFileSync(at('short'), Buffer.alloc(511, 0xaa))
    writeFileSync(at('zeros'), Buffer.alloc(MiB))
    const noise = Buffer.alloc(MiB, 0xe7)
    noise.writeUInt16LE(0xaa55, 510)
    writeFileSync(at('noise'), noise)
    for (const name of ['empty', 'short', 'zeros', 'noise']) expect(await tableOf(at(name)), name).to.equal(undefined)
  })

  it('survive any damage with a typed error at most', async function () {
    needTools(this, 'sfdisk')
    this.timeout(60_000)
    const seed = 7
    const random = new Random(seed)
    makeDisk(
      at('mbr.img'),
      8 * MiB,
      'label: dos\n1 : size=1MiB\n4 : type=5\n5 : size=1MiB\n6 : size=1MiB\n7 : size=1MiB\n',
    )
    makeDisk(at('gpt.img'), 4 * MiB, 'label: gpt\n1 : size=1MiB\n3 : size=1MiB\n')
    for (const name of ['mbr.img', 'gpt.img']) {
      const good = readFileSync(at(name))
      const places =
        name === 'mbr.img'
          ? (await tableOf(at(name)))!.partitions
              .filter((each) => each.number > 4)
              .map((each) => each.start - MiB)
              .concat(0)
          : [0, 512, 1024, good.length - 512]
      for (let round = 0; round < 300; round++) {
        for (let n = 1 + random.below(6); n > 0; n--) {
          const offset = random.pick(places) + (random.chance(0.5) ? 440 + random.below(70) : random.below(512))
          poke(at(name), offset, Uint8Array.of(random.below(256)))
        }
        try {
          const table = await tableOf(at(name))
          expect(table?.partitions.length ?? 0, `seed ${seed}, ${name}, round ${round}`).to.be.at.most(256)
        } catch (error) {
          expect(error, `seed ${seed}, ${name}, round ${round}: ${String(error)}`).to.be.instanceOf(BootpackError)
          expect((error as BootpackError).family).to.equal('corrupt')
        }
        for (const place of places) poke(at(name), place, good.subarray(place, place + 512))
      }
    }
  })
})

describe('choosing a partition', () => {
  const folder = scratchFolder()
  const path = join(folder.path, 'disk.img')
  let partitions: SurveyedPartition[]
  before(async function () {
    needTools(this, 'sfdisk', 'mke2fs', 'mkswap')
    makeDisk(
      path,
      64 * MiB,
      'label: gpt\n1 : size=1MiB, type=uefi\n2 : size=8MiB, name="system"\n3 : size=8MiB\n4 : size=8MiB, type=swap\n5 : size=8MiB\n6 : size=8MiB\n',
    )
    const start = (await tableOf(path))!.partitions.map((each) => each.start)
    run('mke2fs', ['-q', '-F', '-t', 'ext4', '-L', 'root', '-E', `offset=${start[1]}`, path, '8M'])
    run('mke2fs', ['-q', '-F', '-t', 'ext3', '-E', `offset=${start[2]}`, path, '8M'])
    const other = join(folder.path, 'other.img')
    for (const [command, args, index] of [
      ['mkswap', [], 3],
      ['mke2fs', ['-q', '-F', '-O', 'journal_dev'], 4],
    ] as const) {
      writeFileSync(other, '')
      truncateSync(other, 8 * MiB)
      run(command, [...args, other])
      poke(path, start[index]!, readFileSync(other))
    }
    const store = await FileStore.open(path)
    partitions = await surveyPartitions(store, (await readPartitionTable(store))!)
    await store.close()
  })
  after(folder.remove)

  it('looks what each holds', () => {
    expect(partitions.map(({ number, holds, label, ext }) => [number, holds, label, ext])).to.deep.equal([
      [1, '', '', false],
      [2, 'ext4', 'root', true],
      [3, 'ext3', '', true],
      [4, 'swap', '', false],
      [5, 'journal', '', false],
      [6, '', '', false],
    ])
  })

  it('takes the one that is named', () => {
    expect(choosePartition(partitions, 3, path).number).to.equal(3)
  })

  it('takes the only one with ext4', () => {
    expect(
      choosePartition(
        partitions.filter((each) => each.number !== 3),
        undefined,
        path,
      ).number,
    ).to.equal(2)
  })

  it('else shows a list', () => {
    const asked = (action: () => unknown): BootpackError => {
      try {
        action()
      } catch (error) {
        return error as BootpackError
      }
      throw new Error('it should have failed')
    }
    const many = asked(() => choosePartition(partitions, undefined, path))
    expect(many).to.include({ code: 'choose-partition', exitCode: 2 })
    expect(many.next).to.match(/^ +2 +2097152 +8 MiB +ext4 +root +Linux filesystem/m)
    expect(many.next).to.match(/^ +4 +18874368 +8 MiB +swap +- +Linux swap/m)
    expect(asked(() => choosePartition(partitions, 9, path))).to.include({ code: 'no-such-partition', exitCode: 2 })
    expect(
      asked(() =>
        choosePartition(
          partitions.filter((each) => !each.ext),
          undefined,
          path,
        ),
      ),
    ).to.include({ code: 'no-ext4-partition' })
    expect(asked(() => choosePartition([], undefined, path))).to.include({ code: 'no-partitions' })
  })

  it('shows no label as it is to a terminal', () => {
    const hostile = { ...partitions[1]!, label: 'a\x1b[31mb\nc\u202e' }
    expect(partitionList([hostile]))
      .to.contain('a?[31mb?c?')
      .and.not.contain('\x1b')
  })
})

describe('a partition as a store', () => {
  const folder = scratchFolder()
  after(folder.remove)

  it('reaches its own bytes and no others', async () => {
    const path = join(folder.path, 'disk')
    writeFileSync(path, 'before|inside|after')
    const below = await FileStore.open(path, { writable: true })
    const store = new PartitionStore(below, 7, 6)
    const buffer = new Uint8Array(6)
    await store.read(0, buffer)
    expect(Buffer.from(buffer).toString()).to.equal('inside')
    await store.write(2, Buffer.from('XY'))
    for (const bad of [
      () => store.read(1, buffer),
      () => store.read(-1, new Uint8Array(1)),
      () => store.write(6, Buffer.from('!')),
      () => store.read(Number.NaN, buffer),
    ]) {
      expect((await failure(bad())).family).to.equal('io')
    }
    await store.close()
    expect(readFileSync(path, 'utf8')).to.equal('before|inXYde|after')
  })
})
