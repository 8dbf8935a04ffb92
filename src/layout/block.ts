/**
 * Two kinds of block number that must never be mixed: a block of the filesystem
 * (physical) and a block of a file (logical). Both count filesystem blocks, not
 * sectors, and both fit a JavaScript number: ext4 numbers are at most 48 bits.
 */
declare const fsBlockBrand: unique symbol
declare const fileBlockBrand: unique symbol

/** Physical block: counted from the start of the filesystem. */
export type FsBlock = number & { readonly [fsBlockBrand]: true }

/** Logical block: counted from the start of a file. */
export type FileBlock = number & { readonly [fileBlockBrand]: true }

export const fsBlock = (value: number): FsBlock => value as FsBlock
export const fileBlock = (value: number): FileBlock => value as FileBlock
