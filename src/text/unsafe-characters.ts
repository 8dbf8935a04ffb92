/**
 * What must not reach a terminal from a name or a line of somebody else's: the one rule.
 * C0, DEL and C1 controls; line and paragraph separators; what turns the direction of
 * writing; zero-width characters; lone surrogates.
 */
export const unsafeCharacters =
  /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

export const isUnsafe = (text: string): boolean => text.search(unsafeCharacters) >= 0
