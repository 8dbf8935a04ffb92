/** The commands that are run, as a person could type them. */
import { recordedSince, type Facts, type Task } from './machine.js'
import { mended, plan, profile } from './places.js'
import type { AutoState } from './state.js'

/** @returns words after `bootpack` */
export function wordsFor(task: Task, state: AutoState, facts: Facts): string[] {
  const atShutdown = ['--at-shutdown', '--at-most', String(state.atMost)]
  switch (task) {
    case 'record':
      return ['collect', 'setup', '--inodes', '--apply']
    case 'merge':
      return ['trace', 'merge', ...recordedSince(facts, state.begun).map(({ trace }) => trace), '-o', `/${profile}`]
    case 'preload':
      // What somebody has installed keeps its form.
      return ['preload', facts.preload && !state.ours.preload ? 'update' : 'install', '/', '--trace', `/${profile}`]
    case 'order':
      return ['pack', '/', '--trace', `/${profile}`, '--evict', '--inodes', ...atShutdown]
    case 'unrecord':
      return ['collect', 'setup', '--remove']
    case 'mend': {
      const packed = `/${facts.mended ? mended : plan}`
      return [
        ...['pack', '/', '--drifted', '--trace', `/${profile}`, '--evict'],
        ...(facts.plan ? ['--plan', packed] : []),
        ...['-o', `/${mended}`, ...atShutdown],
      ]
    }
    case 'unpreload':
      return ['preload', 'remove', '/']
    case 'cancel':
      return ['shutdown', 'cancel']
    case 'undo':
      return ['undo', `/${plan}`, ...atShutdown]
  }
}
