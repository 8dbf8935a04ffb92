/**
 * Everything between the moment systemd hands over and the moment the machine is taken
 * down. Whatever goes wrong is told and written down; nothing here may keep a machine
 * from going down for longer than was agreed.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onBattery } from '../../host/power-supply.js'
import { memoryFigure } from '../../host/memory.js'
import { reboot } from '../../kernel/reboot.js'
import { homeOf } from '../home.js'
import { commandLine, parseOrder, type Order } from '../order.js'
import type { Outcome } from '../outcome.js'
import { names, oldRoot, orderFolder, outputFolder } from '../places.js'
import { MachineConsole } from './console.js'
import { keepNext } from './down.js'
import { withMounted } from './mounted-again.js'
import { runCommand, type CommandRun, type Step } from './ordered-command.js'
import { progressLine } from './progress-line.js'
import { swapOffAll, unmountAll } from './unmount-all.js'
import { Watchdogs } from './watchdogs.js'
import { putOutputs, writeDown } from './write-down.js'
import { judge, notThisTime, type Verdict } from './verdict.js'

const log = '/tmp/log'
/** Milliseconds for what was being committed when the time was over. */
const patience = 20_000
/** Milliseconds for the list of preload. */
const listPatience = 60_000

export async function carryOut(verb: string): Promise<void> {
  const began = Date.now()
  const home = homeOf()
  writeFileSync(log, `${new Date().toISOString()} ${verb}\n`, { mode: 0o600 })
  const order = parseOrder(readFileSync(join(orderFolder, names.order), 'utf8'), names.order)
  const stop = new AbortController()
  const watchdogs = new Watchdogs()
  const console = new MachineConsole(() => stop.abort('key'))
  process.on('SIGTERM', () => stop.abort('Ctrl-Alt-Del'))
  const limit = setTimeout(() => stop.abort('time'), order.limit * 1000)
  const elapsed = (): number => (Date.now() - began) / 1000
  try {
    // From now on Ctrl-Alt-Del is a signal for process 1, which passes it on.
    reboot('tell-process-1')
    const verdict = await act(order, { home, stop: stop.signal, console, left: () => order.limit - elapsed() })
    console.say(verdict.sentence)
    await finish(order, verdict, { verb, began, home, console, stop: stop.signal })
  } finally {
    clearTimeout(limit)
    console.close()
    watchdogs.leave()
  }
}

interface Session {
  readonly home: string
  readonly stop: AbortSignal
  readonly console: MachineConsole
  /** Seconds until the limit. */
  readonly left: () => number
}

/** The order itself. */
async function act(order: Order, session: Session): Promise<Verdict> {
  if (onBattery()) return notThisTime('the machine runs on its battery')
  const available = memoryFigure('MemAvailable') ?? 0
  if (available < order.memory)
    return notThisTime(
      `${Math.round(available / 1e6)} MB of memory are available, and it takes ${Math.round(order.memory / 1e6)}`,
    )
  keepNext()
  swapOffAll(oldRoot)
  const held = unmountAll(oldRoot)
  if (held) {
    const by = held.by.length === 0 ? 'something' : held.by.join(', ')
    return notThisTime(`${by} still holds ${held.mountPoint.slice(oldRoot.length) || '/'}`)
  }
  const words = commandLine(order, { target: order.filesystem.device, inputs: orderFolder, outputs: outputFolder })
  appendFileSync(log, `bootpack ${words.join(' ')}\n`)
  const run = await runShown(words, session)
  return judge(order, run, session.stop)
}

async function runShown(words: readonly string[], { home, stop, console, left }: Session): Promise<CommandRun> {
  let step: Step = { step: 'Starting', done: 0, total: 0 }
  let since = Date.now()
  const draw = (): void => console.show(progressLine(step, (Date.now() - since) / 1000, left()))
  const timer = setInterval(draw, 500)
  try {
    return await runCommand({
      home,
      words,
      log,
      signal: stop,
      patience,
      onStep: (next) => {
        if (next.step !== step.step) since = Date.now()
        step = next
      },
    })
  } finally {
    clearInterval(timer)
  }
}

interface Ending {
  readonly verb: string
  readonly began: number
  readonly home: string
  readonly console: MachineConsole
  readonly stop: AbortSignal
}

/** Back on the machine's own disk: outputs, the list of preload, the outcome. */
async function finish(order: Order, verdict: Verdict, { verb, began, home, console }: Ending): Promise<void> {
  const write = async (): Promise<void> => {
    const written = verdict.begun ? putOutputs(oldRoot, order) : []
    const preload = verdict.begun ? await updateList(order, home) : undefined
    const outcome: Outcome = {
      version: 1,
      id: order.id,
      command: order.command,
      kind: verdict.kind,
      ...(verdict.reason !== undefined && { reason: verdict.reason }),
      when: new Date(began).toISOString(),
      verb,
      seconds: Math.round((Date.now() - began) / 100) / 10,
      ...(verdict.run && { exitCode: verdict.run.status, report: verdict.run.report }),
      ...(preload && { preload }),
      written,
      armed: verdict.armed,
    }
    writeDown(oldRoot, order, outcome, log)
  }
  try {
    await withMounted(order.mounts, oldRoot, write)
  } catch (error) {
    console.say(
      `what became of it could not be written down: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

async function updateList(order: Order, home: string): Promise<Outcome['preload']> {
  if (order.preloadTrace === undefined) return undefined
  const run = await runCommand({
    home,
    words: ['preload', 'update', oldRoot, '--trace', join(orderFolder, order.preloadTrace)],
    log,
    onStep: () => {},
    signal: AbortSignal.timeout(listPatience),
    patience: 1000,
  })
  return run.status === 0 ? { updated: true } : { updated: false, reason: run.complaint }
}
