/**
 * An XFS inode holds two forks, data in front and attributes behind; where the second
 * begins is settled when attributes come. A swap without reverse mapping exchanges the
 * data forks as they are, so each must fit in front of the other's attributes: the
 * temporary file is given attributes until its boundary is where the target's is.
 *
 * If that does not succeed the kernel still decides: it refuses forks that do not fit,
 * and the file is left as it was.
 */
import { xfsInode } from '../kernel/bulkstat.js'
import { setExtendedAttribute } from '../kernel/fsetxattr.js'
import type { XfsFilesystem } from '../filesystem/xfs-filesystem.js'

const mostAttributes = 40
/** Does not fit into an inode, which drives all attributes out of it. */
const tooLong = Buffer.alloc(2048, 'x')

/** @param wanted as in XfsInode.forkOffset of the target */
export function matchForkOffset(filesystem: XfsFilesystem, temporary: number, inode: number, wanted: number): boolean {
  if (wanted === 0) return true
  let drivenOut = false
  for (let i = 0; i < mostAttributes; i++) {
    const offset = xfsInode(filesystem.root, inode)?.forkOffset ?? 0
    if (offset === wanted) return true
    if (offset !== 0 && offset < wanted) {
      // Attributes inside take more room than the target's: only outside they take less.
      if (drivenOut) return false
      drivenOut = true
      setExtendedAttribute(temporary, `user.${i}`, tooLong)
    } else {
      setExtendedAttribute(temporary, `user.${i}`, Buffer.from('xx'))
    }
  }
  return false
}
