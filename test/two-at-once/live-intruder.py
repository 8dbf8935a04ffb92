#!/usr/bin/env python3
"""Somebody else at work on a mounted filesystem while bootpack packs it.

live-intruder.py WHAT MOUNTPOINT STAY ROUND

The same words and notes as intruder.sh. With STAY 1 it goes on with what it does until
standard input ends.
"""
import hashlib, mmap, os, random, select, subprocess, sys

what, root, stay, number = sys.argv[1], sys.argv[2], sys.argv[3] == '1', sys.argv[4]
rng = random.Random(int(number))
log = open(os.environ['LOG'], 'a')
# What it has a lease on it would wait for itself.
held = {}

def note(name, contents, sure):
    value = 'none' if contents is None else hashlib.sha256(contents).hexdigest()
    log.write(f"{'' if sure else '?'}/{name}\t{value}\n")
    log.flush()

def read(name):
    with open(os.path.join(root, name), 'rb') as f: return f.read()

def change(name, contents, how):
    """Notes what the file will hold, does it, brings it to stable storage, notes that it does."""
    note(name, contents, False)
    path = os.path.join(root, name)
    how(path)
    if contents is not None:
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    note(name, contents, True)

def put(path, data, at, extra=0):
    fd = os.open(path, os.O_RDWR | extra)
    os.pwrite(fd, data, at)
    os.close(fd)

def overwrite(name):
    old = read(name)
    at = rng.randrange(len(old))
    data = rng.randbytes(min(len(old) - at, 9000))
    change(name, old[:at] + data + old[at + len(data):], lambda path: put(path, data, at))

def append(name):
    data = rng.randbytes(rng.randrange(1, 20000))
    old = read(name)
    change(name, old + data, lambda path: put(path, data, len(old)))

def truncate(name):
    old = read(name)
    size = rng.randrange(len(old) + 1) if rng.random() < 0.7 else len(old) + 10000
    change(name, (old + bytes(10000))[:size] if size > len(old) else old[:size], lambda path: os.truncate(path, size))

def mapped(name):
    old = read(name)
    at = rng.randrange(len(old))
    data = rng.randbytes(min(len(old) - at, 5000))
    def through(path):
        fd = os.open(path, os.O_RDWR)
        with mmap.mmap(fd, len(old)) as m:
            m[at:at + len(data)] = data
            m.flush()
        os.close(fd)
    change(name, old[:at] + data + old[at + len(data):], through)

def unlink(name):
    change(name, None, os.unlink)

def rename(name):
    old = read(name)
    note(f'renamed-{name}', old, False)
    change(name, None, lambda path: os.rename(path, os.path.join(root, f'renamed-{name}')))
    note(f'renamed-{name}', old, True)

def replace(name):
    """As package managers do it."""
    data = rng.randbytes(rng.randrange(1, 60000))
    def through(path):
        with open(path + '.temporary', 'wb') as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.rename(path + '.temporary', path)
    change(name, data, through)

def lease(name):
    import fcntl
    fd = os.open(os.path.join(root, name), os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        held[fd] = name
    except OSError:
        os.close(fd)

acts = {f.__name__: f for f in (overwrite, append, truncate, mapped, unlink, rename, replace, lease)}
programs = {
    'remount-ro': ['mount', '-o', 'remount,ro', root],
    'e4defrag': ['e4defrag', root],
    'pack': [os.environ['NODE'], os.environ['BOOTPACK'], 'pack', root, '-t', os.environ['TRACE'], '--evict', '--quiet'],
    'fstrim': ['fstrim', root],
    'umount-l': ['umount', '-l', root],
    'freeze': ['fsfreeze', '-f', root],
}

def once():
    names = sorted(n for n in os.listdir(root) if n.startswith('file') and '.' not in n and n not in held.values())
    if names:
        try: (rng.choice(list(acts.values())) if what == 'everything' else acts[what])(rng.choice(names))
        except OSError as error:
            # No room, a lease of bootpack's, or mounted read-only: not done, and noted as perhaps done.
            if error.errno not in (11, 28, 30): raise

import signal
signal.signal(signal.SIGIO, signal.SIG_IGN)
if what in acts or what == 'everything':
    for _ in range(30): once()
else:
    ended = subprocess.run(programs[what], stdout=sys.stderr)
    allowed = (0, 3, 4, 5) if what == 'pack' else (0,)
    if ended.returncode not in allowed: sys.exit(70 if what == 'pack' else 1)
print('in', flush=True)
if what == 'freeze':
    select.select([sys.stdin], [], [], 2)
    subprocess.run(['fsfreeze', '-u', root], check=True)
while stay and not select.select([sys.stdin], [], [], 0.01)[0]:
    if what in acts or what == 'everything': once()
