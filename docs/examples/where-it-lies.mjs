// Where files lie on an ext4 image or filesystem, extent by extent, as filefrag tells
// of a mounted one. Needs no mount and no root for an image.
//
//     node docs/examples/where-it-lies.mjs disk.img /usr/bin/bash /etc/fstab
import { openTarget } from 'bootpack'
import { escapePath } from 'bootpack/text'

const [target, ...paths] = process.argv.slice(2)
const volume = await openTarget(target, { write: false })
try {
  for (const path of paths) {
    const found = await volume.lookup(path)
    if (!found) {
      console.log(`${escapePath(path)}: not there`)
      process.exitCode = 3
      continue
    }
    const extents = await volume.extents(found.file)
    console.log(`${escapePath(path)}: inode ${found.file.inode}, ${extents.length} extents`)
    for (const { logical, physical, length } of extents) {
      console.log(`  ${logical}..${logical + length - 1} at ${physical}..${physical + length - 1}`)
    }
  }
} finally {
  // What an engine holds open, it holds until here.
  await volume.close()
}
