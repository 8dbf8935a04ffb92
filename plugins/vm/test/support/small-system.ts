/**
 * A system that boots in seconds: a kernel found on this machine, an initial ramdisk
 * of busybox, and a root that reads some files in a given order and says READY.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Context } from 'mocha'
import { hasTool, needTools, skip } from '../../../../test/support/tools.js'
import { cpio, folderMode, linkMode, programMode, type RamdiskFile } from './cpio.js'

export interface KernelFiles {
  readonly version: string
  readonly kernel: string
  /** Folder of its modules. */
  readonly modules: string
}

/** Modules that a disk and its filesystem need, where they are not built in; in the order they must come. */
const wanted = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_blk',
  'crc16',
  'crc32c_generic',
  'mbcache',
  'jbd2',
  'ext4',
]

/**
 * Skips the test unless there are QEMU, a static busybox and a kernel: an installed
 * one, or an unpacked linux-image package in the folder $BOOTPACK_TEST_KERNEL.
 */
export function needMachine(context: Context): KernelFiles {
  needTools(context, 'qemu-system-x86_64', 'mke2fs', 'debugfs')
  if (!hasTool('busybox') || readFileSync(busybox).includes('/ld-linux'))
    skip(context, 'needs a static busybox (apt-get install busybox-static)')
  const root = process.env['BOOTPACK_TEST_KERNEL'] ?? '/'
  for (const modules of ['lib/modules', 'usr/lib/modules'].map((folder) => join(root, folder)).filter(existsSync)) {
    for (const version of readdirSync(modules)) {
      const kernel = join(root, 'boot', `vmlinuz-${version}`)
      if (existsSync(kernel)) return { version, kernel, modules: join(modules, version) }
    }
  }
  return skip(context, 'needs a kernel: install one, or unpack a linux-image package into $BOOTPACK_TEST_KERNEL')
}

const busybox = '/bin/busybox'

/**
 * Mounts what root= names and goes there.
 * @param preload a script that gets the mounted root before its init does
 */
export function ramdisk({ modules }: KernelFiles, preload?: string): Buffer {
  const found = new Map<string, string>()
  for (const path of readdirSync(modules, { recursive: true, encoding: 'utf8' })) {
    const name = /([^/]+)\.ko$/.exec(path)?.[1]
    if (name !== undefined && wanted.includes(name)) found.set(name, join(modules, path))
  }
  const present = wanted.filter((name) => found.has(name))
  const tools = ['sh', 'mount', 'insmod', 'switch_root', 'findfs', 'sleep', 'cat', 'dd', 'kill']
  const script = `#!/bin/sh
mount -t devtmpfs dev /dev; mount -t proc proc /proc
${present.map((name) => `insmod /modules/${name}.ko`).join('\n')}
for word in $(cat /proc/cmdline); do case $word in root=*) root=\${word#root=};; esac; done
case $root in UUID=*|LABEL=*)
  n=0; until device=$(findfs "$root" 2>/dev/null) || [ $n = 100 ]; do sleep 0.1; n=$((n+1)); done;;
*) device=$root;; esac
mount -o ro "$device" /root || { echo "no root"; exit 1; }
${preload === undefined ? '' : '/preload /root\n'}mount -o move /dev /root/dev
exec switch_root /root /sbin/init
`
  const folder = (path: string): RamdiskFile => ({ path, mode: folderMode })
  return cpio([
    ...['bin', 'dev', 'proc', 'root', 'modules'].map(folder),
    { path: 'bin/busybox', mode: programMode, contents: readFileSync(busybox) },
    ...tools.map((name) => ({ path: `bin/${name}`, mode: linkMode, contents: Buffer.from('busybox') })),
    ...present.map((name) => ({
      path: `modules/${name}.ko`,
      mode: programMode,
      contents: readFileSync(found.get(name)!),
    })),
    { path: 'init', mode: programMode, contents: Buffer.from(script) },
    ...(preload === undefined ? [] : [{ path: 'preload', mode: programMode, contents: Buffer.from(preload) }]),
  ])
}

/** Fills a folder with the root: the files named, 100,000 bytes each, and what reads them. */
export function makeRoot(
  folder: string,
  files: readonly string[],
  readOrder: readonly string[],
  kernel: KernelFiles,
): void {
  for (const name of ['bin', 'sbin', 'boot', 'dev', 'data']) mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'bin/busybox'), readFileSync(busybox), { mode: 0o755 })
  for (const name of ['sh', 'cat', 'sleep']) symlinkSync('busybox', join(folder, 'bin', name))
  for (const [i, name] of files.entries()) writeFileSync(join(folder, 'data', name), Buffer.alloc(100_000, i + 1))
  writeFileSync(join(folder, 'boot', `vmlinuz-${kernel.version}`), readFileSync(kernel.kernel))
  writeFileSync(join(folder, 'boot', `initrd.img-${kernel.version}`), ramdisk(kernel))
  const script = `#!/bin/sh
for name in ${readOrder.join(' ')}; do cat /data/$name > /dev/null; done
echo READY > /dev/console
sleep 1
cat /data/late > /dev/null
echo REPORT > /dev/ttyS1
while :; do sleep 10; done
`
  writeFileSync(join(folder, 'sbin/init'), script, { mode: 0o755 })
}
