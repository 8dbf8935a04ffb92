// Writes the pages for man(1) into a folder: node scripts/make-manual.mjs [FOLDER]
// SOURCE_DATE_EPOCH sets their day, for builds that are to come out the same twice.
import { Config } from '@oclif/core'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { home, loadPlugins } from '../dist/cli/session/launch.js'
import { commandTable, e4defragEntry } from '../dist/cli/generated/command-table.js'
import { manual } from '../dist/cli/generated/manual.js'

const folder = process.argv[2] ?? join(home, 'man')
const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
const day =
  process.env.SOURCE_DATE_EPOCH === undefined ? new Date() : new Date(Number(process.env.SOURCE_DATE_EPOCH) * 1000)
const config = await Config.load({ root: home, plugins: await loadPlugins(), userPlugins: false, devPlugins: false })
const pages = manual(commandTable(config.commands, config.bin), e4defragEntry, {
  version,
  date: day.toISOString().slice(0, 10),
  summary: 'put what a boot reads into one run on the disk',
  description: `bootpack records what a boot reads and in what order, lays those blocks out as
one contiguous run in that order, and measures the seek distance before and after.
It works on an unmounted ext4 image or device without root and exact to the block,
and on a mounted ext4 filesystem through the stock kernel.

The contents of files never change. What cannot be done safely is refused, with the
reason and the way out.`,
})
mkdirSync(folder, { recursive: true })
// Pages of commands that are no more; the folder may hold those of other programs.
for (const name of readdirSync(folder)) if (/^bootpack(-[a-z-]+)?\.1$/.test(name)) rmSync(join(folder, name))
for (const { file, text } of pages) writeFileSync(join(folder, file), text)
console.log(`${pages.length} pages written to ${folder}. Read one with: man -l ${join(folder, 'bootpack.1')}`)
