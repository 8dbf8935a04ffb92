/** A line of everything that is written into a system, by which it is known again. */
export const marker = '# Written by bootpack preload install; bootpack preload remove takes it away.'

/** Folders that were made for our files follow it, so that they go with them. */
export const foldersNote = 'Folders made for it: '
