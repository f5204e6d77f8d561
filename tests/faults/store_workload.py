"""What the fault tests of the store run, and what must hold afterwards.

A step that returned is *acknowledged*: whatever happens later, its effect stays. One that did not is whole, or absent.
"""

import random
from dataclasses import dataclass, field

from nbreplay.errors import BlobDamaged, BlobMissing, StoreError
from nbreplay.store import Store

_random = random.Random(1)
LARGE = [_random.randbytes(200_000) for _ in range(3)]
SOFT = b"soft " * 40_000
UNNEEDED = _random.randbytes(20_000)


@dataclass
class Seen:
    """What was acknowledged, and what may or may not be there."""

    cells: list[bytes] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    failed: int = 0


def workload(folder, seen, *, disk=None):
    """Open, write, and close; errors of the store are counted, as its users would do."""

    def attempt(step):
        try:
            return step()
        except StoreError:
            seen.failed += 1
            return None

    store = attempt(lambda: Store.open(folder, disk=disk))
    if store is None:
        return
    with store:
        for number in range(4):
            refs = [
                attempt(lambda c=content: store.put(c, strong=True))
                for content in (b"small %d" % number, LARGE[number % 3], SOFT if number == 1 else b"again")
            ]
            if not all(refs):
                continue
            body = " ".join([str(number), *(ref.digest for ref in refs)]).encode()
            if attempt(lambda b=body: store.append("cell", b, [b"all"])):
                seen.cells.append(body)
            if number == 1:
                attempt(lambda: store.forget([store.append("other", b"to be forgotten", [b"o"])]))
                attempt(lambda: store.put(UNNEEDED))
                attempt(lambda: store.prune(contents(), grace_s=0))
            if number == 2:
                attempt(store.sync)
                attempt(lambda: store.append_many("task", [(b"t%d" % n, [b"t"]) for n in range(5)]))


def contents():
    """Return all that the workload ever puts, by digest."""
    from nbreplay.digest import digest_bytes

    return {digest_bytes(c): c for c in [*LARGE, SOFT, b"again", *(b"small %d" % n for n in range(4))]}


def check(folder, acknowledged):
    """Open the store after the fault, and fail if anything is wrong, or does not go on."""
    known = contents()
    for _ in range(2):  # the second time with the index that the first left
        with Store.open(folder) as store:
            found = [bytes(stored.body) for stored in store.find("cell", b"all")]
            assert found == [bytes(stored.body) for stored in store.scan("cell")]
            assert [body for body in found if body in acknowledged] == acknowledged
            assert len(found) <= len(acknowledged) + 1
            for body in found:
                for digest in body.decode().split()[1:]:
                    assert store.get(digest) == known[digest]
            assert [p for p in store.verify() if p.severity == "damaged"] == []
    with Store.open(folder) as store:
        ref = store.put(LARGE[0])
        store.append("cell", b"goes on", [b"later"])
        assert store.get(ref) == LARGE[0]
        store.forget(stored.place for stored in store.find("cell", b"later"))


def read_all(folder):
    """Read whatever a damaged store gives: values must be right, or refused by an error of ours."""
    known = contents()
    try:
        store = Store.open(folder)
    except StoreError:
        return
    with store:
        for stored in [*store.find("cell", b"all"), *store.scan("cell"), *store.find("task", b"t")]:
            first, *digests = bytes(stored.body).decode().split()
            assert first[0] in "0123t"
            assert stored.own
            for digest in digests:
                try:
                    assert store.get(digest) == known[digest]
                except (BlobMissing, BlobDamaged):
                    store.put(known[digest])
                    assert store.get(digest) == known[digest]
        store.verify()
        store.append("cell", b"0", [b"new"])
        assert [bytes(stored.body) for stored in store.find("cell", b"new")] == [b"0"]
