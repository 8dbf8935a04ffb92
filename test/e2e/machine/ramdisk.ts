/** An initial ramdisk of a few hundred kilobytes: busybox, the modules of virtio, and a script. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { run, scratchFolder } from '../../support/tools.js'

const modules = ['virtio', 'virtio_ring', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci', 'virtio_blk']

const init = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
for module in ${modules.join(' ')}; do [ ! -e /$module.ko ] || /bin/busybox insmod /$module.ko; done
root=/dev/vda1
for word in $(/bin/busybox cat /proc/cmdline); do case $word in root=*) root=\${word#root=} ;; esac; done
n=0
while [ ! -b $root ] && [ $n -lt 300 ]; do /bin/busybox sleep 0.1; n=$((n + 1)); done
/bin/busybox mount -t ext4 -o ro $root /root || exec /bin/busybox sh
/bin/busybox mount -o move /dev /root/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /sbin/init
`

/** @param root folder with the machine's files, whose modules are taken */
export function makeRamdisk(path: string, root: string): void {
  const folder = scratchFolder()
  try {
    for (const each of ['bin', 'dev', 'proc', 'root']) mkdirSync(join(folder.path, each))
    copyFileSync('/bin/busybox', join(folder.path, 'bin/busybox'))
    const version = readdirSync(join(root, 'usr/lib/modules'))[0]!
    const drivers = join(root, 'usr/lib/modules', version, 'kernel/drivers')
    for (const name of modules) {
      const from = ['virtio', 'block']
        .map((each) => join(drivers, each, `${name}.ko`))
        .flatMap((each) => [each, `${each}.xz`])
      const found = from.find((each) => existsSync(each))
      if (found === undefined) continue
      copyFileSync(found, join(folder.path, basename(found)))
      if (found.endsWith('.xz')) run('unxz', [join(folder.path, basename(found))])
    }
    writeFileSync(join(folder.path, 'init'), init)
    chmodSync(join(folder.path, 'init'), 0o755)
    run('sh', ['-c', 'cd "$1" && find . | cpio -o -H newc --quiet | gzip -1 >"$2"', 'sh', folder.path, path])
  } finally {
    folder.remove()
  }
}
