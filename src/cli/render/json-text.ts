/** DEL, C1 controls, line separators and what turns the direction of writing. */
const obeyed = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** JSON leaves some characters as they are that a terminal obeys; written as escapes they mean the same to a parser. */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value, undefined, 2).replace(
    obeyed,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
