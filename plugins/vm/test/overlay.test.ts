import { expect } from 'chai'
import { Random } from '../../../test/support/random.js'
import { Overlay, pageBytes } from '../src/disk/overlay.js'

const imageOf = (random: Random, size: number): Buffer =>
  Buffer.from(Array.from({ length: size }, () => random.below(256)))

/** Reads of the image that take a turn or more, as real ones do. */
const below =
  (image: Buffer) =>
  async (offset: number, buffer: Buffer): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve))
    buffer.fill(0)
    image.copy(buffer, 0, offset)
  }

describe('what a guest writes', () => {
  it('is read back over the image, for random places and lengths, many at a time', async () => {
    const seed = 77
    const random = new Random(seed)
    // Not a whole number of pages.
    const size = 40 * pageBytes + 1536
    const image = imageOf(random, size)
    const untouched = Buffer.from(image)
    const expected = Buffer.from(image)
    const overlay = new Overlay(below(image), 1e9)
    for (let round = 0; round < 300; round++) {
      // Writes of one moment do not touch the same bytes, but often the same page.
      const cuts = Array.from({ length: 8 }, () => random.below(size)).sort((a, b) => a - b)
      const writes: Promise<boolean>[] = []
      for (let i = 0; i + 1 < cuts.length; i += 2) {
        const data = imageOf(random, Math.min(3 * pageBytes, cuts[i + 1]! - cuts[i]!))
        data.copy(expected, cuts[i]!)
        if (data.length > 0) writes.push(overlay.write(cuts[i]!, data))
      }
      expect(await Promise.all(writes)).to.not.include(false)
      const from = random.below(size)
      const buffer = Buffer.from(image.subarray(from, random.between(from, size)))
      overlay.cover(from, buffer)
      expect(buffer.equals(expected.subarray(from, from + buffer.length)), `seed ${seed}, round ${round}`).to.equal(
        true,
      )
    }
    expect(image.equals(untouched)).to.equal(true)
  })

  it('is refused whole when it would take more memory than allowed', async () => {
    const overlay = new Overlay(below(Buffer.alloc(16 * pageBytes)), 4 * pageBytes)
    expect(await overlay.write(0, Buffer.alloc(3 * pageBytes, 1))).to.equal(true)
    expect(await overlay.write(2 * pageBytes, Buffer.alloc(3 * pageBytes, 2))).to.equal(false)
    const page = Buffer.alloc(pageBytes)
    overlay.cover(2 * pageBytes, page)
    expect(page.equals(Buffer.alloc(pageBytes, 1)), 'nothing of it was written').to.equal(true)
    expect(await overlay.write(pageBytes, Buffer.alloc(3 * pageBytes, 3)), 'one new page is left').to.equal(true)
    expect(overlay.size).to.equal(4 * pageBytes)
  })
})
