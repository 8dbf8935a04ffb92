/** Opening images that must be refused, and making sure that the refusal wrote nothing. */
import { expect } from 'chai'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { BootpackError } from '../../src/errors.js'
import { openImage, type OpenImageOptions } from '../../src/ext4/engine/open-image.js'

/** The error of opening, having made sure that not a byte was changed by it. */
export async function refusal(path: string, options: OpenImageOptions): Promise<BootpackError> {
  const before = readFileSync(path)
  try {
    await (await openImage(path, options)).close()
  } catch (error) {
    expect(error, String(error)).to.be.instanceOf(BootpackError)
    expect(readFileSync(path).equals(before), 'the refused image is unchanged').to.equal(true)
    return error as BootpackError
  }
  throw new Error(`${path} was opened`)
}

export async function opens(path: string, options: OpenImageOptions): Promise<void> {
  const volume = await openImage(path, options)
  expect(volume.engine).to.equal('ext4-image')
  await volume.close()
}

export function poke(path: string, offset: number, bytes: Uint8Array): void {
  const file = openSync(path, 'r+')
  writeSync(file, bytes, 0, bytes.length, offset)
  closeSync(file)
}
