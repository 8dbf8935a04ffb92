/**
 * What every traced process has open. As in the kernel: an open file (name, position)
 * is shared by all descriptors that came from one open, over dup and fork; a table of
 * descriptors is copied by fork and shared by threads; so is the working directory.
 */

export interface OpenFile {
  /** Undefined for what is no file, or one whose name is not known. */
  readonly path: string | undefined
  readonly readable: boolean
  position: number
}

interface Descriptor {
  readonly file: OpenFile
  closeOnExec: boolean
}

interface Whereabouts {
  workingDirectory: string | undefined
  /** Prefix of absolute names after chroot; '' normally. */
  root: string
}

const mostProcesses = 65_536
const mostDescriptors = 4096

export class Process {
  constructor(
    private files: Map<number, Descriptor>,
    private place: Whereabouts,
  ) {}

  child(sharesFiles: boolean, sharesPlace: boolean): Process {
    const files = sharesFiles ? this.files : new Map([...this.files].map(([number, { file, closeOnExec }]) => [number, { file, closeOnExec }]))
    return new Process(files, sharesPlace ? this.place : { ...this.place })
  }

  file(number: number): OpenFile | undefined {
    return this.files.get(number)?.file
  }

  open(number: number, file: OpenFile, closeOnExec: boolean): void {
    if (!(number >= 0) || this.files.size >= mostDescriptors) return
    this.files.set(number, { file, closeOnExec })
  }

  duplicate(from: number, to: number, closeOnExec: boolean): void {
    const file = this.file(from)
    if (file) this.open(to, file, closeOnExec)
    else this.close(to)
  }

  close(number: number): void {
    this.files.delete(number)
  }

  closeRange(first: number, last: number): void {
    for (const number of this.files.keys()) if (number >= first && number <= last) this.files.delete(number)
  }

  setCloseOnExec(number: number, closeOnExec: boolean): void {
    const descriptor = this.files.get(number)
    if (descriptor) descriptor.closeOnExec = closeOnExec
  }

  /** A new program: its own table, without what closes on exec. */
  exec(): void {
    this.files = new Map([...this.files].filter(([, { closeOnExec }]) => !closeOnExec))
  }

  get workingDirectory(): string | undefined {
    return this.place.workingDirectory
  }

  changeDirectory(path: string | undefined): void {
    this.place.workingDirectory = path
  }

  changeRoot(path: string): void {
    this.place.root = path
  }

  /** @returns the name from the root, or undefined when it is relative to something unknown */
  resolve(name: string, base: string | undefined): string | undefined {
    if (name.startsWith('/')) return this.place.root + name
    return base === undefined ? undefined : `${base}/${name}`
  }
}

/** All of them by process id. Bounded: past 65,536 the oldest is forgotten. */
export class Processes {
  private readonly byId = new Map<number, Process>()
  private latest: number | undefined

  constructor(private readonly workingDirectory: string | undefined) {}

  /** Who speaks without giving an id: 0, or the only process left. */
  alone(): number | undefined {
    if (this.byId.has(0)) return 0
    return this.byId.size === 1 ? this.byId.keys().next().value : this.latest
  }

  has(id: number): boolean {
    return this.byId.has(id)
  }

  get(id: number): Process {
    let found = this.byId.get(id)
    if (!found) this.set(id, found = new Process(new Map(), { workingDirectory: this.workingDirectory, root: '' }))
    return found
  }

  set(id: number, process: Process): void {
    if (this.byId.size >= mostProcesses) this.byId.delete(this.byId.keys().next().value!)
    this.byId.set(id, process)
    this.latest = id
  }

  rename(from: number, to: number): void {
    const found = this.byId.get(from)
    if (!found) return
    this.byId.delete(from)
    this.set(to, found)
  }

  delete(id: number): void {
    this.byId.delete(id)
  }
}
