#!/bin/sh
# A defragmenter in shell: defragment-by-shell.sh META DONOR INODE...
#
# META is where `bootpack metafs mount` shows the filesystem, DONOR the inode number of
# an empty file of it that lends its space. Each file is laid into the smallest free
# run that holds it whole; holes stay holes. docs/metafs.md tells what the files mean.
set -eu
meta=$1 donor=$1/nodes/$2 ident=$2
shift 2
pieces() { grep -vc hole "$1/data/extents" || true; }

for inode in "$@"; do
  file=$meta/nodes/$inode
  before=$(pieces "$file")
  [ "$before" -gt 1 ] || { echo "$inode: in $before piece, left alone"; continue; }
  # "LOGICAL LENGTH" of every run of allocated file blocks, wherever on the disk they lie.
  runs=$(awk '$3 == "hole" { next }
    n && $1 == start + n { n += $2; next }
    { if (n) print start, n; start = $1; n = $2 }
    END { print start, n }' "$file/data/extents")
  blocks=$(echo "$runs" | awk '{ sum += $2 } END { print sum }')
  goal=$(awk -v need="$blocks" '$2 >= need && (!best || $2 < best) { best = $2; goal = $1 } END { print goal }' "$meta/allocation/free_blocks")
  [ -n "$goal" ] || { echo "$inode: in $before pieces, and no free run of $blocks blocks"; continue; }
  echo "$goal" > "$donor/alloc_goal"
  echo "$runs" | while read -r logical length; do
    echo "$length" | dd of="$donor/data/alloc" oflag=seek_bytes seek="$logical" conv=notrunc status=none
  done
  [ "$(pieces "$donor")" -lt "$before" ] || { echo "$inode: the space of inode $ident is in pieces too; empty it" >&2; exit 1; }
  echo "$ident" > "$file/data/reloc"
  echo "$inode: $(cat "$file/data/reloc") blocks relocated, from $before pieces to $(pieces "$file")"
done
