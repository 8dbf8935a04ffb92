/** Names of what packing at shutdown puts where. */

/** Kept between boots: what is to be done, and what became of it. */
export const stateFolder = '/var/lib/bootpack/shutdown'

/** Below the state folder. */
export const names = {
  order: 'order.json',
  outcome: 'outcome.json',
  log: 'log',
} as const

/** systemd makes this folder the root when everything is down, if it holds an executable `shutdown`. */
export const environmentFolder = '/run/initramfs'

/** In the environment: the folder at which that of others (dracut's) is seen, if there was one. */
export const nextFolder = '/next'

/** In the environment: a folder with the order and the files it needs. */
export const orderFolder = '/order'

/** In the environment: where what the command writes is kept until the root is mounted again. */
export const outputFolder = '/output'

/** In the environment: the former root; systemd's name for it. */
export const oldRoot = '/oldroot'

/** Where the plan that packed the root is kept, unless another place is named. */
export const packedPlan = '/var/lib/bootpack/packed.plan'
