// Ages a filesystem in seconds: every file is broken into pieces and the pieces are
// thrown over the whole disk, by the image engine itself and from a seed. Years of
// upgrades do the same, only slower.
//
// Each round moves as many pieces as there is free space to throw them at, since a
// block freed in a round may be written only in a later one; as the space they leave
// becomes free in turn, every piece gets its throw after a few rounds.
import { Random } from './random.mjs'

const longestPiece = 40
/** Of the free space: what a round leaves alone, for the extent trees that grow meanwhile. */
const leftFree = 0.15

/**
 * @param volume opened for writing
 * @returns how many pieces were thrown
 */
export async function scatter(volume, seed) {
  const random = new Random(seed)
  let waiting = random.shuffled(await piecesOf(volume, ['data', 'directory', 'symlink'], random))
  let thrown = 0
  for (let round = 0; waiting.length > 0 && round < 20; round++) {
    const { moves, rest } = aim(waiting, await freeSlots(volume, random), random)
    if (moves.length === 0) break
    thrown += await carryOut(volume, moves)
    waiting = rest
  }
  // The trees have grown with the pieces; they too may lie anywhere.
  const trees = random.shuffled(await piecesOf(volume, ['tree', 'xattr'], random))
  thrown += await carryOut(volume, aim(trees, await freeSlots(volume, random), random).moves)
  return thrown
}

const wholeDisk = (volume) => {
  const { firstDataBlock, blockCount } = volume.geometry()
  return { start: firstDataBlock, length: blockCount - firstDataBlock }
}

async function piecesOf(volume, kinds, random) {
  const pieces = []
  for (const run of await volume.owners(wholeDisk(volume))) {
    if (!kinds.includes(run.kind) || run.immovable !== undefined) continue
    for (let done = 0; done < run.length;) {
      const length = Math.min(run.length - done, run.kind === 'data' ? random.skewed(1, longestPiece) : 1)
      pieces.push({ inode: run.inode, kind: run.kind, logical: run.logical + done, from: run.start + done, length })
      done += length
    }
  }
  return pieces
}

/** The free space in a random order and cut small, so that neighbours in it do not stay neighbours. */
async function freeSlots(volume, random) {
  const { start, length } = wholeDisk(volume)
  const slots = []
  for (const run of await volume.freeRuns(start, start + length)) {
    for (let done = 0; done < run.length;) {
      const size = Math.min(run.length - done, random.between(longestPiece, 4 * longestPiece))
      slots.push({ start: run.start + done, length: size })
      done += size
    }
  }
  return random.shuffled(slots)
}

/** Gives each piece the next slot, and a part of it when it is too long for that. */
function aim(pieces, slots, random) {
  const moves = []
  const rest = []
  let room = slots.reduce((sum, slot) => sum + slot.length, 0) * (1 - leftFree)
  for (const piece of pieces) {
    const slot = piece.length <= room ? slots.pop() : undefined
    if (!slot) {
      rest.push(piece)
      continue
    }
    const length = Math.min(piece.length, slot.length)
    // A gap before it, now and then, is what keeps free space in pieces, too.
    const gap = Math.min(slot.length - length, random.between(0, 3))
    moves.push({ ...piece, length, to: slot.start + gap })
    room -= length
    if (length < piece.length)
      rest.push({ ...piece, logical: piece.logical + length, from: piece.from + length, length: piece.length - length })
    const left = { start: slot.start + gap + length, length: slot.length - gap - length }
    if (left.length > 0) slots.splice(random.between(0, slots.length), 0, left)
  }
  return { moves, rest }
}

async function carryOut(volume, moves) {
  let moved = 0
  for await (const outcome of volume.relocate(moves, { reserved: [] })) {
    if (outcome.status === 'skipped')
      throw new Error(`inode ${outcome.move.inode} could not be scattered: ${outcome.reason}`)
    if (outcome.status === 'moved') moved++
  }
  return moved
}
