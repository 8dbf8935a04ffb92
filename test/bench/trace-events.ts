/**
 * Makes the text of a kernel trace of any length: a boot-like mixture of pages
 * entering the cache (runs of neighbouring pages, some in large folios, many seen
 * before), pages of the block device, requests, and now and then a damaged line.
 * The same seed gives the same bytes.
 */

export interface EventRecipe {
  readonly events: number
  readonly seed?: number
  readonly inodes?: number
  /** One damaged line in so many; 0 for none. */
  readonly damage?: number
}

/** Park and Miller's generator: enough to scatter, and the same everywhere. */
function random(seed: number): () => number {
  let state = seed % 2147483647 || 1
  return () => (state = (state * 48271) % 2147483647) / 2147483647
}

const commands = ['systemd-1', 'insmod-87', 'rs:main Q:Reg-216', '(agetty)-431', 'kworker/0:1H-36', 'python3-512']

export function* traceEvents({ events, seed = 1, inodes = 20_000, damage = 100_000 }: EventRecipe): Generator<string> {
  const next = random(seed)
  const below = (limit: number): number => Math.floor(next() * limit)
  yield `# tracer: nop\n#\n# entries-in-buffer/entries-written: ${events}/${events}   #P:2\n#\n`
  let piece = ''
  let micros = 2_000_000
  let made = 0
  while (made < events) {
    const command = commands[below(commands.length)]!.padStart(20)
    const onDevice = next() < 0.06
    const inode = onDevice ? 'fe00000' : (100 + Math.floor(next() ** 3 * inodes)).toString(16)
    const dev = onDevice ? '0:3' : next() < 0.02 ? '254:16' : '254:0'
    const order = next() < 0.1 ? below(5) : 0
    let page = onDevice ? below(500_000) : below(64)
    for (let left = 1 + below(onDevice ? 32 : 64); left > 0 && made < events; left--) {
      micros += 3
      const time = `${Math.floor(micros / 1e6)}.${(micros % 1e6).toString().padStart(6, '0')}`
      piece += `${command}   [00${made & 1}] .....  ${time}: mm_filemap_add_to_page_cache: dev ${dev} ino ${inode} pfn=0x${(made & 0xfffff).toString(16)} ofs=${page * 4096} order=${order}\n`
      page += 1 << order
      made++
      if (damage > 0 && made % damage === 0) piece += '    kworker/0:1H-36  [000] .....  2.0\u0007\n'
      if (next() < 0.1 && made < events) {
        piece += `    kworker/0:1H-36      [000] .....  ${time}: block_rq_issue: 254,0 RA 4096 () ${below(4_000_000) * 8} + 8 [kworker/0:1H]\n`
        made++
      }
    }
    if (piece.length > 1 << 20) {
      yield piece
      piece = ''
    }
  }
  yield piece
}
