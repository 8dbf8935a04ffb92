#!/bin/sh
# Process 1 of a machine that goes down: systemd has made the folder in memory that holds
# this script its root and executed it, with the way down as first argument. bootpack's own
# program does the work and takes the machine down. This script starts it, tells it of
# Ctrl-Alt-Del, and is there should it fail: whatever happens, the machine goes down.
#
# Only what is built into a POSIX shell is used, and sleep.

verb=${1:-poweroff}
PATH=/usr/sbin:/usr/bin:/sbin:/bin
HOME=/tmp SHELL=/bin/sh
export PATH HOME SHELL

{ read -r node && read -r home; } </program
limit=900
[ ! -r /order/limit ] || read -r limit </order/limit

work= guard=
# Process 1 hears only what it has a handler for. The first asks for an orderly end.
trap '[ -z "$work" ] || kill -TERM "$work" 2>/dev/null' INT TERM
trap : HUP QUIT PIPE USR1 USR2

"$node" "$home/dist/shutdown/exit/main.js" "$@" &
work=$!
# It keeps its own time; this is for a program that no longer keeps anything.
(
  sleep "$limit"
  kill -KILL "$work"
) >/dev/null 2>&1 &
guard=$!

while :; do
  wait "$work"
  status=$?
  kill -0 "$work" 2>/dev/null || break
done
work=

# 75: another environment, dracut's for one, has been made the root, and goes on from here.
if [ "$status" = 75 ] && [ -x /shutdown ]; then
  kill -KILL "$guard" 2>/dev/null
  cd /
  exec /shutdown "$@"
fi

# Any other way the program did not end what it began: it brings the machine down by
# itself and does not come back. Once more, for that alone; then by the kernel's own keys.
echo "bootpack: ended with $status; going down now."
"$node" "$home/dist/shutdown/exit/main.js" --down "$@"
for key in s u; do
  echo "$key" >/proc/sysrq-trigger
  sleep 2
done
case $verb in
  poweroff) echo o >/proc/sysrq-trigger ;;
  halt) ;;
  *) echo b >/proc/sysrq-trigger ;;
esac
while :; do sleep 3600; done
