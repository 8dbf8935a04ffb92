/**
 * File names are bytes; paths here are strings. UTF-8 where it is UTF-8, and every
 * byte that is not (0x80 to 0xFF) becomes the lone surrogate U+DC80 to U+DCFF, so
 * that no two names become one and the way back gives the same bytes. The scheme
 * is Python's "surrogateescape" (PEP 383); JSON writes such names as \\udcXX.
 */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function decodeName(bytes: Uint8Array): string {
  let ascii = true
  for (const byte of bytes) if (byte >= 0x80) ascii = false
  if (ascii) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  try {
    return strict.decode(bytes)
  } catch {
    return decodePieces(bytes)
  }
}

/** Byte by byte: the longest valid sequence at each place, or one escaped byte. */
function decodePieces(bytes: Uint8Array): string {
  let name = ''
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at]!)
    const piece = bytes.subarray(at, at + length)
    const text = length === 0 || piece.length < length ? undefined : tryDecode(piece)
    if (text === undefined) name += String.fromCharCode(bytes[at]! < 0x80 ? bytes[at]! : 0xdc00 + bytes[at]!)
    else name += text
    at += text === undefined ? 1 : length
  }
  return name
}

const sequenceLength = (first: number): number => (first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0)

function tryDecode(piece: Uint8Array): string | undefined {
  try {
    return strict.decode(piece)
  } catch {
    return undefined
  }
}

/** The bytes of a name or path that {@link decodeName} gave, or of any ordinary string. */
export function encodeName(name: string): Uint8Array {
  if (!/[\udc80-\udcff]/.test(name)) return Buffer.from(name, 'utf8')
  const pieces: Uint8Array[] = []
  // Iterating by code point leaves proper surrogate pairs whole: only lone ones are escapes.
  for (const point of name) {
    const code = point.length === 1 ? point.charCodeAt(0) : 0
    pieces.push(code >= 0xdc80 && code <= 0xdcff ? Uint8Array.of(code - 0xdc00) : Buffer.from(point, 'utf8'))
  }
  return Buffer.concat(pieces)
}
