import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { onBattery } from '../../src/host/power-supply.js'
import { scratchFolder } from '../support/tools.js'

describe('the power supply', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())
  let count = 0
  const machine = (supplies: Record<string, Record<string, string>>): string => {
    const folder = join(scratch.path, String(count++))
    mkdirSync(folder)
    for (const [name, files] of Object.entries(supplies)) {
      mkdirSync(join(folder, name))
      for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), `${text}\n`)
    }
    return folder
  }
  const mains = (online: string): Record<string, string> => ({ type: 'Mains', online })
  const battery = (status: string, more = {}): Record<string, string> => ({ type: 'Battery', status, ...more })

  it('is no battery where there is nothing but a plug', () => {
    expect(onBattery(machine({}))).to.equal(false)
    expect(onBattery(join(scratch.path, 'missing'))).to.equal(false)
  })

  it('is the battery when the plug is out, whatever else is known', () => {
    expect(onBattery(machine({ AC: mains('0'), BAT0: battery('Discharging') }))).to.equal(true)
    expect(onBattery(machine({ AC: mains('0') }))).to.equal(true)
    expect(onBattery(machine({ BAT0: battery('Discharging') }))).to.equal(true)
  })

  it('is the plug as soon as one is in, also one by USB', () => {
    expect(onBattery(machine({ AC: mains('1'), BAT0: battery('Discharging') }))).to.equal(false)
    const usb = { type: 'USB', online: '1' }
    expect(onBattery(machine({ AC: mains('0'), ucsi: usb, BAT0: battery('Charging') }))).to.equal(false)
  })

  it('is not that of a mouse', () => {
    const mouse = battery('Discharging', { scope: 'Device' })
    expect(onBattery(machine({ hid0: mouse }))).to.equal(false)
    expect(onBattery(machine({ hid0: mouse, BAT0: battery('Full') }))).to.equal(false)
  })
})
