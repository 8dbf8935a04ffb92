import { readFileSync } from 'node:fs'
import { filledIn, shipped, type Shipped } from '../preload/install-targets.js'

/** The files below share/preload, with the time limit in them. */
export const shippedTexts = (timeLimit: number): Readonly<Record<Shipped, string>> =>
  Object.fromEntries(
    shipped.map((name) => [
      name,
      filledIn(readFileSync(new URL(`../../share/preload/${name}`, import.meta.url), 'utf8'), timeLimit),
    ]),
  ) as Record<Shipped, string>
