// What the sample looks at before and after: how the boot's files lie.

/** @returns the boot's files as { path, extents }, in order of first read */
export async function bootFiles(volume, paths) {
  const files = []
  const seen = new Set()
  for (const path of paths) {
    const found = await volume.lookup(path)
    if (!found || seen.has(found.file.inode)) continue
    seen.add(found.file.inode)
    files.push({ path, extents: await volume.extents(found.file) })
  }
  return files
}

const shades = [' ', '.', ':', '+', '#']

/** The disk as a line of characters, each for a part of it; the darker, the more of that part the boot reads. */
export function diskStrip(files, blockCount, width) {
  const cells = Array(width).fill(0)
  const cell = blockCount / width
  for (const { extents } of files) {
    for (const { physical, length } of extents) {
      for (let block = physical; block < physical + length; block++) cells[Math.floor(block / cell)]++
    }
  }
  return cells
    .map((blocks) => shades[Math.min(shades.length - 1, Math.ceil((blocks / cell) * (shades.length - 1)))])
    .join('')
}

export async function largestFreeRun(volume) {
  const { firstDataBlock, blockCount } = volume.geometry()
  return Math.max(0, ...(await volume.freeRuns(firstDataBlock, blockCount)).map((run) => run.length))
}
