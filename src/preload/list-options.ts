/** What a list was made with, kept in it as a comment, so that it is made anew the same way. */

export interface ListOptions {
  /** Name of the disk model. */
  readonly disk: string
  /** MiB that may be read in advance. */
  readonly mostMebibytes: number
}

export const madeWith = ({ disk, mostMebibytes }: ListOptions): string =>
  `Made with: --disk ${disk} --most-bytes ${mostMebibytes}`

/** @returns undefined for a list that does not tell */
export function optionsOf(notes: readonly string[]): ListOptions | undefined {
  for (const note of notes) {
    const found = /^Made with: --disk (\S+) --most-bytes (\d{1,9})$/.exec(note)
    if (found) return { disk: found[1]!, mostMebibytes: Number(found[2]) }
  }
  return undefined
}
