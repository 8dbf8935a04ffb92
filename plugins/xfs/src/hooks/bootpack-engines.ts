import type { EngineProvider } from 'bootpack/engine'

/** Tells bootpack of the XFS engine; its code is loaded only when somebody asks. */
export default async function engines(): Promise<EngineProvider[]> {
  const { xfsEngine } = await import('../engine/provider.js')
  return [xfsEngine]
}
