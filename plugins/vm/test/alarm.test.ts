import { expect } from 'chai'
import { Random } from '../../../test/support/random.js'
import { Alarm } from '../src/disk/alarm.js'
import { milliseconds } from '../src/disk/clock.js'

describe('the alarm', () => {
  let alarm: Alarm
  beforeEach(() => {
    alarm = new Alarm()
  })
  afterEach(() => alarm.close())

  it('rings in order and never early, and is exact to a fraction of a millisecond', async () => {
    const random = new Random(5)
    const begun = milliseconds()
    const dues = Array.from({ length: 60 }, () => begun + 5 + random.fraction() * 300)
    const rung: { due: number; late: number }[] = []
    await Promise.all(
      dues.map(
        (due) =>
          new Promise<void>((resolve) => {
            alarm.at(due, () => {
              rung.push({ due, late: milliseconds() - due })
              resolve()
            })
          }),
      ),
    )
    expect(rung.map(({ due }) => due)).to.deep.equal([...dues].sort((a, b) => a - b))
    const late = rung.map((each) => each.late).sort((a, b) => a - b)
    expect(late[0]!).to.be.at.least(0)
    // The median, as a busy machine may take the processor away now and then. Timers of Node are off by half a millisecond and more.
    expect(late[30]!).to.be.below(0.5)
  })

  it('takes an earlier time while it waits for a later one', async () => {
    const order: string[] = []
    const now = milliseconds()
    const both = [
      new Promise<void>((resolve) =>
        alarm.at(now + 200, () => {
          order.push('late')
          resolve()
        }),
      ),
      new Promise<void>((resolve) =>
        setTimeout(
          () =>
            alarm.at(now + 40, () => {
              order.push('early')
              resolve()
            }),
          10,
        ),
      ),
    ]
    await Promise.all(both)
    expect(order).to.deep.equal(['early', 'late'])
  })

  it('rings for what is past in the next turn, not from within the call', async () => {
    let rung = false
    const ringing = new Promise<void>((resolve) =>
      alarm.at(milliseconds() - 5, () => {
        rung = true
        resolve()
      }),
    )
    expect(rung).to.equal(false)
    await ringing
  })
})
