/**
 * Names in columns. A path may hold bytes that are no UTF-8; bootpack writes them as lone
 * surrogates U+DC80 to U+DCFF, which no database's text can hold. They go into the private
 * characters U+F780 to U+F7FF instead, and a name that really has one of U+F700 to U+F7FF
 * gets U+F700 before it, so that the way back is exact.
 */
const special = /[\udc80-\udcff](?<![\ud800-\udbff][\udc80-\udcff])|[\uf700-\uf7ff]/g

export const encodeText = (text: string): string =>
  text.replace(special, (one) => {
    const code = one.charCodeAt(0)
    return code < 0xe000 ? String.fromCharCode(code - 0xdc00 + 0xf700) : `\uf700${one}`
  })

export const decodeText = (text: string): string =>
  text.replace(
    /\uf700([^])|[\uf780-\uf7ff]/g,
    (one, kept: string | undefined) => kept ?? String.fromCharCode(one.charCodeAt(0) - 0xf700 + 0xdc00),
  )
