/** Hooks of Node's loader: whoever imports bootpack or oclif gets those of this program. */
import type { InitializeHook, ResolveHook } from 'node:module'

let program = ''

export const initialize: InitializeHook<string> = (packageFile) => {
  program = packageFile
}

export const resolve: ResolveHook = (specifier, context, next) =>
  next(specifier, /^(bootpack|@oclif\/core)(\/|$)/.test(specifier) ? { ...context, parentURL: program } : context)
