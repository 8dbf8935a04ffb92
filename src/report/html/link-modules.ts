/**
 * The compiled modules of the page as one script. The page is one file and can load
 * no modules; so each becomes a function that is called once and returns what it
 * exports. Only the forms that src/report/page uses are known: named imports from
 * other modules of bootpack, and exports of declarations.
 */
import { posix } from 'node:path'

const importForm = /^import \{([^}]*)\} from '(\.{1,2}\/[\w./-]+)\.js';?$/gm
const exportForm = /^export (?=(?:async )?(?:const|function|class) (\w+))/gm
const listForm = /^export \{\s*\};?$/gm

/**
 * @param read gives the compiled text of a module by its name, a path without the ending
 * @throws Error for a form of import or export it does not know, or a circle
 */
export function linkModules(entry: string, read: (name: string) => string): string {
  const done: string[] = []
  const open: string[] = []
  const texts: string[] = []
  const visit = (name: string): void => {
    if (done.includes(name)) return
    if (open.includes(name)) throw new Error(`${[...open, name].join(' imports ')}: a circle cannot be linked.`)
    open.push(name)
    const source = read(name)
    for (const [, , needed] of source.matchAll(importForm)) visit(beside(name, needed!))
    texts.push(asFunction(name, source))
    open.pop()
    done.push(name)
  }
  visit(entry)
  return `'use strict';\n${texts.join('')}`
}

/** The name of the module that `name` calls by a relative path. */
const beside = (name: string, path: string): string => posix.join(posix.dirname(name), path)

const variable = (name: string): string => `module_${name.replaceAll(/\W/g, '_')}`

function asFunction(name: string, source: string): string {
  const exported = [...source.matchAll(/^export (?:async )?(?:const|function|class) (\w+)/gm)].map(([, each]) => each!)
  const body = source
    .replace(
      importForm,
      (_, names: string, from: string) =>
        `const {${names.replaceAll(' as ', ': ')}} = ${variable(beside(name, from))};`,
    )
    .replace(exportForm, '')
    .replace(listForm, '')
    .replace(/^\/\/# sourceMappingURL=.*$/gm, '')
  const left = /^(?:import|export)\b.*$/m.exec(body)
  if (left) throw new Error(`${name} has "${left[0]}", which cannot be linked.`)
  return `const ${variable(name)} = (() => {\n${body.trim()}\nreturn { ${exported.join(', ')} };\n})();\n`
}
