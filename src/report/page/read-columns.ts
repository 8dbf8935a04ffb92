/** From what is embedded in the page to marks that can be drawn. */
import { decodeMarks, type MarkColumns } from '../embedded/mark-columns.js'

/** @throws Error when the browser cannot unpack or the text is not what it should be */
export async function readColumns(base64: string): Promise<MarkColumns> {
  const packed = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'))
  return decodeMarks(new Uint8Array(await new Response(unpacked).arrayBuffer()))
}
