#!/usr/bin/env python3
"""Somebody else at work on files, for tests.

others.py lease KIND UID PATH...   leases (read or write) as user UID, held until standard input ends
others.py change PATH...           rewrites files over and over, each time with other lengths
others.py run PATH...              starts programs and stops each before its first instruction
others.py deny PATH...             a program that watches opens and forbids them (needs root)

Says "ready" when it is at work. "lease" ends with the number of times the kernel asked
it to give a lease up.
"""
import ctypes, fcntl, os, random, select, signal, struct, sys

what, *arguments = sys.argv[1:]

def lease(kind, uid, *paths):
    asked = [0]
    def called_back(*_):
        asked[0] += 1
    signal.signal(signal.SIGIO, called_back)
    if int(uid) != 0:
        os.setgid(int(uid))
        os.setuid(int(uid))
    # A write lease is for who has the file open alone, a read lease for readers.
    held = [os.open(path, os.O_RDWR if kind == 'write' else os.O_RDONLY) for path in paths]
    for fd in held:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK if kind == 'write' else fcntl.F_RDLCK)
    print('ready', flush=True)
    sys.stdin.read()
    print(asked[0], flush=True)

def change(*paths):
    print('ready', flush=True)
    rng = random.Random(1)
    while True:
        for path in paths:
            with open(path, 'r+b') as f:
                f.truncate(rng.randrange(2) * 4096)
                f.write(rng.randbytes(4096 * (1 + rng.randrange(20))))
                f.flush()
                os.fdatasync(f.fileno())

def run(*paths):
    libc = ctypes.CDLL(None)
    children = []
    for path in paths:
        child = os.fork()
        if child == 0:
            libc.ptrace(0, 0, 0, 0)
            os.execv(path, [path])
        children.append(child)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status): sys.exit(f'{path} does not start')
    print('ready', flush=True)
    sys.stdin.read()
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

def deny(*paths):
    libc = ctypes.CDLL(None, use_errno=True)
    FAN_CLASS_CONTENT, FAN_MARK_ADD, FAN_OPEN_PERM, FAN_DENY = 0x4, 0x1, 0x10000, 2
    fd = libc.fanotify_init(FAN_CLASS_CONTENT, os.O_RDONLY)
    if fd < 0: sys.exit('fanotify: ' + os.strerror(ctypes.get_errno()))
    for path in paths:
        if libc.fanotify_mark(fd, FAN_MARK_ADD, ctypes.c_uint64(FAN_OPEN_PERM), -1, path.encode()) != 0:
            sys.exit('fanotify: ' + os.strerror(ctypes.get_errno()))
    print('ready', flush=True)
    while True:
        ready, _, _ = select.select([fd, sys.stdin], [], [])
        if sys.stdin in ready: break
        data = os.read(fd, 4096)
        while data:
            length, _, _, _, _, event, _ = struct.unpack('IBBHQii', data[:24])
            os.write(fd, struct.pack('iI', event, FAN_DENY))
            os.close(event)
            data = data[length:]

{'lease': lease, 'change': change, 'deny': deny, 'run': run}[what](*arguments)
