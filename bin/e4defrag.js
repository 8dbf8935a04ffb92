#!/usr/bin/env node
import { main } from '../dist/e4defrag/main.js'

process.exitCode = await main(process.argv.slice(2))
