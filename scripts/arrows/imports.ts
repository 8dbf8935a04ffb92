/**
 * What imports what, by dependency-cruiser: `import`, `export from`, `import()`,
 * `import type` and types written as `import('…')`, resolved as Node resolves them, with
 * the condition that leads to bootpack's source.
 */
import type { ICruiseResult } from 'dependency-cruiser'
import type { Import } from './judge.js'

export interface ImportGraph {
  readonly imports: readonly Import[]
  /** Sentences: imports that lead nowhere, and files that import themselves in a circle. */
  readonly faults: readonly string[]
}

/**
 * @param top     the checkout, an absolute path
 * @param folders below it
 */
export async function importGraph(top: string, folders: readonly string[]): Promise<ImportGraph> {
  const { cruise } = await import('dependency-cruiser')
  const { output } = await cruise([...folders], {
    baseDir: top,
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^(?!node_modules/).*/dist/', '/node_modules/(?!bootpack|@bootpack).*/'] },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['bootpack-source', 'import', 'default'] },
    ruleSet: { forbidden: [{ name: 'circle', severity: 'error', from: {}, to: { circular: true } }] },
    validate: true,
  })
  const { modules, summary } = output as ICruiseResult
  const imports: Import[] = []
  const faults: string[] = []
  for (const { source, dependencies } of modules) {
    for (const { module, resolved, coreModule, couldNotResolve } of dependencies) {
      if (couldNotResolve) faults.push(`${source} imports ${module}, which leads nowhere.`)
      else
        imports.push({
          from: source,
          to: coreModule ? `node:${module}` : /^(?:src|plugins)\//.test(resolved) ? resolved : module,
        })
    }
  }
  for (const { from, cycle = [] } of summary.violations)
    faults.push(`${[from, ...cycle.map(({ name }) => name)].join(' imports ')}: a circle.`)
  return { imports, faults }
}
