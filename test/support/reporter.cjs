// Mocha's spec reporter with one more line at the end, alone on its line, for
// whoever reads the run with a program: "N passed, N failed[, N skipped]".
const { reporters, Runner } = require('mocha')

module.exports = class CountingSpec extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats
      const skipped = pending > 0 ? `, ${pending} skipped` : ''
      console.log(`${passes} passed, ${failures} failed${skipped}`)
    })
  }
}
