/** `boot.trace.gz` as `boot.3.trace.gz`: a number before the endings, for several files of one name. */
export function numberedName(path: string, number: number): string {
  const slash = path.lastIndexOf('/') + 1
  const [, stem, ending] = /^(.[^.]*)(.*)$/s.exec(path.slice(slash)) ?? []
  return `${path.slice(0, slash)}${stem ?? ''}.${number}${ending ?? ''}`
}
