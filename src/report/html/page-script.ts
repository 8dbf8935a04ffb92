import { readFileSync } from 'node:fs'
import { linkModules } from './link-modules.js'

/** The build's folder, from src and from dist: the page's modules are always the compiled ones. */
const compiled = new URL('../../../dist/', import.meta.url)

/** The script of the page, to be put inline. */
export function pageScript(): string {
  const script = linkModules('report/page/main', (name) => readFileSync(new URL(`${name}.js`, compiled), 'utf8'))
  if (/<\/script|<!--/i.test(script)) throw new Error('The script would end its own element.')
  return script
}
