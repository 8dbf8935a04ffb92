/** An image whose free space was in pieces when its files were written. Made by e2fsprogs, without root. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkImage, debugfs, debugfsWrite, makeImage } from '../../../test/support/images.js'
import { scratchFolder } from '../../../test/support/tools.js'

export interface AgedImage {
  /** Inode numbers. */
  readonly fragmented: readonly number[]
  readonly donor: number
}

/** Files /f0 to /f3 of 30 to 60 blocks in pieces of one block, and the empty file /donor. */
export function makeAgedImage(path: string, blockSize = 1024): AgedImage {
  const scratch = scratchFolder()
  try {
    const tree = join(scratch.path, 'tree')
    mkdirSync(tree)
    writeFileSync(join(tree, 'donor'), '')
    for (let i = 0; i < 600; i++)
      writeFileSync(join(tree, `small${String(i).padStart(3, '0')}`), Buffer.alloc(blockSize, `small ${i} `))
    const texts = [30, 40, 50, 60].map((blocks, i) => {
      const text = join(scratch.path, `text${i}`)
      writeFileSync(text, Buffer.alloc(blocks * blockSize - 100, `file ${i} `))
      return text
    })
    makeImage(path, { size: 16 << 20, blockSize, tree, more: ['-N', '1024'] })
    debugfsWrite(path, [
      ...Array.from({ length: 300 }, (_, i) => `rm small${String(i * 2).padStart(3, '0')}`),
      ...texts.map((text, i) => `write ${text} f${i}`),
    ])
    checkImage(path)
    const inode = (name: string): number => Number(/^Inode: (\d+)/m.exec(debugfs(path, `stat ${name}`))![1])
    return { fragmented: texts.map((_, i) => inode(`/f${i}`)), donor: inode('/donor') }
  } finally {
    scratch.remove()
  }
}
