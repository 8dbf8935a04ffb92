/**
 * File names are bytes, paths here are strings: UTF-8 where it is UTF-8, and each
 * byte that is not becomes the lone surrogate U+DC80 to U+DCFF (PEP 383), so that no
 * two names become one and the way back gives the same bytes. JSON writes those as
 * \udc80 and reads them back. The volumes use the same scheme (src/bytes/file-name.ts);
 * this room imports nothing, so it has its own, and a test holds the two together.
 */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

/** Bytes [start, end) as text. */
export function decodeName(bytes: Buffer, start = 0, end = bytes.length): string {
  let i = start
  while (i < end && bytes[i]! < 0x80) i++
  // Most names are ASCII, for which this is the quick way.
  if (i === end) return bytes.toString('latin1', start, end)
  return decodeStrictly(bytes.subarray(start, end)) ?? decodePieces(bytes, start, end)
}

/** At each place the valid sequence that begins there, or one escaped byte. */
function decodePieces(bytes: Buffer, start: number, end: number): string {
  const pieces: string[] = []
  for (let at = start; at < end;) {
    const first = bytes[at]!
    const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
    const text = length === 0 || at + length > end ? undefined : decodeStrictly(bytes.subarray(at, at + length))
    pieces.push(text ?? String.fromCharCode(0xdc00 + first))
    at += text === undefined ? 1 : length
  }
  return pieces.join('')
}

/** The bytes of a name: the inverse of decodeName. */
export function encodeName(name: string): Buffer {
  if (!/[\udc80-\udcff]/.test(name)) return Buffer.from(name, 'utf8')
  const pieces: Buffer[] = []
  // By code point, so that proper surrogate pairs stay whole.
  for (const point of name) {
    const code = point.length === 1 ? point.charCodeAt(0) : 0
    pieces.push(code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(point, 'utf8'))
  }
  return Buffer.concat(pieces)
}
