#!/bin/sh
# Written by bootpack preload install; bootpack preload remove takes it away.
#
# Reads what a boot needs before it is needed, in the order it lies on the disk:
# /etc/bootpack/preload.list of the root filesystem says what. Run once that filesystem
# is mounted, before its init, or by a unit before all others.
#
# Nothing here can stop a boot: whatever is missing, wrong, changed or slow ends the
# reading, the status is always 0, and a second process ends the wait for the first.
# The list is data: nothing in it is executed, and only regular files are opened that
# no symbolic link leads to. Only reads; needs cat and dd.
#
#   preload.sh [ROOT]    or $rootmnt (initramfs-tools), $NEWROOT (dracut)

case ${1-} in prereqs) echo; exit 0 ;; esac

limit=@LIMIT@
LC_ALL=C
export LC_ALL
unset CDPATH
set -f
nl='
'
root=${1:-${rootmnt:-${NEWROOT:-/}}}

# A number the shell can count with: 0, or up to nine digits that do not begin with 0.
number() {
  case $1 in '' | *[!0-9]* | 0?* | ??????????*) return 1 ;; esac
}

seconds() {
  read -r up rest </proc/uptime || return 1
  up=${up%%.*}
  number "$up"
}

late() {
  seconds || return 0
  [ "$up" -ge "$deadline" ]
}

# Takes so many KiB of what may be read.
spend() {
  number "$1" || return 1
  room=$((room - $1))
  [ "$room" -ge 0 ]
}

# Whether a path below the root is a regular file that no link leads to; sets full.
regular() {
  case $1 in /*) ;; *) return 1 ;; esac
  full=$top$1
  folder=${full%/*}
  [ -n "$folder" ] || folder=/
  if [ "$folder" != "$here" ]; then
    cd -P "$folder" || return 1
    here=$PWD
  fi
  [ "$folder" = "$here" ] && [ -f "./${full##*/}" ] && [ ! -h "./${full##*/}" ]
}

# Sets device: the block device whose filesystem is mounted at the root, all of it.
find_device() {
  device= id=
  while read -r a b major_minor shown at rest; do
    [ "$at" = "${top:-/}" ] || continue
    id=$major_minor part=$shown tail=${rest##* - }
  done </proc/self/mountinfo
  [ -n "$id" ] && [ "$part" = / ] || return 1
  if [ -r "/sys/dev/block/$id/uevent" ]; then
    while read -r line; do
      case $line in DEVNAME=*) device=/dev/${line#DEVNAME=} ;; esac
    done <"/sys/dev/block/$id/uevent"
  fi
  if [ ! -b "$device" ]; then
    device=${tail#* }
    device=${device%% *}
  fi
  [ -b "$device" ]
}

# Whether the superblock's UUID is that of the list, told in octal, as printf takes it,
# without the zeros, which the shell leaves out of what it reads.
same_filesystem() {
  case $1 in *[!\\0-7]*) return 1 ;; esac
  wanted=$(printf '%b' "$1" && echo x)
  found=$(dd if="$device" bs=8 skip=141 count=2 && echo x)
  [ "$found" != x ] && [ "$found" = "$wanted" ]
}

# A device or a file that fails is given three chances.
failed() {
  failures=$((failures + 1))
  [ "$failures" -ge 3 ]
}

# Runs a program that may read for long: when the time is over, it ends with this shell.
reading() {
  "$@" &
  reader=$!
  wait "$reader"
  status=$?
  reader=
  return "$status"
}

read_files() {
  [ $# -eq 0 ] || reading cat "$@"
}

sweep() {
  here= failures=0 room= reader=
  trap 'kill $reader; exit' TERM
  case " $(cat /proc/cmdline) " in *' bootpack.preload=off '*) return ;; esac
  cd -P "$root" || return
  top=${PWD%/}
  here=$PWD
  seconds || return
  deadline=$((up + limit))
  while read -r key value rest; do
    [ "$key" = MemAvailable: ] && { room=$value; break; }
  done </proc/meminfo
  number "$room" || return
  room=$((room / 2))
  regular /etc/bootpack/preload.list || return
  list=$(dd if="$full" bs=65536 count=17) || return
  [ "${#list}" -le 1048576 ] || return
  case $list in "bootpack-preload 1$nl"*) ;; *) return ;; esac
  find_device || return
  IFS=$nl
  set -- $list
  [ "${list##*"$nl"}" = "end $#" ] || return
  same_filesystem "${2##* }" || return
  set --
  batch=0
  for line in $list; do
    kind=${line%% *}
    rest=${line#* }
    case $kind in
      d)
        skip=${rest%% *}
        count=${rest#* }
        number "$skip" && number "$count" && spend $((count * 32)) || return
        late && return
        reading dd if="$device" of=/dev/null bs=32768 skip="$skip" count="$count" || { failed && return; }
        continue ;;
      f | F | p | P) ;;
      *) continue ;;
    esac
    size=${rest%% *}
    rest=${rest#* }
    rest=${rest#* }
    case $kind in p | P)
      skip=${rest%% *}
      rest=${rest#* }
      count=${rest%% *}
      rest=${rest#* }
      number "$skip" && number "$count" || return ;;
    esac
    case $kind in F | P)
      rest=$(printf '%b' "$rest" && echo x)
      rest=${rest%x} ;;
    esac
    regular "$rest" || continue
    spend "$size" || break
    case $kind in f | F)
      set -- "$@" "$full"
      batch=$((batch + size))
      [ "$batch" -ge 4096 ] || [ $# -ge 64 ] || continue ;;
    esac
    late && return
    read_files "$@" || { failed && return; }
    set --
    batch=0
    case $kind in p | P)
      reading dd if="$full" of=/dev/null bs=4096 skip="$skip" count="$count" || { failed && return; } ;;
    esac
  done
  late || read_files "$@"
}

sweep </dev/null >/dev/null 2>&1 &
worker=$!
# A device may hang in a way no signal ends: then it is left behind.
trap : ALRM
(
  n=0 nap=
  trap 'kill $nap; exit' TERM
  while [ "$n" -le $((limit + 2)) ]; do
    sleep 1 &
    nap=$!
    wait "$nap" || exit
    kill -0 "$worker" || exit
    n=$((n + 1))
  done
  kill "$worker"
  kill -ALRM $$
) </dev/null >/dev/null 2>&1 &
watch=$!
wait "$worker" 2>/dev/null
{ kill "$watch" && wait "$watch"; } 2>/dev/null
exit 0
