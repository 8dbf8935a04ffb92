#!/bin/bash
# Somebody else at work on an image that bootpack is at.
#
#   intruder.sh WHAT TARGET STAY ROUND
#
# TARGET is an image file or a block device. Says "in" when it has done what it came for;
# with STAY 1 it then waits for a line on standard input, goes on, and leaves. What it wrote
# and brought to stable storage is noted in $LOG: path, tab, SHA-256; with a question mark
# in front while it is not known yet to be there. 77: what it read was not what there was.
set -eu
what=$1 target=$2 stay=$3 round=$4
loop= mounted=
leave() {
  if [ -n "$mounted" ]; then umount "$MNT" || umount -l "$MNT"; fi
  if [ -n "$loop" ]; then losetup -d "$loop"; fi
}
trap leave EXIT
note() { printf '%s\t%s\n' "$1" "$2" >>"$LOG"; }
sum() { sha256sum | cut -d' ' -f1; }
here() {
  echo in
  if [ "$stay" = 1 ]; then read -r _ || true; fi
}
attach() { loop=$(losetup --find --show "$target"); }
enter() { # OPTIONS SOURCE
  mount -t ext4 ${1:+-o "$1"} "$2" "$MNT"
  mounted=1
}
readall() { (cd "$MNT" && sha256sum --check --quiet "$SUMS" >&2) || exit 77; }
writein() { # NAME
  note "?/new-$1" any
  head -c $((RANDOM * 2 + 1)) /dev/urandom >"$MNT/new-$1"
  file=file$((RANDOM % 60))
  note "?/$file" "$( (cat "$MNT/$file"; echo "more of $1") | sum)"
  echo "more of $1" >>"$MNT/$file"
  sync -f "$MNT"
  note "/new-$1" "$(sum <"$MNT/new-$1")"
  note "/$file" "$(sum <"$MNT/$file")"
}
source=$target option=loop
if [ -b "$target" ]; then option=; fi
pack() {
  code=0
  "$@" "$NODE" "$BOOTPACK" pack "$target" -t "$TRACE" --evict --quiet >&2 || code=$?
  case $code in 0 | 3 | 4 | 5) ;; *) exit 70 ;; esac
  echo "pack ended with $code"
}
case $what in
mount-ro) enter "ro${option:+,$option}" "$source"; readall; here; readall ;;
mount-rw) enter "$option" "$source"; writein "$round"; here; writein "$round-later" ;;
losetup-mount) attach; enter '' "$loop"; writein "$round"; here; writein "$round-later" ;;
losetup-later) attach; here; enter '' "$loop"; writein "$round-later" ;;
e4defrag) enter "$option" "$source"; e4defrag "$MNT" >&2; sync -f "$MNT"; here ;;
pack) pack; here ;;
pack-namespaces) pack unshare -n -p -f --mount-proc; here ;;
pack-mounts) pack unshare -m; here ;;
pack-user) pack unshare -U -r -n -p -f --mount-proc; here ;;
e2fsck) code=0; e2fsck -fy "$target" >&2 || code=$?; [ $code -le 1 ] || exit $code; here ;;
resize2fs) e2fsck -fy "$target" >&2 || [ $? = 1 ]; resize2fs "$target" 23M >&2; here ;;
truncate) truncate -s +4M "$target"; here ;;
append) head -c 4096 /dev/zero >>"$target"; here ;;
dd)
  text="written by dd in round $round"
  note '?boot sector' "$text"
  printf '%s' "$text" | dd of="$target" bs=512 conv=notrunc,fsync,sync status=none
  note 'boot sector' "$text"; here ;;
debugfs)
  head -c 30000 /dev/urandom >"$LOG.new"
  note "?/new-$round" any
  debugfs -w -R "write $LOG.new new-$round" "$target" >"$LOG.said" 2>&1; cat "$LOG.said" >&2
  if grep -qiE 'not open|while|error|denied' "$LOG.said"; then exit 1; fi
  sync "$target"
  note "/new-$round" "$(sum <"$LOG.new")"; here ;;
*) echo "unknown: $what" >&2; exit 64 ;;
esac
