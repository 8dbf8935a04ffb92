/** An initial ramdisk: files in a cpio archive of the "newc" kind (Documentation/driver-api/early-userspace/buffer-format.rst). */
export interface RamdiskFile {
  /** Without a slash in front; folders come before what is in them. */
  readonly path: string
  readonly mode: number
  readonly contents?: Buffer
}

export const folderMode = 0o040755
export const programMode = 0o100755
export const linkMode = 0o120777

export function cpio(files: readonly RamdiskFile[]): Buffer {
  const entry = ({ path, mode, contents = Buffer.alloc(0) }: RamdiskFile, inode: number): Buffer[] => {
    const name = Buffer.from(`${path}\0`)
    const fields = [inode, mode, 0, 0, mode === folderMode ? 2 : 1, 0, contents.length, 0, 0, 0, 0, name.length, 0]
    const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`)
    return [padded(Buffer.concat([header, name])), padded(contents)]
  }
  return Buffer.concat([...files, { path: 'TRAILER!!!', mode: 0 }].flatMap((file, i) => entry(file, i + 1)))
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
