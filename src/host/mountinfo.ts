/**
 * The kernel's list of mounts, /proc/PID/mountinfo: one line each, fields apart by
 * blanks, and in the fields blank, tab, newline and backslash as \ooo. Source of
 * the format: proc(5).
 */
export interface Mount {
  /** 'major:minor' of what is mounted; of btrfs and the like a number of its own. */
  readonly device: string
  /** The folder of the filesystem that is shown: '/' for all of it, else a bind mount or a subvolume. */
  readonly root: string
  /** Bytes of a path may be any; kept as latin1 text would lose nothing, but paths are UTF-8. */
  readonly mountPoint: string
  readonly type: string
  /** A device path, a server, or any word. */
  readonly source: string
  /** Of the filesystem itself: a read-only bind mount of a writable one is not read-only. */
  readonly readOnly: boolean
  /** Of the filesystem itself, apart by commas: 'rw,errors=remount-ro'. */
  readonly options: string
}

/** Lines that do not have the form are left out. */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = []
  for (const line of text.split('\n')) {
    // Optional fields stand between the mount options and a lone dash.
    const fields = line.split(' ')
    const dash = fields.indexOf('-', 6)
    if (dash < 0 || fields.length < dash + 4) continue
    mounts.push({
      device: fields[2]!,
      root: unescapeOctal(fields[3]!),
      mountPoint: unescapeOctal(fields[4]!),
      type: fields[dash + 1]!,
      source: unescapeOctal(fields[dash + 2]!),
      readOnly: fields[dash + 3]!.split(',').includes('ro'),
      options: unescapeOctal(fields[dash + 3]!),
    })
  }
  return mounts
}

/** The paths of /proc/swaps, whose first line is a heading. */
export const parseSwaps = (text: string): string[] =>
  text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => unescapeOctal(line.split(/\s/, 1)[0]!))

/** `\040` and its like back to the byte they stand for. */
export function unescapeOctal(field: string): string {
  if (!field.includes('\\')) return field
  const bytes: number[] = []
  const raw = Buffer.from(field)
  for (let i = 0; i < raw.length; i++) {
    const digits = /^\\([0-3][0-7]{2})/.exec(raw.toString('latin1', i, i + 4))
    if (digits) {
      bytes.push(Number.parseInt(digits[1]!, 8))
      i += 3
    } else {
      bytes.push(raw[i]!)
    }
  }
  return Buffer.from(bytes).toString()
}
