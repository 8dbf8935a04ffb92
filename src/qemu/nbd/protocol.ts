/**
 * The numbers of the network block device protocol, as far as a disk of one export needs
 * them: fixed newstyle negotiation, simple replies. Everything is big-endian. The client
 * is here (nbd-store.ts), the server in plugins/vm.
 *
 * Source: doc/proto.md of the NBD project, whose names stand beside the numbers.
 */

export const handshakeMagic = Buffer.from('NBDMAGICIHAVEOPT', 'latin1') // NBDMAGIC, IHAVEOPT
export const optionMagic = Buffer.from('IHAVEOPT', 'latin1')
export const optionReplyMagic = 0x3_e889_0455_65a9n
export const requestMagic = 0x2560_9513 // NBD_REQUEST_MAGIC
export const replyMagic = 0x6744_6698 // NBD_SIMPLE_REPLY_MAGIC

/** NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES, of server and client alike. */
export const handshakeFlags = { fixedNewstyle: 1, noZeroes: 2 } as const

/** NBD_OPT_* */
export const option = { exportName: 1, abort: 2, list: 3, info: 6, go: 7 } as const

/** NBD_REP_* */
export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  unsupported: 0x8000_0001,
  invalid: 0x8000_0003,
  unknownExport: 0x8000_0006,
} as const

/** NBD_INFO_* */
export const information = { export: 0, blockSize: 3 } as const

/** NBD_FLAG_* */
export const transmission = { hasFlags: 1, readOnly: 2, flush: 4, fua: 8 } as const

/** NBD_CMD_* */
export const command = { read: 0, write: 1, disconnect: 2, flush: 3 } as const

/** NBD_E*: what a reply can say went wrong. */
export const failure = { none: 0, io: 5, invalid: 22, noSpace: 28, unsupported: 95 } as const

/** Bytes of the longest read or write. */
export const longestTransfer = 32 * 1024 * 1024

export const optionHeaderSize = 16
export const optionReplySize = 20
export const requestSize = 28
export const replySize = 16
