#!/bin/bash
# make-root.sh ROOT SUITE [PACKAGE...]: the files of a Debian machine, in the folder ROOT. As root.
#
# A minimal Debian of SUITE with systemd, udev, dbus and what is named besides, the kernel for clouds
# (ext4 and PCI are built into it, virtio comes as modules), and this machine's Node. Who sits at the
# first serial line is root.
# With initramfs-tools or dracut among the packages it boots by an initramfs of its own; without, by the
# one that make-image.sh makes.
set -euo pipefail
root=$1 suite=$2
shift 2
export PATH="$PATH:/usr/sbin:/sbin"
node=$(readlink -f "$(command -v node)")
packages=systemd-sysv,udev,dbus,libstdc++6,e2fsprogs,kmod,procps
for package in "$@"; do packages=$packages,$package; done

# The mirror this machine itself takes its packages from, if it tells.
mirror=$(awk '/^URIs:/{print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
export DEBIAN_FRONTEND=noninteractive
# A mounted /proc and a policy that starts nothing come with debootstrap; what it leaves is taken away below.
debootstrap --variant=minbase --include="$packages" "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
  { tail -n 20 "$root.log"; exit 1; }

# The kernel's package needs an initramfs maker where it is installed as such; its files are enough.
kernel=$(chroot "$root" apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
if chroot "$root" sh -c 'command -v update-initramfs || command -v dracut' >/dev/null; then
  mount --bind /proc "$root/proc"
  trap 'umount "$root/proc"' EXIT
  chroot "$root" apt-get install -qq -y --no-install-recommends "$kernel" >>"$root.log" 2>&1
  umount "$root/proc"
  trap - EXIT
else
  (cd "$root/tmp" && chroot "$root" sh -c "cd /tmp && apt-get download -qq $kernel" >>"$root.log" 2>&1)
  # Into /lib, which is a link.
  dpkg-deb --fsys-tarfile "$root"/tmp/linux-image-*.deb | tar -x --keep-directory-symlink -C "$root"
  rm "$root"/tmp/linux-image-*.deb
  # Ninety megabytes of drivers for hardware that this machine will not have.
  (cd "$root"/usr/lib/modules/*/kernel && rm -rf net sound drivers/{net,gpu,infiniband,scsi,media,hv,iio,nvme,target,vfio,video,xen} fs/{btrfs,xfs,nfs,nfsd,smb,cifs,ceph,f2fs,gfs2,jfs,ocfs2,afs,9p,ubifs})
  chroot "$root" depmod "${kernel#linux-image-}"
fi

cp "$node" "$root/usr/bin/node"
echo '/dev/vda1 / ext4 defaults,errors=remount-ro 0 1' >"$root/etc/fstab"
echo machine >"$root/etc/hostname"
printf '127.0.0.1 localhost machine\n' >"$root/etc/hosts"
chroot "$root" passwd -d root >/dev/null
# A first boot is another boot than those that follow.
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
mkdir -p "$root/etc/systemd/system/serial-getty@ttyS0.service.d"
cat >"$root/etc/systemd/system/serial-getty@ttyS0.service.d/at.conf" <<'U'
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %I dumb
U
# However slow the processor is that is emulated.
mkdir -p "$root/etc/systemd/system/dev-ttyS0.device.d"
printf '[Unit]\nJobTimeoutSec=infinity\nJobRunningTimeoutSec=infinity\n' >"$root/etc/systemd/system/dev-ttyS0.device.d/at.conf"
# Nothing that begins at a moment of its own choice.
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/log/bootstrap.log
