/** HTML that cannot be forgotten to be escaped: what is put into the template is text unless it is HTML itself. */
import { escapePath } from '../../text/escape-path.js'

export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = string | number | Html | undefined | false | readonly Part[]

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Html =>
  new Html(strings.map((string, i) => `${string}${i < parts.length ? textOf(parts[i]) : ''}`).join(''))

function textOf(part: Part): string {
  if (part === undefined || part === false) return ''
  if (part instanceof Html) return part.text
  if (typeof part === 'object') return part.map(textOf).join('')
  // Names of files come through here too: nothing a browser would obey or turn around.
  return escapePath(String(part)).replace(/[&<>"']/g, (each) => entities[each]!)
}

/** JSON that ends no script element and is no line separator to anybody. */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
