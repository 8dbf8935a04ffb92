/**
 * What bootpack writes, told by how it begins. An output replaces only a file of its
 * own kind: who writes `pack -t boot.trace -o boot.trace` must not lose the recording,
 * which may be the only one, and a plan may be what undoes a packing.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { constants as zlib, gunzipSync } from 'node:zlib'

/** Bytes of the beginning that are looked at. */
const headSize = 64 * 1024

interface Kind {
  /** As a sentence calls it. */
  readonly title: string
  /** @param head the beginning as Latin-1 text, unpacked; `cut` when the file goes on */
  readonly is: (head: string, cut: boolean) => boolean
}

/** Whether every whole line, and there is one, looks like that. */
const everyLine =
  (pattern: RegExp) =>
  (head: string, cut: boolean): boolean => {
    const lines = head.split('\n')
    if (cut) lines.pop()
    const written = lines.filter((line) => line !== '')
    return written.length > 0 && written.every((line) => pattern.test(line))
  }

const kinds = {
  plan: { title: 'a plan', is: (head) => /^\{\s*"bootpack":\s*"plan"/.test(head) },
  trace: { title: 'a trace', is: (head) => /^\{\s*"bootpack":\s*"trace"/.test(head) },
  check: { title: 'a record of hashes', is: (head) => /^\{\s*"bootpack":\s*"check"/.test(head) },
  page: {
    title: 'a page of bootpack report',
    is: (head) => /^<!DOCTYPE html>/.test(head) && head.includes('bootpack report</title>'),
  },
  requests: { title: 'a log of disk requests', is: everyLine(/^\d+\.\d+ [A-Z] \d+ \d+ dist=/) },
  list: { title: 'a list of paths', is: everyLine(/^[/#]/) },
  e4rat: { title: 'a list for e4rat', is: everyLine(/^(\d+ \d+ )?\//) },
  'squashfs-sort': { title: 'a sort list of mksquashfs', is: everyLine(/^\S.* \d{1,5}$/) },
  renames: { title: 'a table of renames', is: (head) => head.startsWith('# old\tnew\twhy') },
  parquet: { title: 'a Parquet file', is: (head) => head.startsWith('PAR1') },
  'nydus-optimize': { title: 'a list for nydus', is: (head) => head.startsWith('{"version":"v1","files":') },
  estargz: { title: 'a list for eStargz', is: everyLine(/^\{"path":/) },
  soci: { title: 'a list for SOCI', is: (head) => /^\[("\/|\])/.test(head) },
  'tar-order': { title: 'a list for tar', is: (head) => /^\.\/[^\n]*\0/.test(head) },
  ranges: { title: 'a list of ranges', is: everyLine(/^\d+ \d+$/) },
  'ranges-json': { title: 'a list of ranges', is: (head) => head.startsWith('{"version":1,"ranges":') },
  'fio-iolog': { title: 'an iolog of fio', is: (head) => head.startsWith('fio version 2 iolog') },
  console: { title: 'the console text of a boot', is: (head) => /Linux version |SeaBIOS/.test(head) },
} as const satisfies Record<string, Kind>

/** What a file is written as. */
export type OutputKind = keyof typeof kinds

export const titleOf = (kind: OutputKind): string => kinds[kind].title

/** The kinds that say what they are in their first words: other contents are not taken for them. */
const outspoken = [
  'plan',
  'trace',
  'check',
  'page',
  'renames',
  'parquet',
  'ranges',
] as const satisfies readonly OutputKind[]

/** What a file holds, as far as it matters to who would replace it. */
export type Found =
  | { readonly as: 'empty' }
  /** Of the kind that was asked for. */
  | { readonly as: 'same' }
  /** Anything else; `kind` when it is known. */
  | { readonly as: 'other'; readonly kind?: OutputKind }

/** @throws what the system says when the file cannot be read */
export async function lookForKind(path: string, kind: OutputKind): Promise<Found> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headSize), 0, headSize, 0)
    if (bytesRead === 0) return { as: 'empty' }
    const cut = bytesRead === headSize
    const raw = buffer.subarray(0, bytesRead)
    const inside = unpacked(raw)
    // Of all there is only a trace is ever packed.
    if (inside) {
      if (!kinds.trace.is(inside)) return { as: 'other' }
      return kind === 'trace' ? { as: 'same' } : { as: 'other', kind: 'trace' }
    }
    const head = raw.toString('latin1')
    const known = outspoken.find((each) => kinds[each].is(head, cut))
    if (known !== undefined) return known === kind ? { as: 'same' } : { as: 'other', kind: known }
    return kinds[kind].is(head, cut) ? { as: 'same' } : { as: 'other' }
  } finally {
    await file.close()
  }
}

/** The beginning of what gzip packed, as Latin-1 text; undefined for what is not packed. */
function unpacked(head: Buffer): string | undefined {
  if (head[0] !== 0x1f || head[1] !== 0x8b) return undefined
  try {
    return gunzipSync(head, { finishFlush: zlib.Z_SYNC_FLUSH, maxOutputLength: 2048 * headSize }).toString(
      'latin1',
      0,
      headSize,
    )
  } catch {
    return ''
  }
}
