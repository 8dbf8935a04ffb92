import { expect } from 'chai'
import { ownTasks, startTime, TaskFilter } from '../../src/collect/own-tasks.js'
import { Random } from '../support/random.js'

/** As the kernel prints it: name in 16 columns, dash, id in 7. */
const line = (name: string, task: number): string =>
  `${name.padStart(16)}-${String(task).padEnd(7)} [000] .....  5178.675216: mm_filemap_add_to_page_cache: dev 254:0 ino 3f85d pfn=0x2b47f4 ofs=12288 order=0\n`

const filtered = (
  text: string,
  tasks: readonly number[],
  pieces: (bytes: Buffer) => Buffer[],
): { text: string; dropped: number } => {
  const filter = new TaskFilter(new Set(tasks))
  const kept = pieces(Buffer.from(text)).map((piece) => {
    const copy = Buffer.from(piece)
    const out = Buffer.from(filter.push(copy))
    // Nobody may hold on to what was pushed.
    copy.fill(0x2a)
    return out
  })
  return { text: Buffer.concat([...kept, filter.end()]).toString(), dropped: filter.dropped }
}

describe('leaving out our own tasks', () => {
  const whole = (bytes: Buffer): Buffer[] => [bytes]

  it('takes away lines by the id of the task, whatever its name looks like', () => {
    const text =
      line('node', 70) + line('cat', 7) + line('a-70 [000]', 8) + line('node-MainThread', 70) + line('x', 701)
    expect(filtered(text, [70], whole)).to.deep.equal({
      text: line('cat', 7) + line('a-70 [000]', 8) + line('x', 701),
      dropped: 2,
    })
  })

  it('leaves headers, notes of lost events and a last line without its newline', () => {
    const text = `# tracer: nop\n#\nCPU:1 [LOST 70 EVENTS]\n${line('node', 70)}${line('cat', 7).trimEnd()}`
    expect(filtered(text, [70], whole)).to.deep.equal({ text: text.replace(line('node', 70), ''), dropped: 1 })
    expect(filtered('', [70], whole)).to.deep.equal({ text: '', dropped: 0 })
  })

  it('gives the same however the text is cut', () => {
    const seed = Date.now() % 1e6
    const random = new Random(seed)
    for (let round = 0; round < 200; round++) {
      const lines = Array.from({ length: random.below(12) }, () =>
        random.chance(0.2)
          ? random.pick(['\n', '# note\n', `${'y'.repeat(random.below(40))}\n`])
          : line(random.pick(['node', 'cat', 'a b-9']), random.pick([1, 12, 123, 9])),
      )
      const expected = lines.filter((each) => !/^.{16}-(?:12|9) /.test(each))
      const cut = (bytes: Buffer): Buffer[] => {
        const pieces: Buffer[] = []
        for (let at = 0; at < bytes.length;) {
          const length = 1 + random.below(200)
          pieces.push(bytes.subarray(at, at + length))
          at += length
        }
        return pieces
      }
      expect(filtered(lines.join(''), [12, 9], cut), `seed ${seed}`).to.deep.equal({
        text: expected.join(''),
        dropped: lines.length - expected.length,
      })
    }
  })

  it('knows the threads of this process, and when a process began', () => {
    expect(ownTasks()).to.include(process.pid)
    expect(ownTasks().length).to.be.above(4)
    expect(startTime(process.pid)).to.be.above(startTime(1)!)
    expect(startTime(2 ** 22 + 1)).to.equal(undefined)
  })
})
