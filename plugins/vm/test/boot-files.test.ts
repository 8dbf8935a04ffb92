import { expect } from 'chai'
import { BootpackError } from 'bootpack'
import { compareVersions, findBootFiles, isX86Kernel, type BootFiles } from '../src/machine/boot-files.js'
import { kernelCommandLine } from '../src/machine/command-line.js'
import { qemuArguments } from '../src/machine/qemu-arguments.js'

/** An image as a list of files, and links as 'from -> to'. */
function find(...entries: string[]): Promise<BootFiles> {
  const links = new Map(
    entries.filter((entry) => entry.includes(' -> ')).map((entry) => entry.split(' -> ') as [string, string]),
  )
  return findBootFiles({
    names: async (directory) =>
      entries
        .map((entry) => entry.split(' -> ')[0]!)
        .filter((path) => path.startsWith(`${directory}/`))
        .map((path) => path.slice(directory.length + 1)),
    find: async (path) => {
      const target = links.get(path) ?? path
      return entries.includes(target) ? target : undefined
    },
  })
}

describe('kernel and initial ramdisk of an image', () => {
  it("are those Debian's links lead to, even if there are newer ones", async () => {
    expect(
      await find(
        '/vmlinuz -> /boot/vmlinuz-6.1.0-9-amd64',
        '/boot/vmlinuz-6.1.0-9-amd64',
        '/boot/initrd.img-6.1.0-9-amd64',
        '/boot/vmlinuz-6.1.0-10-amd64',
        '/boot/initrd.img-6.1.0-10-amd64',
      ),
    ).to.deep.equal({ kernel: '/boot/vmlinuz-6.1.0-9-amd64', initrd: '/boot/initrd.img-6.1.0-9-amd64' })
  })

  it('are the newest without links', async () => {
    expect(
      await find(
        '/boot/vmlinuz-6.1.0-9-amd64',
        '/boot/initrd.img-6.1.0-9-amd64',
        '/boot/vmlinuz-6.1.0-10-amd64',
        '/boot/initrd.img-6.1.0-10-amd64',
        '/boot/vmlinuz-6.2.0.dpkg-tmp',
        '/boot/config-9',
      ),
    ).to.deep.equal({ kernel: '/boot/vmlinuz-6.1.0-10-amd64', initrd: '/boot/initrd.img-6.1.0-10-amd64' })
  })

  it('are found by the names of other distributions', async () => {
    expect(
      await find(
        '/boot/vmlinuz-0-rescue-ab',
        '/boot/initramfs-0-rescue-ab.img',
        '/boot/vmlinuz-6.8.5-301.fc40.x86_64',
        '/boot/initramfs-6.8.5-301.fc40.x86_64.img',
      ),
      'Fedora',
    ).to.deep.equal({
      kernel: '/boot/vmlinuz-6.8.5-301.fc40.x86_64',
      initrd: '/boot/initramfs-6.8.5-301.fc40.x86_64.img',
    })
    expect(
      await find(
        '/boot/vmlinuz -> /boot/vmlinuz-5.3.18-default',
        '/boot/vmlinuz-5.3.18-default',
        '/boot/initrd-5.3.18-default',
      ),
      'SUSE',
    ).to.deep.equal({ kernel: '/boot/vmlinuz-5.3.18-default', initrd: '/boot/initrd-5.3.18-default' })
    expect(
      await find('/boot/vmlinuz-linux', '/boot/initramfs-linux.img', '/boot/initramfs-linux-fallback.img'),
      'Arch',
    ).to.deep.equal({ kernel: '/boot/vmlinuz-linux', initrd: '/boot/initramfs-linux.img' })
    expect(await find('/boot/vmlinuz-lts', '/boot/initramfs-lts'), 'Alpine').to.deep.equal({
      kernel: '/boot/vmlinuz-lts',
      initrd: '/boot/initramfs-lts',
    })
  })

  it('may be a kernel alone', async () => {
    expect(await find('/boot/vmlinuz')).to.deep.equal({ kernel: '/boot/vmlinuz', initrd: undefined })
  })

  it('are asked for when there are none', async () => {
    const error = await find('/boot/initrd.img-6', '/vmlinuz -> /boot/gone').catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(BootpackError).with.property('next').that.includes('--kernel')
  })

  it('compare by numbers', () => {
    const sorted = ['6.1.0-2', '6.1.0-10', '6.1.9', '6.1.10-rc1', '6.1.10', '6.10']
    expect([...sorted].sort(compareVersions)).to.deep.equal([
      '6.1.0-2',
      '6.1.0-10',
      '6.1.9',
      '6.1.10',
      '6.1.10-rc1',
      '6.10',
    ])
  })

  it('are for x86 when the setup header says so', () => {
    const kernel = Buffer.alloc(1024)
    expect(isX86Kernel(kernel)).to.equal(false)
    kernel.write('HdrS', 0x202)
    expect(isX86Kernel(kernel)).to.equal(true)
    expect(isX86Kernel(kernel.subarray(0, 0x204))).to.equal(false)
  })
})

describe("the kernel's arguments", () => {
  const uuid = '0b00c0de-1111-4000-8000-000000000001'

  it('name the root by UUID to an initial ramdisk, by device to a kernel alone', () => {
    expect(kernelCommandLine({ uuid, partition: 2, initrd: true }, [])).to.match(
      new RegExp(`^root=UUID=${uuid} ro console=ttyS0 `),
    )
    expect(kernelCommandLine({ uuid, partition: 2, initrd: false }, [])).to.match(/^root=\/dev\/vda2 ro /)
    expect(kernelCommandLine({ uuid, partition: 0, initrd: false }, [])).to.match(/^root=\/dev\/vda ro /)
  })

  it('leave the root to the user who gives one, and put what is given last', () => {
    expect(kernelCommandLine({ uuid, partition: 0, initrd: true }, ['root=LABEL=x rw', 'init=/bin/sh'])).to.match(
      /^console=ttyS0 .* root=LABEL=x rw init=\/bin\/sh$/,
    )
    expect(kernelCommandLine({ uuid, partition: 0, initrd: true }, ['notroot=1'])).to.match(/^root=UUID/)
  })
})

describe("QEMU's arguments", () => {
  const machine = {
    accelerator: 'tcg',
    cpus: 2,
    memory: 512,
    network: false,
    kernel: '/k',
    initrd: undefined,
    commandLine: 'a b',
    diskSocket: '/tmp/with, comma "and" quote',
    portSocket: '/tmp/a,b/port',
  } as const

  it('take any path of the socket', () => {
    const args = qemuArguments(machine)
    const disk = JSON.parse(args[args.indexOf('-blockdev') + 1]!) as { server: unknown }
    expect(disk.server).to.deep.equal({ type: 'unix', path: '/tmp/with, comma "and" quote' })
    expect(args).to.include('socket,id=port,path=/tmp/a,,b/port')
    expect(args).to.not.include('-initrd')
    expect(args.slice(args.indexOf('-append'))).to.deep.equal(['-append', 'a b'])
  })

  it('reach nobody', () => {
    const nic = (network: boolean): string => {
      const args = qemuArguments({ ...machine, network })
      return args[args.indexOf('-nic') + 1]!
    }
    expect(nic(false)).to.equal('none')
    expect(nic(true)).to.include('restrict=on')
  })
})
