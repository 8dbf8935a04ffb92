import { expect } from 'chai'
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '../../../test/support/random.js'
import { needTools } from '../../../test/support/tools.js'
import { ByteReader } from '../src/nbd/byte-reader.js'
import { runBeside } from './support/run.js'
import { serveDisk, type ServedDisk } from './support/served-disk.js'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
const seed = 4711
const random = new Random(seed)
const image = Buffer.from(Array.from({ length: 1_000_000 }, () => random.below(256)))
/** Whole sectors of it. */
const size = Math.floor(image.length / 512) * 512

class Client {
  readonly reader: ByteReader
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    this.reader = new ByteReader(socket)
  }

  static async connect(disk: ServedDisk): Promise<Client> {
    const socket = createConnection(disk.socket)
    await once(socket, 'connect')
    return new Client(socket)
  }

  send(text: string): void {
    this.socket.write(hex(text))
  }

  async receives(text: string, what: string): Promise<void> {
    const expected = hex(text)
    const got = await this.reader.take(expected.length)
    expect(got?.toString('hex'), what).to.equal(expected.toString('hex'))
  }

  async cutOff(): Promise<void> {
    expect(await this.reader.take(1), 'cut off').to.equal(undefined)
  }

  /** Negotiated, ready to read and write. */
  async ready(): Promise<this> {
    await this.receives('4e42444d41474943 49484156454f5054 0003', 'greeting')
    this.send('00000003 49484156454f5054 00000001 00000000')
    await this.receives(`${size.toString(16).padStart(16, '0')} 000d`, 'size and flags')
    return this
  }
}

describe('the NBD server', () => {
  let disk: ServedDisk
  beforeEach(async () => {
    disk = await serveDisk(image, { writeLimit: 300_000 })
  })
  afterEach(() => disk.close())

  describe('speaks the protocol, byte by byte', () => {
    it('of the old way to negotiate, with and without zeroes', async () => {
      const modern = await (await Client.connect(disk)).ready()
      modern.socket.destroy()
      const client = await Client.connect(disk)
      await client.receives('4e42444d41474943 49484156454f5054 0003', 'greeting')
      client.send('00000001 49484156454f5054 00000001 00000000')
      await client.receives(`00000000000f4200 000d ${'00'.repeat(124)}`, 'size, flags, zeroes')
      client.socket.destroy()
    })

    it('of the new way: unknown options, other exports, information, go', async () => {
      const client = await Client.connect(disk)
      await client.receives('4e42444d41474943 49484156454f5054 0003', 'greeting')
      // NBD_OPT_STRUCTURED_REPLY
      client.send('00000003 49484156454f5054 00000008 00000000')
      await client.receives('0003e889045565a9 00000008 80000001 00000000', 'unsupported')
      client.send('49484156454f5054 00000003 00000000')
      await client.receives(
        '0003e889045565a9 00000003 00000002 00000004 00000000 0003e889045565a9 00000003 00000001 00000000',
        'list',
      )
      client.send('49484156454f5054 00000006 00000009 00000003 666f6f 0000')
      await client.receives('0003e889045565a9 00000006 80000006 00000000', 'no export "foo"')
      client.send('49484156454f5054 00000006 00000006 000000ff 0000')
      await client.receives('0003e889045565a9 00000006 80000003 00000000', 'a name longer than the option')
      // NBD_OPT_GO that asks for the block sizes.
      client.send('49484156454f5054 00000007 00000008 00000000 0001 0003')
      await client.receives('0003e889045565a9 00000007 00000003 0000000c 0000 00000000000f4200 000d', 'size and flags')
      await client.receives(
        '0003e889045565a9 00000007 00000003 0000000e 0003 00000001 00001000 02000000',
        'block sizes',
      )
      await client.receives('0003e889045565a9 00000007 00000001 00000000', 'acknowledged')
      client.send('25609513 0000 0000 1122334455667788 0000000000000200 00000010')
      await client.receives(`67446698 00000000 1122334455667788 ${image.subarray(512, 528).toString('hex')}`, 'a read')
      client.socket.destroy()
    })

    it('of leaving while negotiating', async () => {
      const client = await Client.connect(disk)
      await client.receives('4e42444d41474943 49484156454f5054 0003', 'greeting')
      client.send('00000003 49484156454f5054 00000002 00000000')
      await client.receives('0003e889045565a9 00000002 00000001 00000000', 'acknowledged')
      await client.cutOff()
    })
  })

  it('says what it cannot do and goes on', async () => {
    const client = await (await Client.connect(disk)).ready()
    client.send('25609513 0000 0000 00000000000000a1 00000000000f4000 00000400')
    await client.receives('67446698 00000016 00000000000000a1', 'a read beyond the end')
    client.send('25609513 0000 0000 00000000000000a2 ffffffffffffff00 00000400')
    await client.receives('67446698 00000016 00000000000000a2', 'a read beyond all numbers')
    client.send('25609513 0000 0000 00000000000000a3 0000000000000000 ffffffff')
    await client.receives('67446698 00000016 00000000000000a3', 'a read of 4 GiB')
    client.send('25609513 0000 0001 00000000000000a4 00000000000f41ff 00000002 abcd')
    await client.receives('67446698 0000001c 00000000000000a4', 'a write beyond the end')
    client.send('25609513 0000 0006 00000000000000a5 0000000000000000 00001000')
    await client.receives('67446698 0000005f 00000000000000a5', 'write zeroes')
    client.send('25609513 0000 0003 00000000000000a6 0000000000000000 00000000')
    await client.receives('67446698 00000000 00000000000000a6', 'a flush')
    client.socket.destroy()
  })

  it('refuses what would take too much memory, and keeps what it has', async () => {
    const client = await (await Client.connect(disk)).ready()
    client.send(`25609513 0000 0001 00000000000000b1 0000000000000000 00040000 ${'11'.repeat(0x40000)}`)
    await client.receives('67446698 00000000 00000000000000b1', '256 KiB')
    client.send(`25609513 0000 0001 00000000000000b2 0000000000040000 00040000 ${'22'.repeat(0x40000)}`)
    await client.receives('67446698 0000001c 00000000000000b2', '256 KiB more')
    client.send('25609513 0000 0000 00000000000000b3 000000000003fffe 00000004')
    await client.receives(
      `67446698 00000000 00000000000000b3 1111 ${image.subarray(0x40000, 0x40002).toString('hex')}`,
      'the border',
    )
    client.socket.destroy()
  })

  it('cuts off who breaks the protocol, and serves the next', async () => {
    for (const [what, bytes] of [
      ['no magic in an option', '00000003 1122334455667788 00000001 00000000'],
      ['an option of 1 MiB', '00000003 49484156454f5054 00000007 00100000'],
      ['a client of the oldest kind', '00000000'],
      ['an export with a name', '00000003 49484156454f5054 00000001 00000003 666f6f'],
    ] as const) {
      const client = await Client.connect(disk)
      await client.receives('4e42444d41474943 49484156454f5054 0003', 'greeting')
      client.send(bytes)
      await client.cutOff().catch((error: unknown) => {
        throw new Error(what, { cause: error })
      })
    }
    for (const bytes of [
      '11111111 0000 0000 0000000000000001 0000000000000000 00000200',
      '25609513 0000 0001 0000000000000001 0000000000000000 7fffffff',
      '25609513 0000 0002 0000000000000000 0000000000000000 00000000',
    ]) {
      const client = await (await Client.connect(disk)).ready()
      client.send(bytes)
      await client.cutOff()
    }
    const client = await (await Client.connect(disk)).ready()
    client.send('25609513 0000 0000 0000000000000001 0000000000000000 00000001')
    await client.receives(`67446698 00000000 0000000000000001 ${image.subarray(0, 1).toString('hex')}`, 'still there')
    client.socket.destroy()
  })

  it('answers many reads at once, in whatever order they are done', async () => {
    const slow = await serveDisk(image, { scale: 0.05 })
    const client = await (await Client.connect(slow)).ready()
    const reads = Array.from({ length: 400 }, (_, id) => ({
      id,
      offset: random.below(size - 9000),
      length: random.between(1, 9000),
    }))
    for (const { id, offset, length } of reads)
      client.send(
        `25609513 0000 0000 ${id.toString(16).padStart(16, '0')} ${offset.toString(16).padStart(16, '0')} ${length.toString(16).padStart(8, '0')}`,
      )
    const order: number[] = []
    for (let i = 0; i < reads.length; i++) {
      const header = await client.reader.take(16)
      const { id, offset, length } = reads[Number(header!.readBigUInt64BE(8))]!
      expect(header!.readUInt32BE(4)).to.equal(0)
      expect(
        (await client.reader.take(length))!.equals(image.subarray(offset, offset + length)),
        `seed ${seed}, read ${id}`,
      ).to.equal(true)
      order.push(id)
    }
    expect([...order].sort((a, b) => a - b)).to.deep.equal(reads.map(({ id }) => id))
    expect(order, 'the head chooses').to.not.deep.equal(reads.map(({ id }) => id))
    client.socket.destroy()
    await slow.close()
  })

  it('is believed by qemu-img and qemu-io', async function () {
    needTools(this, 'qemu-img', 'qemu-io')
    const folder = mkdtempSync(join(tmpdir(), 'bootpack-test-nbd-'))
    const big = await serveDisk(image)
    try {
      const facts = JSON.parse(await runBeside('qemu-img', ['info', '--output=json', '-f', 'raw', big.url])) as {
        'virtual-size': number
      }
      expect(facts['virtual-size']).to.equal(size)
      writeFileSync(join(folder, 'original'), image.subarray(0, size))
      await runBeside('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', big.url, join(folder, 'original')])

      // qemu-io writes patterns and checks them itself; odd places, so that pages are written in part.
      const commands = [
        'write -P 17 1024 512',
        'write -P 34 3584 9216',
        'write -P 51 999424 512',
        'flush',
        'read -P 17 1024 512',
        'read -P 34 3584 9216',
        'read -P 51 999424 512',
      ]
      const said = await runBeside('qemu-io', ['-f', 'raw', ...commands.flatMap((command) => ['-c', command]), big.url])
      expect(said).to.not.match(/verification failed|error/i)
      const after = Buffer.from(image.subarray(0, size))
      after.fill(17, 1024, 1536).fill(34, 3584, 12800).fill(51, 999424, 999936)
      await runBeside('qemu-img', ['convert', '-f', 'raw', '-O', 'raw', big.url, join(folder, 'copy')])
      expect(readFileSync(join(folder, 'copy')).equals(after)).to.equal(true)
      expect(
        big.log.requests.filter(({ write }) => write).map(({ offset, length }) => [offset, length]),
      ).to.deep.include.members([
        [3584, 9216],
        [999424, 512],
      ])
    } finally {
      await big.close()
      rmSync(folder, { recursive: true })
    }
  })
})
