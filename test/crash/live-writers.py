#!/usr/bin/env python3
"""Writers that know what they wrote.

live-writers.py FOLDER SEED

Keeps some files below FOLDER busy (append, truncate, overwrite, write through a
mapping, rename, unlink, sync) and a copy of what each must hold in memory. Reads
compare now and then, and all do at the end. Ends on SIGTERM, with one line of JSON
on standard output: operations by kind, and mismatches.
"""
import json, mmap, os, random, signal, sys

folder, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
stop = False
def ask(*_):
    global stop
    stop = True
signal.signal(signal.SIGTERM, ask)

os.makedirs(folder, exist_ok=True)
files = {}
counts = {}
mismatches = []
largest = 400_000

def path(name):
    return os.path.join(folder, name)

def compare(name):
    with open(path(name), 'rb') as f:
        found = f.read()
    if found != bytes(files[name]):
        at = next((i for i, (a, b) in enumerate(zip(found, files[name])) if a != b), min(len(found), len(files[name])))
        mismatches.append(f'{name}: {len(found)} bytes for {len(files[name])}, differ at {at}')

def create():
    name = f'f{rng.randrange(10**9)}'
    if name in files: return
    data = bytearray(rng.randbytes(rng.randrange(1, 60_000)))
    with open(path(name), 'wb') as f:
        f.write(data)
    files[name] = data

def append(name):
    data = rng.randbytes(rng.randrange(1, 20_000))
    with open(path(name), 'ab') as f:
        f.write(data)
    files[name] += data

def overwrite(name):
    at = rng.randrange(len(files[name]) or 1)
    data = rng.randbytes(rng.randrange(1, 9_000))
    fd = os.open(path(name), os.O_RDWR)
    os.pwrite(fd, data, at)
    if rng.random() < 0.1: os.fdatasync(fd)
    os.close(fd)
    files[name][at:at + len(data)] = data

def mapped(name):
    size = len(files[name])
    if size == 0: return
    fd = os.open(path(name), os.O_RDWR)
    with mmap.mmap(fd, size) as m:
        at = rng.randrange(size)
        data = rng.randbytes(min(size - at, 5_000))
        m[at:at + len(data)] = data
        if rng.random() < 0.2: m.flush()
    os.close(fd)
    files[name][at:at + len(data)] = data

def truncate(name):
    size = rng.randrange(len(files[name]) + 1) if rng.random() < 0.8 else len(files[name]) + rng.randrange(30_000)
    os.truncate(path(name), size)
    data = files[name]
    files[name] = data[:size] + bytearray(max(0, size - len(data)))

def rename(name):
    new = f'r{rng.randrange(10**9)}'
    if new in files: return
    os.rename(path(name), path(new))
    files[new] = files.pop(name)

def unlink(name):
    os.unlink(path(name))
    del files[name]

acts = [append, overwrite, overwrite, mapped, truncate, rename, unlink, compare]
print('ready', flush=True)
while not stop:
    try:
        if len(files) < 40 or (len(files) < 90 and rng.random() < 0.1):
            act, name = create, None
        else:
            act, name = rng.choice(acts), rng.choice(list(files))
            if len(files[name]) > largest: act = unlink
        act(name) if name else act()
    except OSError as error:
        if error.errno != 28: raise
        # No room: that must never damage what is there.
        counts['no space'] = counts.get('no space', 0) + 1
        if name in files:
            with open(path(name), 'rb') as f: files[name] = bytearray(f.read())
        else:
            for left in set(os.listdir(folder)) - set(files): os.unlink(path(left))
        continue
    counts[act.__name__] = counts.get(act.__name__, 0) + 1
for name in list(files): compare(name)
print(json.dumps({'operations': sum(counts.values()), 'by kind': counts, 'mismatches': mismatches}), flush=True)
