"""What the store costs: appending, looking up, keeping and reading 200 MB, and being rebuilt.

    python benchmarks/store.py [--dir DIR] [--repeats N]

Everything in a fresh folder of DIR (default: the system's temporary folder), fixed seeds, medians of N runs (default 5)
with minimum and maximum; for single calls also the 90th and 99th percentile. Page cache warm. The cost without a store
is shown beside: writing the same bytes with plain ``write`` and ``fsync``.
"""

import argparse
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import lmdb
import xxhash
import zstandard

from nbreplay.store import Store

RECORDS = 100_000
BODY = random.Random(1).randbytes(300)
LARGE_BYTES = 200_000_000


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def show(name, seconds, unit="ms"):
    """Print the median, minimum and maximum of *seconds*, and p90 and p99 where there are many."""
    factor = {"us": 1e6, "ms": 1e3, "s": 1.0}[unit]
    ordered = sorted(second * factor for second in seconds)
    line = f"{name:58} {statistics.median(ordered):9.2f} {unit:3} [{ordered[0]:.2f} - {ordered[-1]:.2f}]"
    if len(ordered) >= 100:
        line += f" p90 {ordered[len(ordered) * 9 // 10]:.1f}, p99 {ordered[len(ordered) * 99 // 100]:.1f}"
    print(line)


def small_calls(folder):
    """Append and look up, one by one and in batches."""
    with Store.open(folder) as store:
        calls = [timed(lambda n=n: store.append("task", BODY, [b"P%d" % n, b"K%d" % n])) for n in range(5000)]
        show("append a record of 300 bytes with 2 keys", calls, "us")
        show("put a blob of 300 bytes", [timed(lambda n=n: store.put(b"%300d" % n)) for n in range(2000)], "us")
        ref = store.put(BODY)
        show("put the same blob again", [timed(lambda: store.put(BODY)) for _ in range(2000)], "us")
        show("get a blob of 300 bytes", [timed(lambda: store.get(ref)) for _ in range(2000)], "us")
        show("find one record", [timed(lambda n=n: store.find("task", b"P%d" % n)) for n in range(2000)], "us")
        show("refresh, nothing new", [timed(store.refresh) for _ in range(500)], "us")


def many_records(folder, repeats):
    """A store of 100,000 records: filled, searched, closed, opened, rebuilt."""
    items = [(BODY, [b"P%d" % number, b"K%d" % number]) for number in range(RECORDS)]
    absent = [b"N%d" % number for number in range(RECORDS)]
    present = [b"P%d" % number for number in range(10_000)]
    store = Store.open(folder)
    show(f"append_many, {RECORDS} records, for each", [timed(lambda: store.append_many("task", items)) / RECORDS], "us")
    find = [timed(lambda: store.find_many("task", absent)) / RECORDS for _ in range(repeats)]
    show("find_many, absent, not written yet, for each key", find, "us")
    store.sync()
    find = [timed(lambda: store.find_many("task", absent)) / RECORDS for _ in range(repeats)]
    show("find_many, absent, for each key", find, "us")
    find = [timed(lambda: store.find_many("task", present)) / len(present) for _ in range(repeats)]
    show("find_many, present, read and checked, for each key", find, "us")
    store.append("cell", BODY, [b"cell"])
    show("scan a kind with 1 record among them", [timed(lambda: list(store.scan("cell"))) for _ in range(repeats)])
    show("close", [timed(store.close)])

    def opened():
        nonlocal store
        store = Store.open(folder)

    clean, dirty = [], []
    for _ in range(repeats):
        clean.append(timed(opened))
        store.close()
        (folder / "index" / "clean").unlink()
        dirty.append(timed(opened))
        store.close()
    show("open, index clean", clean)
    show(f"open, index gone: {RECORDS} records read again", dirty)


def large_blobs(folder, repeats):
    """200 MB that do not compress, and 200 MB that do."""
    for name, data in (("noise", os.urandom(LARGE_BYTES)), ("zeros", bytes(LARGE_BYTES))):
        rounds = [one_large(folder / f"{name}{number}", data) for number in range(repeats)]
        put, again, get, plain = zip(*rounds, strict=True)
        show(f"put 200 MB of {name}", put)
        show("    the same with plain write and fsync", plain)
        show(f"put 200 MB of {name} again", again)
        show(f"get 200 MB of {name}, checked", get)


def one_large(folder, data):
    """Return the seconds of a put, the same put again, a get, and a plain write."""
    with Store.open(folder) as store:
        put = timed(lambda: store.put(data))
        again = timed(lambda: store.put(data))
        ref = store.put(data)
        get = timed(lambda: store.get(ref))
    shutil.rmtree(folder)
    return put, again, get, timed(lambda: written_plainly(folder, data))


def written_plainly(path, data):
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, default=None)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    versions = f"lmdb {lmdb.version()}, xxhash {xxhash.VERSION}, zstandard {zstandard.__version__}"
    print(f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores, {platform.machine()}\n")
    home = Path(tempfile.mkdtemp(dir=asked.dir))
    os.environ.setdefault("NBREPLAY_KEY_FILE", str(home / "key"))
    try:
        small_calls(home / "small")
        many_records(home / "many", asked.repeats)
        (home / "large").mkdir()
        large_blobs(home / "large", asked.repeats)
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
