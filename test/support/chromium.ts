/**
 * Debian's Chromium, driven over its debugging pipe: one process, one page at a time,
 * no port and no dependency. The protocol is JSON messages with a zero byte between.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import type { Context } from 'mocha'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { needTools, scratchFolder } from './tools.js'

/** Skips the test, saying why, unless there is a browser. */
export const needChromium = (context: Context): void => needTools(context, 'chromium')

type Params = Readonly<Record<string, unknown>>

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Params
  readonly sessionId?: string
  readonly result?: Params
  readonly error?: { readonly message: string }
}

const quiet = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--remote-debugging-pipe',
]

export class Browser {
  private next = 0
  private readonly waiting = new Map<number, { resolve: (result: Params) => void; reject: (error: Error) => void }>()
  private readonly listeners = new Set<(message: Message) => void>()

  private readonly process: ChildProcess
  private readonly profile: { path: string; remove: () => void }

  private constructor(process: ChildProcess, profile: { path: string; remove: () => void }) {
    this.process = process
    this.profile = profile
    let text = ''
    ;(process.stdio[4] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      const messages = (text + chunk).split('\0')
      text = messages.pop()!
      for (const message of messages) this.take(JSON.parse(message) as Message)
    })
    process.once('exit', (code) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`Chromium ended with ${code}.`))
    })
  }

  static launch(): Browser {
    const profile = scratchFolder()
    const child = spawn('chromium', [...quiet, `--user-data-dir=${profile.path}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    })
    return new Browser(child, profile)
  }

  private take(message: Message): void {
    const waiting = message.id === undefined ? undefined : this.waiting.get(message.id)
    if (waiting) {
      this.waiting.delete(message.id!)
      if (message.error) waiting.reject(new Error(message.error.message))
      else waiting.resolve(message.result ?? {})
    }
    for (const listener of this.listeners) listener(message)
  }

  send(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    const id = ++this.next
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      ;(this.process.stdio[3] as Writable).write(
        `${JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) })}\0`,
      )
    })
  }

  /** @returns how to stop listening */
  listen(listener: (message: Message) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  async open(url: string, view: View = {}): Promise<Page> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const page = new Page(this, sessionId as string)
    await page.begin(url, view)
    return page
  }

  async close(): Promise<void> {
    const gone = once(this.process, 'exit')
    await this.send('Browser.close').catch(() => this.process.kill())
    await gone
    this.profile.remove()
  }
}

export interface View {
  readonly width?: number
  readonly height?: number
  readonly dark?: boolean
  readonly media?: 'screen' | 'print'
}

export class Page {
  /** Everything the page asked for, its own file included. */
  readonly requests: string[] = []
  /** Uncaught errors, console messages and refusals of the content policy. */
  readonly complaints: string[] = []

  private readonly browser: Browser
  private readonly session: string

  constructor(browser: Browser, session: string) {
    this.browser = browser
    this.session = session
    browser.listen(({ sessionId, method, params }) => {
      if (sessionId !== session || method === undefined) return
      if (method === 'Network.requestWillBeSent') this.requests.push((params!['request'] as { url: string }).url)
      if (method === 'Runtime.exceptionThrown' || method === 'Runtime.consoleAPICalled' || method === 'Log.entryAdded')
        this.complaints.push(JSON.stringify(params))
    })
  }

  send(method: string, params: Params = {}): Promise<Params> {
    return this.browser.send(method, params, this.session)
  }

  async begin(url: string, view: View): Promise<void> {
    for (const domain of ['Page', 'Runtime', 'Network', 'Log', 'DOM', 'Accessibility'])
      await this.send(`${domain}.enable`)
    await this.look(view)
    const loaded = new Promise<void>((resolve) => {
      const stop = this.browser.listen(({ method, sessionId }) => {
        if (method !== 'Page.loadEventFired' || sessionId !== this.session) return
        stop()
        resolve()
      })
    })
    await this.send('Page.navigate', { url })
    await loaded
  }

  /** Size, theme and medium; what is left out is as on a usual screen. */
  async look({ width = 1280, height = 900, dark = false, media = 'screen' }: View): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })
    await this.send('Emulation.setEmulatedMedia', {
      media,
      features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
    })
  }

  /** Value of an expression, awaited if it is a promise. */
  async value<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    })
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
    return (result as { value: T }).value
  }

  /** Waits until an expression is true, looking once a frame of the page. */
  async until(expression: string, frames = 600): Promise<void> {
    const met = await this.value<boolean>(`new Promise((done) => { let left = ${frames}; const look = () => {
      let met = false; try { met = Boolean(${expression}) } catch {}
      if (met || --left <= 0) done(met); else requestAnimationFrame(look) }; look() })`)
    if (!met) throw new Error(`${expression} never became true.`)
  }

  /** A key as a person presses it; `key` as in KeyboardEvent. */
  async press(key: string): Promise<void> {
    const text = key.length === 1 ? { text: key } : key === 'Enter' ? { text: '\r' } : {}
    const codes: Readonly<Record<string, number>> = {
      Tab: 9,
      Enter: 13,
      Escape: 27,
      Home: 36,
      ArrowLeft: 37,
      ArrowUp: 38,
      ArrowRight: 39,
      ArrowDown: 40,
    }
    const common = { key, ...text, windowsVirtualKeyCode: codes[key] ?? key.toUpperCase().charCodeAt(0) }
    await this.send('Input.dispatchKeyEvent', { type: text.text === undefined ? 'rawKeyDown' : 'keyDown', ...common })
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...common })
  }

  async mouse(
    type: 'mousePressed' | 'mouseReleased' | 'mouseMoved' | 'mouseWheel',
    x: number,
    y: number,
    more: Params = {},
  ): Promise<void> {
    await this.send('Input.dispatchMouseEvent', {
      type,
      x,
      y,
      button: type === 'mouseMoved' ? 'none' : 'left',
      clickCount: 1,
      ...more,
    })
  }

  /** PNG of what is seen, in base64. */
  async screenshot(): Promise<string> {
    return (await this.send('Page.captureScreenshot', { format: 'png' }))['data'] as string
  }

  async close(): Promise<void> {
    await this.send('Page.close')
  }
}
