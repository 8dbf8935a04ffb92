#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'

// Most runs last a second or two, and by default Node 20's V8 spends a good part of that on
// optimising functions that are about to end. The flag is that version's own: another would
// print that it does not know it.
if (process.versions.v8.startsWith('11.3.')) setFlagsFromString('--interrupt-budget=300000')

const { execute } = await import('@oclif/core')
await execute({ dir: import.meta.url })
