/**
 * A machine ready to be switched on, as often as wanted: the image open, kernel and
 * initial ramdisk in a folder of their own that goes away with it. Each boot starts
 * from the same image: a new disk, a new overlay.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { BootpackError } from 'bootpack'
import { ioError, unsupported, usageError } from 'bootpack/engine'
import { Alarm } from '../disk/alarm.js'
import { diskModel, type DiskName } from '../disk/disk-model.js'
import { RequestLog } from '../disk/request-log.js'
import { SimulatedDisk } from '../disk/simulated-disk.js'
import { NbdServer } from '../nbd/server.js'
import { findBootFiles, isX86Kernel } from './boot-files.js'
import type { Recording } from './boot-trace.js'
import { kernelCommandLine } from './command-line.js'
import { bootFigures, type BootFigures } from './figures.js'
import { BootImage, type ImageFile } from './image-files.js'
import type { AcceleratorName } from './qemu-arguments.js'
import { watchBoot, type BootOptions } from './watch-boot.js'

export interface MachineChoices {
  readonly partition?: number | undefined
  /** Files of the host to take instead of the image's own. */
  readonly kernel?: string | undefined
  readonly initrd?: string | undefined
  /** Kernel arguments. */
  readonly append?: readonly string[] | undefined
  readonly disk: DiskName
  readonly scale: number
  readonly cpus: number
  /** MiB. */
  readonly memory: number
  readonly network: boolean
}

export interface BootResult {
  /** From switching on to the moment waited for. */
  readonly seconds: number
  /** Seconds of it that the machine waited for a processor of the host; undefined where that is not known. */
  readonly hostWait: number | undefined
  /** The console's line that ended it; undefined when it was a time. */
  readonly line: string | undefined
  /** Until that moment. */
  readonly figures: BootFigures
  /** Including what came after that moment, if it was recorded. */
  readonly recording: Recording
  /** The same as the log of a disk, for other tools. */
  readonly log: RequestLog
}

/** Bytes of memory for what one boot writes. */
const writeLimit = 2 ** 30

export class Machine {
  readonly image: BootImage
  private readonly choices: MachineChoices
  private readonly folder: string
  /** Path on the host. */
  readonly kernel: string
  private readonly initrd: string | undefined
  /** Name of the kernel, as in the image or on the host. */
  readonly kernelName: string
  readonly commandLine: string

  private constructor(
    image: BootImage,
    choices: MachineChoices,
    folder: string,
    kernel: string,
    initrd: string | undefined,
    kernelName: string,
    commandLine: string,
  ) {
    this.image = image
    this.choices = choices
    this.folder = folder
    this.kernel = kernel
    this.initrd = initrd
    this.kernelName = kernelName
    this.commandLine = commandLine
  }

  /** @throws what opening the image throws; usage when there is no kernel; unsupported when it is for another processor */
  static async prepare(path: string, choices: MachineChoices): Promise<Machine> {
    const image = await BootImage.open(path, choices.partition)
    let folder: string | undefined
    try {
      const { kernel, initrd } = await bootFiles(image, choices)
      if (!isX86Kernel(kernel.contents)) {
        throw unsupported(
          'not-x86',
          `${kernel.path} is no kernel for x86 (bzImage), and no other machine is emulated here.`,
          'Give another one with --kernel FILE.',
        )
      }
      folder = await scratchFolder()
      await writeFile(join(folder, 'kernel'), kernel.contents, { mode: 0o600 })
      if (initrd) await writeFile(join(folder, 'initrd'), initrd.contents, { mode: 0o600 })
      const commandLine = kernelCommandLine(
        { uuid: image.uuid, partition: image.partition, initrd: initrd !== undefined },
        choices.append ?? [],
      )
      return new Machine(
        image,
        choices,
        folder,
        join(folder, 'kernel'),
        initrd && join(folder, 'initrd'),
        basename(kernel.path),
        commandLine,
      )
    } catch (error) {
      await image.close()
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /**
   * Switches the machine on and off again.
   * @throws io when it ends or the time is over before what was waited for came; interrupted
   */
  async boot(accelerator: AcceleratorName, options: BootOptions): Promise<BootResult> {
    const { disk, scale, cpus, memory, network } = this.choices
    const log = new RequestLog()
    const alarm = new Alarm()
    const simulated = new SimulatedDisk(this.image.disk, alarm, log, {
      model: diskModel(disk, this.image.disk.size),
      scale,
      writeLimit,
    })
    const socket = join(this.folder, 'disk')
    let server: NbdServer | undefined
    try {
      server = await NbdServer.listen(simulated, socket)
      const { kernel, initrd, commandLine } = this
      const hardware = {
        accelerator,
        cpus,
        memory,
        network,
        kernel,
        initrd,
        commandLine,
        diskSocket: socket,
        portSocket: join(this.folder, 'port'),
      }
      const { started, ended, line, hostWait } = await watchBoot(hardware, log, options)
      if (simulated.refusedWrites > 0) {
        throw new BootpackError(
          'no-space',
          'too-many-writes',
          `The boot wrote more than ${writeLimit / 2 ** 20} MiB, which are kept in memory; the rest was refused.`,
          { next: 'Boot it once by other means, so that first-boot work is done, and try again.' },
        )
      }
      return {
        seconds: (ended - started) / 1e3,
        line,
        hostWait,
        figures: bootFigures(log.requests, ended),
        log,
        recording: {
          requests: log.requests,
          lost: log.lost,
          started,
          start: this.image.start,
          length: this.image.length,
        },
      }
    } finally {
      await server?.close()
      await alarm.close()
    }
  }

  async close(): Promise<void> {
    await this.image.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function scratchFolder(): Promise<string> {
  const below = tmpdir()
  // A Unix socket's path has room for 107 bytes.
  if (Buffer.byteLength(below) > 80)
    throw usageError(
      'long-temporary-folder',
      `The folder for temporary files, ${below}, has too long a name for a socket in it.`,
      'Set TMPDIR to a shorter one.',
    )
  return mkdtemp(join(below, 'bootpack-vm-'))
}

/** From flags, and what they leave open from the image. */
async function bootFiles(
  image: BootImage,
  choices: MachineChoices,
): Promise<{ kernel: ImageFile; initrd: ImageFile | undefined }> {
  const initrdGiven = choices.initrd === undefined ? undefined : await hostFile(choices.initrd)
  if (choices.kernel !== undefined) return { kernel: await hostFile(choices.kernel), initrd: initrdGiven }
  image.requireReadable()
  const found = await findBootFiles(image)
  const kernel = await image.read(found.kernel)
  if (!kernel) throw usageError('no-kernel', `${found.kernel} is not there any more.`)
  return { kernel, initrd: initrdGiven ?? (found.initrd === undefined ? undefined : await image.read(found.initrd)) }
}

async function hostFile(path: string): Promise<ImageFile> {
  try {
    return { path, contents: await readFile(path) }
  } catch (cause) {
    throw ioError(`${path} cannot be read.`, cause)
  }
}
