#!/bin/sh
# Written by bootpack preload install; bootpack preload remove takes it away.
#
# dracut reads its hooks into its own shell: the work is done by a shell of its own.

/bin/sh /sbin/bootpack-preload "$NEWROOT" || :
