/** The README's recipe for the machine one sits at, typed into one, and what must be true after each step. */
import { expect } from 'chai'
import { gunzipSync } from 'node:zlib'
import type { Guest } from './machine/guest.js'
import type { Stage } from './stage.js'

/** Until the recording of this boot and what auto does after it have ended. */
const settled = 'sleep 2; while systemctl is-active -q bootpack-collect bootpack-auto; do sleep 1; done'

const trace = '/var/lib/bootpack/auto.trace.gz'

export async function recipe(stage: Stage, say: (text: string) => void): Promise<void> {
  let guest = await stage.boot()
  await goDown(guest)
  const before = stage.contents()
  say(`It boots; ${before.size} files and folders`)

  guest = await stage.boot()
  const begun = await typed(guest, 'bootpack auto / --yes --proofs 1 --at-most 3600', [3])
  expect(begun)
    .to.include('written   /etc/systemd/system/bootpack-auto.service')
    .and.to.include('make the boot entries anew')
  await goDown(guest)
  say('auto has begun')

  for (const n of [1, 2]) {
    guest = await stage.boot()
    await typed(guest, settled)
    const status = await typed(guest, 'bootpack auto status')
    say(`Recorded boot ${n}: ${status.split('\n').slice(0, 2).join('; ')}`)
    expect(status).to.match(
      n === 1 ? /waits +for one more boot, which is recorded/ : /waits +until the machine goes down/,
    )
    if (n === 1) await goDown(guest)
  }
  const ordered = await typed(guest, 'bootpack shutdown status')
  expect(ordered).to.include('ordered   pack /')
  say('Packing is ordered; the machine goes down')
  const aged = (): ReturnType<Stage['extents']> => stage.extents(filesOf(stage))
  guest.send('systemctl reboot\n')
  await guest.hear(/bootpack: packed/, 3000)
  await guest.down(300)
  expect(stage.complaints()).to.equal('')
  const packed = aged()
  say(`Packed: ${packed.blocks} blocks of files in ${packed.pieces} pieces within ${packed.span} blocks`)
  expect(packed.pieces).to.be.below(60)
  const loads = readsOf(stage).filter(({ what }) => what === 'inode').length
  expect(loads, 'inode loads in the trace').to.be.above(300)
  expect(unlike(before, stage.contents())).to.deep.equal([])

  guest = await stage.boot()
  await typed(guest, settled)
  const result = await typed(
    guest,
    'bootpack auto status; bootpack boots; bootpack doctor / | tail -n 12; bootpack preload show /',
  )
  say(`After it:\n${result}`)
  expect(result)
    .to.match(/step 6 of 6/)
    .and.to.include('packed + preload')
  await typed(guest, 'ls -R /var/lib/bootpack; bootpack auto off --forget')
  await goDown(guest)
  expect(stage.complaints()).to.equal('')
  const after = stage.contents()
  expect(differences(before, after), 'left behind, or not as it was').to.deep.equal([])
  expect(stage.kernelArguments()).to.equal('')
  say(`auto is off: ${after.size} files and folders, all as they were`)
}

async function typed(guest: Guest, command: string, statuses = [0]): Promise<string> {
  const { output, status } = await guest.type(command, 1500)
  expect(statuses, `${command}:\n${output}`).to.include(status)
  return output
}

async function goDown(guest: Guest): Promise<void> {
  guest.send('systemctl reboot\n')
  await guest.down(300)
}

interface Read {
  readonly kind?: string
  readonly what?: string
  readonly path?: string
}

const readsOf = (stage: Stage): Read[] =>
  gunzipSync(stage.file(trace))
    .toString('utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as Read)

const filesOf = (stage: Stage): string[] => [
  ...new Set(readsOf(stage).flatMap(({ kind, path }) => (kind === 'data' && path !== undefined ? [path] : []))),
]

function differences(before: Map<string, string>, after: Map<string, string>): string[] {
  const paths = new Set([...before.keys(), ...after.keys()])
  return [...paths]
    .filter((path) => before.get(path) !== after.get(path))
    .map((path) => `${path}: ${before.get(path) ?? 'not there'}, then ${after.get(path) ?? 'not there'}`)
}

/** While auto is at work there is more, and what there was is as it was. */
const unlike = (before: Map<string, string>, after: Map<string, string>): string[] =>
  differences(before, after).filter((each) => !/^\/(?:etc|var\/lib)\/[^:]*: not there,/.test(each))
