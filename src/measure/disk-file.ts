import { BootpackError, usageError } from '../errors.js'
import { modelOf, type DiskModel, type DiskParameters } from './disk-model.js'

const fields: Readonly<Record<DiskParameters['kind'], readonly string[]>> = {
  rotating: ['settleMs', 'strokeMs', 'rotationMs', 'megabytesPerSecond'],
  flash: ['requestMs', 'megabytesPerSecond'],
  lazy: ['chunkBytes', 'fetchMs'],
}

/**
 * A disk of one's own: `{"name": "my-disk", "kind": "rotating", "settleMs": 0.5,
 * "strokeMs": 14.5, "rotationMs": 8.33, "megabytesPerSecond": 120}`.
 * @throws usage naming the field that is wrong
 */
export function parseDiskFile(text: string): DiskModel {
  const bad = (problem: string): never => {
    throw usageError(
      'bad-disk-file',
      `The disk file cannot be used: ${problem}.`,
      `It is JSON with name, kind (${Object.keys(fields).join(', ')}) and the numbers of that kind.`,
    )
  }
  let data: Record<string, unknown> = {}
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null) bad('it is no object')
    data = parsed as Record<string, unknown>
  } catch (error) {
    if (error instanceof BootpackError) throw error
    bad('it is not JSON')
  }
  const kind = data['kind'] as DiskParameters['kind']
  if (typeof data['name'] !== 'string' || data['name'] === '') bad('name is not a text')
  if (!Object.hasOwn(fields, String(kind))) bad(`kind is ${JSON.stringify(kind)}`)
  for (const field of fields[kind]) {
    const value = data[field]
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) bad(`${field} is not a number of 0 or more`)
  }
  for (const field of ['megabytesPerSecond', 'chunkBytes']) if (data[field] === 0) bad(`${field} is 0`)
  return modelOf({ source: 'given in a file', ...data } as unknown as DiskParameters)
}
