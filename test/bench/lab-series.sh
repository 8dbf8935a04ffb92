#!/bin/bash
# lab-series.sh LAB [RUNS] [SCALES] [VARIANT...]: what each step is worth, booted on a simulated disk.
#
# LAB is a folder with aged.img, aged.trace (a boot of it, from `vm boot --trace`; or $TRACE,
# such as the kernel's trace with the probe of docs/collecting.md, which --inodes needs), vmlinuz
# in the image or beside it, initrd.gz, and for the naive best boot-files.tsv, boot-dirs.tsv
# and, in $LAB_TOOLS, build_opt.py. As root (images are mounted to put files into them);
# 2 GiB for every variant, in LAB/series (or $SERIES). Nothing else in LAB is written.
#
#   aged          as it is
#   packed        pack --evict
#   packed-unit   packed, and preload by the systemd unit
#   packed-sweep  packed, and preload from the initramfs
#   range-sweep   pack --evict --granularity range, and preload from the initramfs
#   inodes-sweep  pack --evict --inodes, and preload from the initramfs
#   range-inodes-sweep   both
#   aged-sweep    preload from the initramfs, not packed
#   naive         a fresh filesystem, the boot's directories and files first (build_opt.py)
#   naive-sweep   and preload from the initramfs
#
# Every step is kept: what was built is not built again, and a boot that has a result is not
# repeated; remove LAB/series/VARIANT.img or LAB/series/boots/VARIANT.SCALE.RUN.json for that.
# Variants are booted in turn, run by run. At the end the table of medians is printed, and kept
# in LAB/series/table.txt. Leave the machine alone meanwhile: `host busy` tells how well that went.
# Name aged first, or there is nothing to compare with.
set -euo pipefail
lab=$(cd "${1:?the folder of the lab}" && pwd)
runs=${2:-2}
scales=${3:-5 1}
shift $(($# < 3 ? $# : 3))
variants=${*:-aged packed packed-unit packed-sweep range-sweep inodes-sweep naive naive-sweep}
here=$(cd "$(dirname "$0")/../.." && pwd)
bootpack() { node "$here/bin/bootpack.js" "$@"; }
work=${SERIES:-$lab/series}
mkdir -p "$work/boots"
cd "$work"
say() { echo "$(date +%T) $*" >&2; }

# Names instead of blocks, so that the trace is good for every layout.
[ -s named.trace ] || { say "naming the trace"; bootpack trace import "${TRACE:-$lab/aged.trace}" --target "$lab/aged.img" -o named.trace >&2; }

# The lab's initial ramdisk with the script of share/preload, run once the root is mounted,
# as local-bottom would; images without a list boot as ever.
script=$here/share/preload/preload.sh
if [ ! -s initrd.gz ] || [ "$script" -nt initrd.gz ]; then
  say "making the ramdisk"
  rm -rf ramdisk && mkdir ramdisk
  (cd ramdisk && zcat "$lab/initrd.gz" | cpio -id --quiet)
  sed 's/@LIMIT@/120/' "$script" > ramdisk/preload.sh
  for program in cat dd sleep kill printf; do ln -sf busybox "ramdisk/bin/$program"; done
  sed -i '/^\[ -x \/preload \]/d; s|^mount -o move /dev|sh /preload.sh /mnt\n&|' ramdisk/init
  grep -q '^sh /preload.sh' ramdisk/init || { echo "the ramdisk's init has no line to put the script before" >&2; exit 1; }
  (cd ramdisk && find . | cpio -o -H newc --quiet | gzip -1 > ../initrd.gz.new) && mv initrd.gz.new initrd.gz
  rm -r ramdisk
fi

copy() { cp --reflink=auto --sparse=always "$1" "$2"; }

# pack NEW [FLAGS]: the aged image packed; exit 3 is a part left where it was.
pack() {
  local new=$1; shift
  copy "$lab/aged.img" "$new"
  bootpack pack "$new" --trace named.trace --evict "$@" --json > "${new%.new}.pack.json" || [ $? = 3 ]
  e2fsck -fn "$new" > /dev/null 2>&1
}

# sweep NEW: the list; what reads it is in the ramdisk, so the unit that comes with it is taken away.
sweep() {
  bootpack preload install "$1" --trace named.trace --form systemd --time-limit 120 --json > "${1%.new}.preload.json"
  [ "${2:-}" = unit ] || debugfs -w -R 'rm /etc/systemd/system/sysinit.target.wants/bootpack-preload.service' "$1" 2> /dev/null
  e2fsck -fn "$1" > /dev/null 2>&1 || e2fsck -fy "$1" > /dev/null 2>&1 || [ $? = 1 ]
}

build() {
  local image=$1.img new=$1.img.new
  [ -s "$image" ] && return
  say "building $1"
  rm -f "$new"
  case $1 in
    aged) ln -sf "$lab/aged.img" "$image"; return ;;
    packed) pack "$new" ;;
    packed-unit) build packed; copy packed.img "$new"; sweep "$new" unit ;;
    packed-sweep) build packed; copy packed.img "$new"; sweep "$new" ;;
    range-sweep) pack "$new" --granularity range; sweep "$new" ;;
    inodes-sweep) pack "$new" --inodes; sweep "$new" ;;
    range-inodes-sweep) pack "$new" --granularity range --inodes; sweep "$new" ;;
    aged-sweep) copy "$lab/aged.img" "$new"; sweep "$new" ;;
    naive)
      : "${LAB_TOOLS:?set LAB_TOOLS to the folder of build_opt.py}"
      mkdir -p naive.mounts
      LAB=$work/naive.mounts unshare --mount --propagation private python3 "$LAB_TOOLS/build_opt.py" \
        "$lab/aged.img" "$new" "$lab/boot-files.tsv" "$lab/boot-dirs.tsv" >&2 ;;
    naive-sweep) build naive; copy naive.img "$new"; sweep "$new" ;;
    *) echo "no variant $1" >&2; exit 2 ;;
  esac
  mv "$new" "$image"
}

able=
for variant in $variants; do
  case $variant in *inodes*) bootpack pack --help | grep -q -- --inodes || { say "$variant: pack has no --inodes yet"; continue; } ;; esac
  build "$variant"
  able="$able $variant"
done

# The unit reads by itself: no script in its ramdisk.
for scale in $scales; do
  for run in $(seq "$runs"); do
    for variant in $able; do
      out=boots/$variant.$scale.$run
      [ -s "$out.json" ] && continue
      ramdisk=initrd.gz
      [ "$variant" = packed-unit ] && ramdisk=$lab/initrd.gz
      say "boot $run of $variant at scale $scale"
      if bootpack vm boot "$variant.img" --initrd "$ramdisk" --append 'systemd.unit=bench.target systemd.show_status=0' --scale "$scale" \
        --until BOOTDONE --timeout 600 --accelerator tcg --requests "$out.requests" --console "$out.console" --json > "$out.new"; then
        mv "$out.new" "$out.json"
      else
        say "failed: $(tail -c 300 "$out.new" 2> /dev/null)"
      fi
    done
  done
done

# What the guest itself says is best: its uptime at the end of the boot.
python3 - "$runs" "$scales" $able <<'P' | tee table.txt
import json, os, re, statistics, sys
runs, scales, variants = int(sys.argv[1]), sys.argv[2].split(), sys.argv[3:]
def boots(variant, scale):
    for run in range(1, runs + 1):
        name = f'boots/{variant}.{scale}.{run}'
        if not os.path.exists(name + '.json'): continue
        result = json.load(open(name + '.json'))['runs'][0]
        up = re.findall(rb'BOOTDONE uptime=([\d.]+)', open(name + '.console', 'rb').read()) if os.path.exists(name + '.console') else []
        result['uptime'] = float(up[-1]) if up else result['seconds']
        # What is left of a boot on a busy host when the time it waited for a processor is taken off: good to a few seconds.
        result['own'] = result['uptime'] - result['hostWait']
        yield result
def written(variant):
    name = {'packed-unit': 'packed', 'packed-sweep': 'packed'}.get(variant, variant) + '.img.pack.json'
    if not os.path.exists(name): return ''
    return f"{json.load(open(name))['plan']['cost']['bytesWritten'] / 1e6:.0f}"
head = ['variant', 'uptime, s', 'less host busy', 'aged /', 'reads', 'not sequential', 'distance, GB', 'positioning, s', 'read, MB', 'host busy, s', 'packing wrote, MB']
for scale in scales:
    rows, aged = [], None
    for variant in variants:
        done = list(boots(variant, scale))
        if not done: continue
        m = lambda key: statistics.median(each[key] for each in done)
        if variant == 'aged': aged = m('own')
        rows.append([variant, f"{m('uptime'):.1f}", f"{m('own'):.1f}", f"{aged / m('own'):.2f}" if aged else '', f"{m('reads'):.0f}", f"{m('notSequential'):.0f}",
          f"{m('seekDistanceBytes') / 1e9:.1f}", f"{m('positioningMs') / 1e3:.2f}", f"{m('readBytes') / 1e6:.1f}", f"{m('hostWait'):.1f}", written(variant)])
    print(f'\nscale {scale}, medians of {runs} boots\n')
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, ['-' * width for width in widths], *rows]:
        print('| ' + ' | '.join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))) + ' |')
P
