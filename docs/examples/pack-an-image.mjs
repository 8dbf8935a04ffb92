// Packing an image from a program: what `bootpack pack --evict` does, with a condition
// of one's own. Here nothing is written that would not spare at least half the seeks.
//
//     node docs/examples/pack-an-image.mjs disk.img boot.trace
import { applyPlan, BootpackError, createPlan, openTarget, readTrace, verifyPlan } from 'bootpack'
import { count } from 'bootpack/text'

const [target, traceFile] = process.argv.slice(2)
try {
  const { reads } = await readTrace(traceFile)
  const volume = await openTarget(target, { write: true })
  try {
    // A plan is data: it can be looked at, kept (planText), and applied another day.
    const { plan } = await createPlan(volume, reads, { target, evict: true, metadata: true })
    const { before, predicted } = plan.measure
    if (predicted.seeks * 2 > before.seeks) {
      console.log(`Not worth it: ${count(before.seeks)} seeks would become ${count(predicted.seeks)}.`)
      process.exitCode = 4
    } else {
      const { movedBlocks } = await applyPlan(plan, volume, { force: false })
      // Believed is what is read back, not what was reported.
      const { complete } = await verifyPlan(plan, volume)
      console.log(`${count(movedBlocks)} blocks moved: ${count(before.seeks)} seeks became ${count(predicted.seeks)}.`)
      if (!complete) process.exitCode = 3
    }
  } finally {
    await volume.close()
  }
} catch (error) {
  if (!(error instanceof BootpackError)) throw error
  // Every error says what was wrong and what to do, and knows its exit code.
  console.error(`${error.message} ${error.next ?? ''}`)
  process.exitCode = error.exitCode
}
