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
  readonly closeOnExec: boolean
}

/** A table of descriptors. Fork copies it, but most children write nothing into theirs: it is copied when it is first changed. */
class Table {
  private borrowed = false

  private descriptors: Map<number, Descriptor>

  constructor(descriptors: Map<number, Descriptor> = new Map()) {
    this.descriptors = descriptors
  }

  copy(): Table {
    this.borrowed = true
    const copy = new Table(this.descriptors)
    copy.borrowed = true
    return copy
  }

  get(number: number): Descriptor | undefined {
    return this.descriptors.get(number)
  }

  set(number: number, descriptor: Descriptor): void {
    if (this.descriptors.size < mostDescriptors || this.descriptors.has(number)) this.own().set(number, descriptor)
  }

  delete(number: number): void {
    if (this.descriptors.has(number)) this.own().delete(number)
  }

  deleteWhere(gone: (number: number, descriptor: Descriptor) => boolean): void {
    for (const [number, descriptor] of [...this.descriptors]) if (gone(number, descriptor)) this.own().delete(number)
  }

  private own(): Map<number, Descriptor> {
    if (this.borrowed) {
      this.descriptors = new Map(this.descriptors)
      this.borrowed = false
    }
    return this.descriptors
  }
}

interface Whereabouts {
  workingDirectory: string | undefined
  /** Prefix of absolute names after chroot; '' normally. */
  root: string
}

// Together some hundred megabytes at the very worst.
const mostProcesses = 1024
const mostDescriptors = 1024

export class Process {
  private files: Table
  private place: Whereabouts

  constructor(files: Table, place: Whereabouts) {
    this.files = files
    this.place = place
  }

  static first(workingDirectory: string | undefined): Process {
    return new Process(new Table(), { workingDirectory, root: '' })
  }

  child(sharesFiles: boolean, sharesPlace: boolean): Process {
    return new Process(sharesFiles ? this.files : this.files.copy(), sharesPlace ? this.place : { ...this.place })
  }

  file(number: number): OpenFile | undefined {
    return this.files.get(number)?.file
  }

  open(number: number, file: OpenFile, closeOnExec: boolean): void {
    if (number >= 0) this.files.set(number, { file, closeOnExec })
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
    this.files.deleteWhere((number) => number >= first && number <= last)
  }

  setCloseOnExec(number: number, closeOnExec: boolean): void {
    const descriptor = this.files.get(number)
    if (descriptor) this.files.set(number, { file: descriptor.file, closeOnExec })
  }

  /** A new program: its own table, without what closes on exec. */
  exec(): void {
    this.files = this.files.copy()
    this.files.deleteWhere((_, { closeOnExec }) => closeOnExec)
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

/** All of them by process id. Bounded: past 1,024 the one not heard of for longest is forgotten. */
export class Processes {
  private readonly byId = new Map<number, Process>()
  private latest: number | undefined

  private readonly workingDirectory: string | undefined

  constructor(workingDirectory: string | undefined) {
    this.workingDirectory = workingDirectory
  }

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
    if (!found) {
      this.set(id, (found = Process.first(this.workingDirectory)))
    } else if (this.byId.size > mostProcesses / 2) {
      // Back to the end of the order in which they are forgotten.
      this.byId.delete(id)
      this.byId.set(id, found)
    }
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
