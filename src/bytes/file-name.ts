/**
 * File names are bytes; paths here are strings. UTF-8 where it is UTF-8, and every
 * byte that is not (0x80 to 0xFF) becomes the lone surrogate U+DC80 to U+DCFF, so
 * that no two names become one and the way back gives the same bytes. The scheme
 * is Python's "surrogateescape" (PEP 383); JSON writes such names as \udcXX.
 */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes [start, end) as text. */
export function decodeName(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let at = start
  while (at < end && bytes[at]! < 0x80) at++
  // Most names are ASCII, for which this is the quick way.
  if (at === end) return asBuffer(bytes).toString('latin1', start, end)
  return decodeStrictly(bytes.subarray(start, end)) ?? decodePieces(bytes, start, end)
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

/** At each place the valid sequence that begins there, or one escaped byte. */
function decodePieces(bytes: Uint8Array, start: number, end: number): string {
  const pieces: string[] = []
  for (let at = start; at < end;) {
    const length = sequenceLength(bytes[at]!)
    const text = length === 0 || at + length > end ? undefined : decodeStrictly(bytes.subarray(at, at + length))
    pieces.push(text ?? String.fromCharCode(0xdc00 + bytes[at]!))
    at += text === undefined ? 1 : length
  }
  return pieces.join('')
}

const sequenceLength = (first: number): number =>
  first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0

/** The bytes of a name or path that {@link decodeName} gave, or of any ordinary string. */
export function encodeName(name: string): Buffer {
  if (!/[\udc80-\udcff]/.test(name)) return Buffer.from(name, 'utf8')
  const pieces: Uint8Array[] = []
  // Iterating by code point leaves proper surrogate pairs whole: only lone ones are escapes.
  for (const point of name) {
    const code = point.length === 1 ? point.charCodeAt(0) : 0
    pieces.push(code >= 0xdc80 && code <= 0xdcff ? Uint8Array.of(code - 0xdc00) : Buffer.from(point, 'utf8'))
  }
  return Buffer.concat(pieces)
}
