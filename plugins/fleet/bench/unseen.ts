/**
 * What a fleet's profile is worth to boots it has not seen: a profile of 1,000 boots, 100
 * others; the share of their bytes that it has, the bytes it has in vain, and the modelled
 * time of those boots on the image packed by the profile, beside a packing by one boot's own trace.
 *
 *     node --import tsx --conditions=bootpack-source plugins/fleet/bench/unseen.ts IMAGE RECORDING…
 *
 * IMAGE is the filesystem of the recordings, which were imported with `trace import --target IMAGE`; it is
 * copied, never written.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTrace, writeTrace, type Trace } from 'bootpack'
import { mergeTraces } from 'bootpack/trace'
import {
  benchArguments,
  benchFolder,
  bootpackJson,
  costOfBootpack,
  median,
} from '../../../test/support/bench-process.js'
import { sizeOf, subtract, unionOf, type ByteRange } from '../../../src/trace/model/byte-ranges.js'
import { rangeOf, readIdentity } from '../../../src/trace/model/read-identity.js'
import { table } from '../../../src/text/table.js'
import { bytes, seconds } from '../../../src/text/units.js'
import { makeFleet } from '../test/support/fleet-generator.js'

const seen = 1000
const unseen = 100
/** Boots whose own trace the image is packed by, for comparison. */
const alone = 5

const [image, ...files] = benchArguments(2, '../../plugins/fleet/bench/unseen.ts IMAGE RECORDING…')
const recordings: Trace[] = []
for (const file of files) recordings.push(await readTrace(file))
const boots = [...makeFleet(recordings, { boots: seen + unseen, seed: 5, upgrade: false })].map(({ trace }) => trace)
// Not the last ones in time: every eleventh.
const isUnseen = (_: Trace, i: number): boolean => i % 11 === 10
const others = boots.filter(isUnseen)
const profile = mergeTraces(boots.filter((trace, i) => !isUnseen(trace, i)))

function rangesOf(trace: Trace, identity: ReturnType<typeof readIdentity>): Map<string, ByteRange[]> {
  const ranges = new Map<string, ByteRange[]>()
  for (const read of trace.reads) {
    const key = identity(read)
    ranges.set(key, [...(ranges.get(key) ?? []), rangeOf(read)])
  }
  return new Map([...ranges].map(([key, each]) => [key, unionOf(each)]))
}

const sum = (ranges: Map<string, ByteRange[]>): number =>
  [...ranges.values()].reduce((total, each) => total + sizeOf(each).bytes, 0)

const minus = (a: Map<string, ByteRange[]>, b: Map<string, ByteRange[]>): Map<string, ByteRange[]> =>
  new Map([...a].map(([key, each]) => [key, subtract(each, b.get(key) ?? [])]))

const coverage: number[] = []
const vain: number[] = []
for (const boot of others) {
  const identity = readIdentity([profile.reads, boot.reads])
  const [has, reads] = [rangesOf(profile, identity), rangesOf(boot, identity)]
  coverage.push(1 - sum(minus(reads, has)) / sum(reads))
  vain.push(sum(minus(has, reads)))
}

const folder = benchFolder()
const model = 'hdd-7200'
try {
  const at = (name: string): string => join(folder.path, name)
  const timeOf = async (packed: string, boot: Trace): Promise<number> => {
    await writeTrace(at('one.trace'), boot)
    const answer = bootpackJson<{ modelMs: Record<string, number> }>([
      'measure',
      packed,
      '--trace',
      at('one.trace'),
      '--disk',
      model,
    ])
    return answer.modelMs[model]!
  }
  const packedBy = async (trace: Trace, name: string): Promise<string> => {
    copyFileSync(image!, at(name))
    await writeTrace(at('by.trace'), trace)
    costOfBootpack(['pack', at(name), '--trace', at('by.trace'), '--evict', '--force'])
    return at(name)
  }
  const sample = others.slice(0, 20)
  const aged: number[] = []
  for (const boot of sample) aged.push(await timeOf(image!, boot))
  const byProfile: number[] = []
  const packed = await packedBy(profile, 'profile.img')
  for (const boot of sample) byProfile.push(await timeOf(packed, boot))
  const own: number[] = []
  for (const boot of sample.slice(0, alone)) own.push(await timeOf(await packedBy(boot, 'own.img'), boot))
  const range = (values: readonly number[], show: (value: number) => string): string[] => [
    show(Math.min(...values)),
    show(median(values)),
    show(Math.max(...values)),
  ]
  const percent = (value: number): string => `${(value * 100).toFixed(1)} %`
  console.log(
    table(
      ['boots the profile has not seen', 'least', 'median', 'most'],
      [
        ['share of their bytes in the profile', ...range(coverage, percent)],
        ['bytes of the profile in vain', ...range(vain, bytes)],
        [`disk time, ${model}, aged`, ...range(aged, seconds)],
        ['packed by the profile', ...range(byProfile, seconds)],
        [`packed by its own trace (${alone})`, ...range(own, seconds)],
      ],
    ),
  )
} finally {
  folder.remove()
}
