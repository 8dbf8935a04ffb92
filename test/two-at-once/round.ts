/**
 * One round: a bootpack is stopped at a random moment, somebody else comes and does what he
 * came for or is kept waiting, bootpack goes on, both end, and what became of the image is
 * judged.
 */
import { copyFileSync, mkdirSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Random } from '../support/random.js'
import { run } from '../support/tools.js'
import { Intruder, intruders, unasked, type IntruderName, type LiveIntruderName, type Progress } from './intruder.js'
import { judge } from './judge.js'
import { StoppedCommand } from './stopped-command.js'
import type { Specimen } from './specimen.js'

/** Milliseconds for a bootpack or an intruder to come to its end. */
const patience = 120_000

export interface RoundOptions {
  readonly specimens: readonly Specimen[]
  readonly round: number
  readonly random: Random
  /** For the image, the mount point and the notes of this round. */
  readonly folder: string
  readonly unguarded?: boolean
  readonly only?: IntruderName
  /** Those too who open a device without asking to have it to themselves. */
  readonly unasked?: boolean
  /** Moments of a command that nobody disturbs, by command and specimen; filled as they are needed. */
  readonly moments: Map<string, string>
}

export interface RoundResult {
  readonly title: string
  readonly intruder: IntruderName | LiveIntruderName
  readonly on: 'file' | 'device'
  readonly progress: Progress | 'bootpack was done'
  readonly code: number | null | undefined
  readonly problem: string | undefined
}

const commands = ['pack', 'pack', 'pack --inodes', 'apply', 'undo'] as const

export async function playRound(options: RoundOptions): Promise<RoundResult> {
  const { specimens, round, random, folder, unguarded = false } = options
  const specimen = random.pick(specimens)
  const command = random.pick(commands)
  const what = options.only ?? random.pick(intruders)
  const onDevice = !unguarded && random.chance(0.35)
  const at = (name: string): string => join(folder, name)
  const image = at('disk.img')
  run('cp', ['--sparse=always', command === 'undo' ? specimen.packed : specimen.image, image])
  copyFileSync(specimen.plan, at('plan'))
  mkdirSync(at('mounted'), { recursive: true })
  const loops = onDevice ? [attach(image)] : []
  const target = loops[0] ?? image
  const others = unasked.has(what) && !options.unasked ? image : random.pick([target, image])
  try {
    const moments = await momentsOf(options, specimen, command, onDevice)
    const stop = { at: pickMoment(moments, random), after: random.chance(0.5) }
    const common = { target, report: at('moments'), stop, ...(unguarded && { unguarded }) }
    const title = `round ${round}: ${command} on ${specimen.name} ${onDevice ? 'device' : 'file'}, ${what}${others === target ? '' : ' through the file'}, stopped ${stop.after ? 'after' : 'before'} ${moments[stop.at]} ${stop.at} of ${moments.length}`
    const bootpack = new StoppedCommand(argumentsOf(command, target, specimen, at('plan')), common)
    const stands = await bootpack.stopped()
    const intruder = new Intruder({
      what,
      target: others,
      stay: random.chance(0.4),
      round,
      specimen,
      mountPoint: at('mounted'),
      inode: statSync(image).ino,
      log: at('log'),
    })
    const progress = await intruder.progress(4000)
    bootpack.continue()
    const ended = await bootpack.ended(patience)
    const intruderCode = await intruder.leaves(patience)
    await settle(image, loops)
    const problem = judge({
      image,
      contents: specimen.contents,
      layout: command === 'undo' ? specimen.packedLayout : specimen.layout,
      plan: at('plan'),
      command,
      bootpack: ended,
      intruder: what,
      intruderCode,
      wrote: intruder.wrote(),
    })
    writeFileSync(
      at('said'),
      `${title}\nbootpack: ${ended.code}\n${ended.said}\nintruder: ${progress}, ${intruderCode}\n${intruder.said}\n`,
    )
    return {
      title,
      intruder: what,
      on: onDevice ? 'device' : 'file',
      progress: stands ? progress : 'bootpack was done',
      code: ended.code,
      problem,
    }
  } finally {
    for (const loop of loops) run('losetup', ['--detach', loop], { ok: [0, 1] })
  }
}

function argumentsOf(command: string, target: string, specimen: Specimen, plan: string): string[] {
  if (!command.startsWith('pack')) return [command, plan, '--target', target]
  const inodes = command.endsWith('--inodes') ? ['--inodes'] : []
  return ['pack', target, '-t', specimen.trace, '--evict', '-o', plan, ...inodes]
}

/** What a command goes through on a copy that it has to itself. */
async function momentsOf(
  { moments, folder }: RoundOptions,
  specimen: Specimen,
  command: string,
  onDevice: boolean,
): Promise<string> {
  const key = `${command} ${specimen.name} ${onDevice ? 'device' : 'file'}`
  const known = moments.get(key)
  if (known !== undefined) return known
  const image = join(folder, 'alone.img')
  run('cp', ['--sparse=always', command === 'undo' ? specimen.packed : specimen.image, image])
  copyFileSync(specimen.plan, join(folder, 'alone.plan'))
  const target = onDevice ? attach(image) : image
  const alone = new StoppedCommand(argumentsOf(command, target, specimen, join(folder, 'alone.plan')), {
    target,
    report: join(folder, 'alone.moments'),
  })
  const { code, said } = await alone.ended(patience)
  if (onDevice) run('losetup', ['--detach', target])
  if (code !== 0) throw new Error(`${key}, alone, ended with ${code}:\n${said}`)
  moments.set(key, alone.moments())
  return alone.moments()
}

/** Anywhere, but mostly where the target is written to, and half of that near a flush. */
function pickMoment(moments: string, random: Random): number {
  const where = (letters: string): number[] =>
    [...moments].flatMap((letter, index) => (letters.includes(letter) ? [index] : []))
  const kind = random.fraction()
  if (kind < 0.2) return random.below(moments.length)
  if (kind < 0.6) return random.pick(where('w'))
  return Math.max(0, Math.min(moments.length - 1, random.pick(where('f')) + random.between(-2, 2)))
}

const attach = (image: string): string => run('losetup', ['--find', '--show', image]).stdout.trim()

/** Another mount namespace, made meanwhile by anybody, may keep a mount alive for a while after it was unmounted here. */
async function settle(image: string, loops: readonly string[]): Promise<void> {
  for (const loop of loops) run('blockdev', ['--flushbufs', loop], { ok: [0, 1] })
  for (let waits = 0; waits < 600; waits++) {
    const left = run('losetup', ['--noheadings', '--output', 'NAME', '--associated', image])
      .stdout.split(/\s+/)
      .filter((name) => name !== '' && !loops.includes(name))
    const mounted = [...left, ...loops].filter((name) => existsSync(`/sys/fs/ext4/${name.slice('/dev/'.length)}`))
    if (left.length === 0 && mounted.length === 0) return
    await setTimeout(50)
  }
  throw new Error(`${image} is still in use: ${readdirSync('/sys/fs/ext4').join(' ')}`)
}
