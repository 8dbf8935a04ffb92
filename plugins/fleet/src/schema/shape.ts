/**
 * The shape of a read: everything of it but when it came. Boots of one image share most of
 * their shapes, so a fleet is counted by shapes and not by reads.
 *
 * The number is the first 64 bits of SHA-256 over the fields, made here once and stored,
 * so that every engine joins on the same eight bytes; engines' own hash functions differ.
 * Two shapes with one number are found when they are read (merge/shapes.ts).
 */
import { createHash } from 'node:crypto'
import type { TraceRead } from 'bootpack/types'

/** Bytes no field holds, between fields. */
const between = '\0'

/** The fields as one text: equal exactly for equal shapes. */
export const shapeKey = ({ ino, path, kind, what, dev, off, len }: TraceRead): string =>
  [kind, off, len ?? '', ino ?? '', what ?? '', dev ?? '', path ?? ''].join(between)

/** A signed 64-bit number. */
export const shapeNumber = (key: string): bigint =>
  createHash('sha256').update(key, 'utf16le').digest().readBigInt64LE(0)
