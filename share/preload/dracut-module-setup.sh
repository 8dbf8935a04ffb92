#!/bin/bash
# Written by bootpack preload install; bootpack preload remove takes it away.
#
# A module of dracut: reads what the boot needs once the root is mounted, before its init.

check() {
  return 0
}

depends() {
  return 0
}

install() {
  inst_multiple cat dd sleep
  inst_simple "$moddir/preload.sh" /sbin/bootpack-preload
  inst_hook pre-pivot 50 "$moddir/preload-hook.sh"
}
