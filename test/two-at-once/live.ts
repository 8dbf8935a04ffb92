/** Rounds of two at once on a mounted filesystem: bootpack stopped between its calls of the kernel. */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loopMount } from '../support/loop-mount.js'
import { Random } from '../support/random.js'
import { run, scratchFolder } from '../support/tools.js'
import { Intruder, liveIntruders, type LiveIntruderName } from './intruder.js'
import { judge } from './judge.js'
import type { OfflineOptions } from './offline.js'
import type { RoundResult } from './round.js'
import { makeSpecimen, type Specimen } from './specimen.js'
import { StoppedCommand } from './stopped-command.js'

const patience = 120_000

export interface LiveOptions extends Omit<OfflineOptions, 'only' | 'unguarded' | 'kinds'> {
  readonly only?: LiveIntruderName
}

export async function playLive({ rounds, seed, only, keep, untilFirst, onRound }: LiveOptions): Promise<RoundResult[]> {
  const scratch = scratchFolder()
  const results: RoundResult[] = []
  try {
    const specimens = [
      await makeSpecimen(join(scratch.path, 'kind0'), 0, 64),
      await makeSpecimen(join(scratch.path, 'kind1'), 1, 64),
    ]
    const moments = new Map<Specimen, string>()
    for (const specimen of specimens) {
      const mount = loopMount(specimen.image)
      try {
        const alone = pack(mount.path, specimen, scratch.path)
        const { code, said } = await alone.ended(patience)
        if (code !== 0 && code !== 3) throw new Error(`packing alone ended with ${code}:\n${said}`)
        moments.set(specimen, alone.moments())
      } finally {
        mount.remove()
      }
    }
    for (let round = 0; round < rounds; round++) {
      const folder = join(scratch.path, 'round')
      mkdirSync(folder)
      const random = new Random(seed * 1000 + round)
      const specimen = random.pick(specimens)
      const what = only ?? random.pick(liveIntruders)
      const result = await playRound(specimen, moments.get(specimen)!, what, round, random, folder)
      results.push(result)
      onRound?.(result)
      if (result.problem !== undefined && keep !== undefined) {
        mkdirSync(keep, { recursive: true })
        rmSync(join(keep, `live-${seed}-${round}`), { recursive: true, force: true })
        renameSync(folder, join(keep, `live-${seed}-${round}`))
      } else rmSync(folder, { recursive: true })
      if (result.problem !== undefined && untilFirst) break
    }
  } finally {
    scratch.remove()
  }
  return results
}

async function playRound(
  specimen: Specimen,
  moments: string,
  what: LiveIntruderName,
  round: number,
  random: Random,
  folder: string,
): Promise<RoundResult> {
  const at = (name: string): string => join(folder, name)
  const mount = loopMount(specimen.image)
  try {
    const settings = JSON.stringify(mount.settings())
    const exchanges = [...moments].flatMap((letter, index) => (letter === 'm' ? [index] : []))
    const stop = {
      at: random.chance(0.3) ? random.below(moments.length) : random.pick(exchanges) + random.between(-3, 3),
      after: random.chance(0.5),
    }
    const title = `round ${round}: packing ${specimen.name} mounted, ${what}, stopped ${stop.after ? 'after' : 'before'} ${moments[stop.at]} ${stop.at} of ${moments.length}`
    const bootpack = pack(mount.path, specimen, folder, stop)
    const stands = await bootpack.stopped()
    const intruder = new Intruder({
      what,
      target: mount.path,
      stay: random.chance(0.5),
      round,
      specimen,
      mountPoint: mount.path,
      inode: statSync(mount.image).ino,
      log: at('log'),
    })
    const progress = await intruder.progress(4000)
    bootpack.continue()
    const ended = await bootpack.ended(patience)
    const intruderCode = await intruder.leaves(patience)
    const settingsNow = existsSync(mount.sysfs) ? JSON.stringify(mount.settings()) : settings
    run('umount', [mount.path], { ok: [0, 32] })
    const trouble = checked(() => {
      mount.released()
    })
    copyFileSync(mount.image, at('disk.img'))
    const problem =
      trouble ??
      judge({
        image: at('disk.img'),
        contents: specimen.contents,
        layout: specimen.layout,
        plan: at('plan'),
        command: 'pack',
        bootpack: ended,
        intruder: what,
        intruderCode,
        wrote: intruder.wrote(),
      }) ??
      (settingsNow === settings ? undefined : `settings ${settingsNow}, not ${settings}`)
    writeFileSync(
      at('said'),
      `${title}\nbootpack: ${ended.code}\n${ended.said}\nintruder: ${progress}, ${intruderCode}\n${intruder.said}\n`,
    )
    return {
      title,
      intruder: what,
      on: 'device',
      progress: stands ? progress : 'bootpack was done',
      code: ended.code,
      problem,
    }
  } finally {
    mount.remove()
  }
}

function checked(action: () => void): string | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function pack(path: string, specimen: Specimen, folder: string, stop?: { at: number; after: boolean }): StoppedCommand {
  return new StoppedCommand(['pack', path, '-t', specimen.trace, '--evict', '-o', join(folder, 'plan')], {
    target: path,
    report: join(folder, 'moments'),
    ...(stop && { stop }),
  })
}
