// Makes sample-trees/tiny-root: the recipe of a small Linux root (tree.tsv) and the
// trace of a boot of it (boot.trace.jsonl). Names are those any Linux system has,
// sizes come from a fixed seed, and contents are made when the tree is expanded
// (scripts/sample/expand-tree.mjs), so nothing in it is anybody's work.
//
//     node scripts/make-sample-tree.mjs [FOLDER]
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from './sample/random.mjs'

const random = new Random(2007)
const KiB = 1024
const entries = new Map()

const words = (text) => text.trim().split(/\s+/)
const parent = (path) => path.slice(0, path.lastIndexOf('/'))

function folder(path, mode = '755') {
  if (path === '' || entries.has(path)) return
  folder(parent(path))
  entries.set(path, ['d', mode, path, ''])
}

function file(path, size, mode = '644') {
  folder(parent(path))
  entries.set(path, ['f', mode, path, size])
  return path
}

function link(path, target) {
  folder(parent(path))
  entries.set(path, ['l', '777', path, target])
}

function hardLink(path, first) {
  folder(parent(path))
  entries.set(path, ['h', '', path, first])
}

const program = (path, low, high) => file(path, random.skewed(low * KiB, high * KiB), '755')
const text = (path, low = 200, high = 4000) => file(path, random.skewed(low, high))

// The merged-/usr links and what a root has besides.
for (const name of words('bin lib sbin')) link(`/${name}`, `usr/${name}`)
for (const name of words('dev proc sys run mnt media opt tmp home/user root srv')) folder(`/${name}`)

// Libraries: a versioned file, and the short name that programs ask for.
const libraryFolder = '/usr/lib/x86_64-linux-gnu'
const libraries = {}
function library(name, version, low, high, where = libraryFolder) {
  const real = program(`${where}/lib${name}.so.${version}`, low, high)
  const short = `${where}/lib${name}.so.${version.split('.')[0]}`
  if (short !== real) link(short, real.slice(real.lastIndexOf('/') + 1))
  libraries[name] = short
}
program(`${libraryFolder}/ld-linux-x86-64.so.2`, 200, 220)
libraries.loader = `${libraryFolder}/ld-linux-x86-64.so.2`
library('c', '6', 1500, 1600)
library('m', '6', 850, 900)
for (const [
  name,
  version,
] of words(`acl:1.1.2301 apparmor:1.8.4 audit:1.0.0 blkid:1.1.0 bz2:1.0.4 cap:2.66 cap-ng:0.0.0 cryptsetup:12.8.0
  crypto:3 ssl:3 dbus-1:3.32.4 devmapper:1.02.1 gcrypt:20.4.1 gpg-error:0.33.1 ip4tc:2.0.0 json-c:5.2.0 kmod:2.4.0 lz4:1.9.4 lzma:5.4.1
  mount:1.1.0 nss_files:2 nss_systemd:2 pam:0.85.1 pcre2-8:0.11.2 resolv:2 seccomp:2.5.4 selinux:1 smartcols:1.1.0 systemd:0.35.0
  udev:1.7.5 uuid:1.3.0 xxhash:0.8.1 z:1.2.13 zstd:1.5.4 stdc++:6.0.30 expat:1.8.10 glib-2.0:0.7400.6 gobject-2.0:0.7400.6 gio-2.0:0.7400.6
  polkit-gobject-1:0.0.0 ncursesw:6.4 tinfo:6.4 readline:8.2 nftables:1.1.0 mnl:0.2.0 nl-3:200.26.0 pcap:1.10.3 icudata:72.1 icuuc:72.1`).map(
  (pair) => pair.split(':'),
)) {
  library(name, version, 30, name === 'icudata' ? 4000 : /^(crypto|stdc|glib|gio|icuuc)/.test(name) ? 2500 : 500)
}
library('systemd-shared', '252', 2100, 2200, '/usr/lib/systemd')
library('systemd-core', '252', 1700, 1900, '/usr/lib/systemd')

// Programs. Hard links are what they are on real systems: one program under several names.
const programs = {}
function bin(path, low, high) {
  programs[path.slice(path.lastIndexOf('/') + 1)] = program(path, low, high)
}
bin('/usr/lib/systemd/systemd', 90, 120)
for (const name of words(
  'journald logind udevd networkd resolved timesyncd modules-load sysctl remount-fs random-seed fsck user-sessions update-utmp backlight binfmt',
)) {
  bin(`/usr/lib/systemd/systemd-${name}`, 30, 400)
}
for (const name of words(`bash dash mount umount systemctl udevadm journalctl login agetty dbus-daemon kmod sed grep gawk find cat ls cp mv rm ln
  mkdir chmod chown date sleep sync stty tty uname id env expr head tail sort tr wc cut tee touch test true false readlink stat install
  tar gzip bzip2 xz zstd ssh scp curl perl python3.11 vim.tiny less nano top ps kill free watch dpkg apt apt-get gpgv locale man`)) {
  bin(`/usr/bin/${name}`, 30, /^(perl|python|vim|bash)/.test(name) ? 3200 : 300)
}
for (const name of words(
  'fsck e2fsck.real sshd cron rsyslogd nft ip ifup dhclient agetty.static blkid losetup sulogin ldconfig useradd visudo tune2fs.real debugfs.real',
)) {
  bin(`/usr/sbin/${name}`, 40, 900)
}
hardLink('/usr/bin/perl5.36.0', '/usr/bin/perl')
hardLink('/usr/bin/uncompress', '/usr/bin/gzip')
hardLink('/usr/sbin/fsck.ext4', '/usr/sbin/e2fsck.real')
hardLink('/usr/sbin/fsck.ext3', '/usr/sbin/e2fsck.real')
hardLink('/usr/sbin/e2label', '/usr/sbin/tune2fs.real')
link('/usr/bin/sh', 'dash')
link('/usr/bin/awk', 'gawk')
link('/usr/bin/python3', 'python3.11')
for (const name of words('modprobe insmod lsmod depmod')) link(`/usr/sbin/${name}`, '../bin/kmod')
link('/usr/sbin/init', '../lib/systemd/systemd')

// Units, and who wants them.
const units =
  words(`dbus.service systemd-journald.service systemd-udevd.service systemd-logind.service systemd-networkd.service systemd-resolved.service
  systemd-timesyncd.service systemd-modules-load.service systemd-sysctl.service systemd-remount-fs.service systemd-random-seed.service systemd-fsck@.service
  systemd-user-sessions.service systemd-update-utmp.service systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service systemd-binfmt.service
  getty@.service serial-getty@.service ssh.service cron.service rsyslog.service networking.service nftables.service apparmor.service console-setup.service
  keyboard-setup.service kmod-static-nodes.service rescue.service emergency.service user@.service polkit.service e2scrub_all.timer fstrim.timer logrotate.timer
  basic.target sysinit.target multi-user.target graphical.target local-fs.target local-fs-pre.target remote-fs.target network.target network-online.target
  sockets.target timers.target paths.target slices.target swap.target getty.target default.target cryptsetup.target time-sync.target shutdown.target
  umount.target dbus.socket systemd-journald.socket systemd-udevd-control.socket systemd-udevd-kernel.socket dev-hugepages.mount dev-mqueue.mount
  sys-kernel-debug.mount sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount systemd-ask-password-console.path user.slice system.slice init.scope`)
for (const name of units) text(`/usr/lib/systemd/system/${name}`, 300, 3500)
for (const name of words(
  'ssh.service cron.service rsyslog.service networking.service nftables.service remote-fs.target',
)) {
  link(`/etc/systemd/system/multi-user.target.wants/${name}`, `/usr/lib/systemd/system/${name}`)
}
for (const name of words('apparmor.service keyboard-setup.service systemd-timesyncd.service')) {
  link(`/etc/systemd/system/sysinit.target.wants/${name}`, `/usr/lib/systemd/system/${name}`)
}
link('/etc/systemd/system/getty.target.wants/getty@tty1.service', '/usr/lib/systemd/system/getty@.service')
for (const name of words(
  '50-default.rules 60-block.rules 60-cdrom_id.rules 60-persistent-storage.rules 64-btrfs.rules 70-touchpad.rules 73-seat-late.rules 75-net-description.rules 80-drivers.rules 80-net-setup-link.rules 90-vconsole.rules 99-systemd.rules',
)) {
  text(`/usr/lib/udev/rules.d/${name}`, 400, 9000)
}
file('/usr/lib/udev/hwdb.bin', 3_900 * KiB)
for (const name of words(
  'debian.conf home.conf journal-nocow.conf legacy.conf static-nodes-permissions.conf systemd.conf tmp.conf var.conf x11.conf',
))
  text(`/usr/lib/tmpfiles.d/${name}`)
for (const name of words('50-pid-max.conf 99-protect-links.conf')) text(`/usr/lib/sysctl.d/${name}`)
text('/usr/lib/os-release')
link('/etc/os-release', '../usr/lib/os-release')

// Configuration.
for (const name of words(`hostname fstab passwd group shadow gshadow hosts nsswitch.conf resolv.conf login.defs profile bash.bashrc inputrc environment locale.conf
  issue motd networks services protocols shells crypttab modules machine-id adjtime timezone ld.so.conf host.conf securetty rsyslog.conf crontab nftables.conf
  sudoers inittab mke2fs.conf e2scrub.conf logrotate.conf adduser.conf debconf.conf deluser.conf rpc`))
  text(`/etc/${name}`, 60, 12_000)
file('/etc/ld.so.cache', 26_844)
for (const name of words(
  'login sshd su sudo passwd cron systemd-user common-auth common-account common-session common-password other runuser chfn',
))
  text(`/etc/pam.d/${name}`, 100, 4000)
for (const name of words(
  'system.conf journald.conf logind.conf networkd.conf resolved.conf timesyncd.conf user.conf udev.conf',
))
  text(`/etc/systemd/${name}`, 500, 2000)
for (const name of words('sshd_config ssh_config moduli ssh_host_rsa_key ssh_host_ecdsa_key ssh_host_ed25519_key'))
  text(`/etc/ssh/${name}`, 400, name === 'moduli' ? 500_000 : 4000)
for (const name of words('console-setup cron dbus grub keyboard locale networking nss rsyslog ssh useradd hwclock'))
  text(`/etc/default/${name}`, 100, 1500)
for (const name of words('system.conf session.conf')) text(`/usr/share/dbus-1/${name}`, 2000, 6000)
for (const name of words(
  'org.freedesktop.login1 org.freedesktop.hostname1 org.freedesktop.timedate1 org.freedesktop.locale1 org.freedesktop.systemd1 org.freedesktop.network1 org.freedesktop.resolve1',
)) {
  text(`/usr/share/dbus-1/system.d/${name}.conf`, 1000, 14_000)
  text(`/usr/share/dbus-1/system-services/${name}.service`, 200, 600)
}
// Names long enough that their symlinks need a block of their own (60 bytes is what fits the inode).
const authorities =
  words(`Example_Global_Root_Certification_Authority_for_Long_Names Sample_Trust_Services_Root_Class_2_Generation_4 Nobody_In_Particular_Root_CA_R1_with_an_Expansive_Title
  Imaginary_Savings_Bank_Root_Authority_2031 Placeholder_Universal_Root_Certification_Authority_G3 Fictitious_Post_Office_Qualified_Root_Authority Test_Pattern_Root_CA_RSA_4096_SHA384_2044
  Lorem_Ipsum_Networks_Primary_Root_Certification_Office Northern_Lights_Notary_Root_of_Roots_2040 Small_Island_State_Government_Root_Authority_2`)
for (const [index, name] of authorities.entries()) {
  const certificate = text(`/usr/share/ca-certificates/organisations/${name}.crt`, 1200, 2200)
  link(`/etc/ssl/certs/${name}.pem`, certificate)
  link(`/etc/ssl/certs/${(0x2e5ac55d + index * 7919).toString(16)}.0`, `${name}.pem`)
}
file('/etc/ssl/certs/ca-certificates.crt', 216_000)

// Kernel: what the boot loader reads stays where it is; modules are read by udev.
file('/boot/vmlinuz-6.1.0-sample', 3_900 * KiB)
file('/boot/initrd.img-6.1.0-sample', 2_700 * KiB, '600')
file('/boot/System.map-6.1.0-sample', 83)
file('/boot/config-6.1.0-sample', 250_000)
link('/vmlinuz', 'boot/vmlinuz-6.1.0-sample')
link('/initrd.img', 'boot/initrd.img-6.1.0-sample')
text('/boot/grub/grub.cfg', 5000, 9000)
file('/boot/grub/grubenv', 1024)
for (const name of words(
  'boot.img core.img normal.mod ext2.mod part_gpt.mod part_msdos.mod linux.mod search.mod gzio.mod',
))
  file(`/boot/grub/i386-pc/${name}`, random.skewed(500, 130_000))
const modules = '/usr/lib/modules/6.1.0-sample'
for (const name of words(
  'modules.dep modules.dep.bin modules.alias modules.alias.bin modules.symbols modules.symbols.bin modules.builtin modules.softdep modules.devname',
))
  text(`${modules}/${name}`, 500, 700_000)
const drivers = []
for (const [where, names] of Object.entries({
  'drivers/net/ethernet': 'e1000 e1000e igb r8169 tg3 virtio_net',
  'drivers/gpu/drm': 'drm drm_kms_helper bochs cirrus simpledrm',
  'drivers/input': 'evdev psmouse serio_raw pcspkr',
  'drivers/usb/host': 'xhci_hcd xhci_pci ehci_hcd ehci_pci uhci_hcd',
  'drivers/ata': 'ahci libahci libata ata_piix',
  'drivers/scsi': 'sd_mod sr_mod sg scsi_mod',
  'drivers/virtio': 'virtio virtio_ring virtio_pci virtio_balloon',
  'drivers/char': 'virtio_console hw_random tpm',
  'drivers/acpi': 'button battery ac video',
  'net/netfilter': 'nf_tables nf_conntrack nf_nat nft_ct nft_chain_nat x_tables',
  'net/ipv6': 'ip6_tables ip6t_REJECT',
  'net/packet': 'af_packet',
  'fs/ext4': 'ext4 jbd2 mbcache',
  'fs/fat': 'fat vfat',
  'fs/nls': 'nls_utf8 nls_cp437',
  'fs/configfs': 'configfs',
  'fs/fuse': 'fuse',
  'fs/overlayfs': 'overlay',
  crypto: 'aesni_intel sha256_generic xts cryptd crc32c_generic',
  'sound/core': 'snd snd_pcm snd_timer soundcore',
  lib: 'crc16 crc64 libcrc32c',
}))
  for (const name of words(names))
    drivers.push(file(`${modules}/kernel/${where}/${name}.ko`, random.skewed(8_000, 420_000)))

// What a boot does not read: a package database in one large folder, logs, documentation, time zones.
const packages =
  words(`adduser apt base-files base-passwd bash bsdutils coreutils cron dash dbus debconf debianutils diffutils dpkg e2fsprogs findutils gpgv grep gzip hostname
  ifupdown init iproute2 kmod less libc6 libc-bin libssl3 libstdc libsystemd0 libzstd1 linux-image login logrotate mawk mount nano ncurses-base ncurses-bin netbase
  nftables openssh-server openssl passwd perl-base procps python3 readline-common rsyslog sed sudo systemd sysvinit-utils tar tzdata udev util-linux vim-tiny zlib1g`)
for (const name of packages) {
  text(`/var/lib/dpkg/info/${name}.list`, 200, 20_000)
  text(`/var/lib/dpkg/info/${name}.md5sums`, 200, 30_000)
  for (const part of words('postinst prerm triggers conffiles'))
    if (random.fraction() < 0.5) text(`/var/lib/dpkg/info/${name}.${part}`, 50, 5000)
  text(`/usr/share/doc/${name}/copyright`, 900, 30_000)
  if (random.fraction() < 0.7) file(`/usr/share/doc/${name}/changelog.Debian.gz`, random.skewed(800, 60_000))
}
file('/var/lib/dpkg/status', 310_000)
file('/var/lib/dpkg/lock', 0)
for (const name of words(
  'UTC GMT Europe/Berlin Europe/Madrid Europe/Paris America/Bogota America/New_York Asia/Tokyo Asia/Kolkata Africa/Nairobi Australia/Sydney Pacific/Auckland',
))
  file(`/usr/share/zoneinfo/${name}`, random.between(114, 3500))
hardLink('/usr/share/zoneinfo/Etc/UTC', '/usr/share/zoneinfo/UTC')
hardLink('/usr/share/zoneinfo/Zulu', '/usr/share/zoneinfo/UTC')
link('/etc/localtime', '/usr/share/zoneinfo/Europe/Madrid')
for (const name of words('syslog auth.log kern.log dpkg.log wtmp lastlog'))
  file(`/var/log/${name}`, random.skewed(20_000, 900_000), '640')
file('/var/log/journal/0b00c0de111140008000000000000001/system.journal', 2 * 1024 * KiB, '640')
for (const name of words('locale-archive terminfo.db'))
  file(`/usr/lib/locale/${name}`, random.skewed(800_000, 2_000_000))
file('/var/cache/apt/pkgcache.bin', 2_600 * KiB)
file('/usr/share/misc/magic.mgc', 2_100 * KiB)

// The boot. Times are microseconds; a file is read in windows of 128 KiB, as readahead does.
const reads = []
const cached = new Set()
const window = 128 * KiB
let clock = 180_000

function read(path, share = 1) {
  const entry = entries.get(resolve(path))
  if (!entry) throw new Error(`the boot reads ${path}, which is not in the tree`)
  if (entry[0] === 'd') return
  if (cached.has(entry[2])) return
  cached.add(entry[2])
  for (let offset = 0; offset < entry[3]; offset += window) {
    clock += random.between(300, 6000)
    // The head of a program or library is always read; of the rest what is run.
    if (offset > 0 && random.fraction() > share) continue
    reads.push({ t: clock, path, off: offset, len: Math.min(window, entry[3] - offset), kind: 'data' })
  }
}

/** Symlinks as the kernel follows them, for sizes only; the trace keeps the name that was asked for. */
function resolve(path, depth = 0) {
  let at = ''
  for (const [index, name] of path.slice(1).split('/').entries()) {
    const entry = entries.get(`${at}/${name}`)
    if (entry?.[0] === 'l') {
      if (depth > 8) throw new Error(`${path} leads in circles`)
      const rest = path
        .slice(1)
        .split('/')
        .slice(index + 1)
      const target = entry[3].startsWith('/') ? entry[3] : `${at}/${entry[3]}`
      return resolve(new URL([target, ...rest].join('/'), 'file:///').pathname, depth + 1)
    }
    at += `/${name}`
  }
  return entries.get(at)?.[0] === 'h' ? entries.get(at)[3] : at
}

function run(path, ...uses) {
  read(path, 0.6)
  read('/etc/ld.so.cache')
  for (const name of ['loader', 'c', ...uses]) read(libraries[name], 0.5)
}

/** Services start side by side: their reads come interleaved. */
function together(...services) {
  const before = reads.length
  const start = clock
  const lanes = services.map((service) => {
    clock = start
    service()
    return reads.splice(before)
  })
  reads.push(...lanes.flat().sort((a, b) => a.t - b.t))
  clock = Math.max(start, ...reads.slice(before).map((each) => each.t))
}

run(
  '/sbin/init',
  'systemd-shared',
  'systemd-core',
  'seccomp',
  'selinux',
  'mount',
  'blkid',
  'kmod',
  'crypto',
  'pam',
  'audit',
  'apparmor',
  'acl',
  'cap',
  'gcrypt',
  'gpg-error',
  'lz4',
  'lzma',
  'zstd',
  'ip4tc',
  'cryptsetup',
  'pcre2-8',
)
for (const name of words('machine-id hostname locale.conf fstab crypttab')) read(`/etc/${name}`)
read('/etc/os-release')
read('/etc/systemd/system.conf')
for (const name of random.shuffled(
  units.filter((name) => !/rescue|emergency|graphical|shutdown|umount|slice$/.test(name)),
))
  read(`/usr/lib/systemd/system/${name}`)
together(
  () => {
    run('/usr/lib/systemd/systemd-journald')
    read('/etc/systemd/journald.conf')
  },
  () => {
    run('/usr/lib/systemd/systemd-modules-load')
    read('/etc/modules')
    for (const name of [
      'modules.dep.bin',
      'modules.alias.bin',
      'modules.softdep',
      'modules.symbols.bin',
      'modules.builtin',
    ])
      read(`${modules}/${name}`, 0.7)
  },
  () => {
    run('/usr/lib/systemd/systemd-remount-fs')
    run('/usr/bin/mount', 'smartcols', 'uuid')
  },
  () => {
    run('/usr/sbin/fsck')
    read('/usr/sbin/fsck.ext4', 0.6)
    read('/etc/mke2fs.conf')
  },
)
together(
  () => {
    run('/usr/lib/systemd/systemd-udevd', 'udev')
    read('/etc/systemd/udev.conf')
    for (const name of [...entries.keys()].filter((path) => path.startsWith('/usr/lib/udev/rules.d/')).sort())
      read(name)
    read('/usr/lib/udev/hwdb.bin', 0.2)
    run('/sbin/modprobe')
    for (const driver of random.shuffled(
      drivers.filter((path) => !/sound|overlay|fuse|tg3|igb|r8169|bochs|cirrus/.test(path)),
    ))
      read(driver)
  },
  () => {
    run('/usr/lib/systemd/systemd-sysctl')
    for (const name of words('50-pid-max.conf 99-protect-links.conf')) read(`/usr/lib/sysctl.d/${name}`)
  },
  () => {
    run('/usr/lib/systemd/systemd-random-seed')
    run('/usr/lib/systemd/systemd-timesyncd', 'resolv', 'm')
    read('/etc/systemd/timesyncd.conf')
  },
  () => {
    for (const name of [...entries.keys()].filter((path) => path.startsWith('/usr/lib/tmpfiles.d/')).sort()) read(name)
    for (const name of words('passwd group nsswitch.conf')) read(`/etc/${name}`)
    read(libraries.nss_files)
    read(libraries.nss_systemd)
  },
)
together(
  () => {
    run('/usr/bin/dbus-daemon', 'dbus-1', 'expat', 'audit', 'cap-ng')
    for (const path of [...entries.keys()].filter(
      (each) => each.startsWith('/usr/share/dbus-1/') && entries.get(each)[0] === 'f',
    ))
      read(path)
  },
  () => {
    run('/usr/lib/systemd/systemd-logind')
    read('/etc/systemd/logind.conf')
  },
  () => {
    run('/usr/lib/systemd/systemd-networkd')
    read('/etc/systemd/networkd.conf')
    run('/usr/sbin/nft', 'nftables', 'mnl')
    read('/etc/nftables.conf')
  },
  () => {
    run('/usr/sbin/ifup')
    run('/bin/sh')
    run('/usr/sbin/ip')
    run('/usr/sbin/dhclient', 'm')
    read('/etc/default/networking')
  },
  () => {
    run('/usr/lib/systemd/systemd-resolved', 'ssl', 'crypto')
    read('/etc/resolv.conf')
    read('/etc/hosts')
  },
)
together(
  () => {
    run('/usr/sbin/sshd', 'crypto', 'z', 'pam')
    for (const name of words('sshd_config ssh_host_rsa_key ssh_host_ecdsa_key ssh_host_ed25519_key'))
      read(`/etc/ssh/${name}`)
    read('/etc/default/ssh')
  },
  () => {
    run('/usr/sbin/cron', 'pam')
    read('/etc/crontab')
    read('/etc/default/cron')
    read('/etc/localtime')
  },
  () => {
    run('/usr/sbin/rsyslogd', 'z', 'uuid', 'json-c')
    read('/etc/rsyslog.conf')
    run('/usr/bin/perl', 'm')
    run('/usr/bin/python3', 'expat', 'z', 'm')
  },
  () => {
    run('/usr/bin/curl', 'ssl', 'zstd')
    for (const name of authorities) read(`/etc/ssl/certs/${name}.pem`)
    read('/etc/ssl/certs/ca-certificates.crt')
  },
  () => {
    run('/usr/bin/agetty')
    read('/etc/issue')
    run('/usr/bin/login', 'pam', 'audit')
    for (const name of words('login common-auth common-account common-session')) read(`/etc/pam.d/${name}`)
  },
)
// A file that the boot itself had made, and that is gone now: such reads are in every real trace.
reads.push({ t: clock + 4000, path: '/run/sample/ready', off: 0, len: 4096, kind: 'data' })

const target = process.argv[2] ?? new URL('../sample-trees/tiny-root', import.meta.url).pathname
mkdirSync(target, { recursive: true })
const lines = [...entries.values()].map((fields) => fields.join('\t'))
writeFileSync(
  join(target, 'tree.tsv'),
  `# kind\tmode\tpath\tsize, target or first name; made by scripts/make-sample-tree.mjs\n${lines.join('\n')}\n`,
)
const header = {
  bootpack: 'trace',
  version: 1,
  source: 'sample',
  kernel: '6.1.0-sample',
  root: '/',
  recorded: '2007-06-01T09:00:00Z',
}
writeFileSync(
  join(target, 'boot.trace.jsonl'),
  [header, ...reads].map((value) => JSON.stringify(value)).join('\n') + '\n',
)
