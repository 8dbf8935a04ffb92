/** Milliseconds of the monotonic clock, the same in every thread of the process. */
export const milliseconds = (): number => Number(process.hrtime.bigint()) / 1e6
