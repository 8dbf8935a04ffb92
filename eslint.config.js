// The house rules a machine can hold: which room may import which (the arrows of
// docs/architecture.md), koffi only in the kernel room, and typescript-eslint's
// type-aware checks.
import tseslint from 'typescript-eslint'

/** Room -> rooms it may import. A room may always import itself and errors. */
const arrows = {
  text: ['report'],
  bytes: [],
  files: ['text'],
  layout: [],
  host: ['bytes', 'text'],
  storage: ['layout', 'bytes'],
  disk: ['storage', 'bytes', 'text', 'layout'],
  trace: ['bytes', 'files', 'text'],
  collect: ['bytes', 'kernel', 'trace', 'files', 'text'],
  mballoc: ['layout', 'bytes'],
  measure: ['layout', 'trace'],
  plan: ['layout', 'trace', 'mballoc', 'measure', 'volume', 'text'],
  volume: ['layout'],
  ext4: ['bytes', 'layout', 'volume', 'storage', 'disk', 'host', 'files', 'text'],
  kernel: ['bytes'],
  mounted: ['kernel', 'layout', 'volume', 'ext4', 'storage', 'host', 'bytes'],
  blocks: ['layout', 'mballoc', 'volume', 'ext4', 'mounted', 'kernel', 'bytes'],
  e4defrag: [
    'kernel',
    'layout',
    'volume',
    'ext4',
    'mounted',
    'host',
    'trace',
    'plan',
    'pack',
    'measure',
    'report',
    'bytes',
    'text',
  ],
  pack: ['plan', 'volume', 'measure', 'layout', 'trace'],
  doctor: ['volume', 'layout'],
  preload: ['bytes', 'layout', 'trace', 'measure', 'plan', 'volume'],
  provision: [
    'preload',
    'collect',
    'kernel',
    'layout',
    'measure',
    'plan',
    'trace',
    'volume',
    'ext4',
    'mounted',
    'host',
    'files',
    'text',
    'storage',
    'disk',
  ],
  report: ['measure', 'plan', 'layout', 'trace', 'doctor', 'text'],
}

const rooms = Object.keys(arrows)

function roomRule(room) {
  const forbidden = [...rooms, 'commands', 'cli'].filter((other) => other !== room && !arrows[room].includes(other))
  return {
    files: [`src/${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: room === 'kernel' ? [] : [{ name: 'koffi', message: 'Only src/kernel talks to the kernel.' }],
          patterns: [
            {
              group: [...forbidden.map((other) => `**/${other}/*`), '**/src/index.js', '../index.js', '@oclif/*'],
              message: `The room ${room} may import only: ${['errors', ...arrows[room]].join(', ')} (docs/architecture.md).`,
            },
          ],
        },
      ],
    },
  }
}

export default tseslint.config(
  { ignores: ['**/dist/', '**/node_modules/', 'coverage/', 'sample-trees/'] },
  ...tseslint.configs.recommended,
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'plugins/**/*.ts'],
    languageOptions: { parserOptions: { project: ['./test/tsconfig.json'], tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'max-lines': ['warn', { max: 400, skipBlankLines: false }],
    },
  },
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-unused-expressions': 'off' } },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  ...rooms.map(roomRule),
  { files: ['src/commands/**/*.ts'], rules: { 'no-restricted-imports': ['error', { paths: ['koffi'] }] } },
  { files: ['plugins/*/src/**/*.ts'], rules: { 'no-restricted-imports': ['error', { patterns: ['**/src/**'] }] } },
)
