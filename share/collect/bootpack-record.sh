#!/bin/sh
# bootpack-record [FOLDER [KEEP]]: leaves what the kernel recorded of this boot, for
# `bootpack trace import --target IMAGE` on another machine. Needs a shell, mount, gzip and
# cat; no bootpack, no Node. docs/collecting.md says which kernel arguments begin a recording.
set -u
umask 077
folder=${1:-/var/lib/bootpack}
keep=${2:-20}
say() { echo "bootpack-record: $*" >&2; }

tracing=/sys/kernel/tracing
[ -e $tracing/trace ] || mount -t tracefs tracefs $tracing 2>/dev/null || tracing=/sys/kernel/debug/tracing
[ -e $tracing/trace ] || { say "this kernel has no tracing (CONFIG_FTRACE)"; exit 5; }
cd $tracing || exit 5
page=events/filemap/mm_filemap_add_to_page_cache/enable
grep -q 1 $page 2>/dev/null || { say "nothing was recorded: trace_event= is not on the kernel's command line"; exit 5; }

# From here on nothing is recorded, whatever happens.
finish() {
  for event in $page events/block/block_rq_issue/enable events/kprobes/iget/enable; do
    [ ! -e $event ] || echo 0 >$event
  done
}
finish
mkdir -p -m 700 "$folder" || exit 1
name=$folder/boot-$(date -u +%Y%m%dT%H%M%SZ)-$(cut -c1-8 /proc/sys/kernel/random/boot_id).tracefs.gz
trap 'rm -f "$name.part"' EXIT
{
  # What the text does not say; bootpack takes it from here.
  echo "# bootpack recorded=$(date -u +%Y-%m-%dT%H:%M:%SZ) kernel=$(uname -r)"
  cat trace
} | gzip -1 >"$name.part" || exit 1
# gzip tells of a full disk, and only when it is asked: the last byte must be there.
gzip -t "$name.part" || { say "$name could not be written to its end"; exit 1; }
sync
mv "$name.part" "$name" || exit 1

# The memory back, unless somebody else records.
if ! cat events/enable | grep -q '[1X]'; then
  echo >trace
  echo 1 >options/overwrite
  echo 1 >buffer_size_kb
fi
# The oldest go: their names are their times.
ls "$folder" | grep '^boot-.*\.tracefs\.gz$' | sort -r | tail -n +$((keep + 1)) | while read -r old; do rm -f "$folder/$old"; done
exit 0
