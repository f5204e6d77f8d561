"""What tells why a task runs stays when a store is pruned."""

from __future__ import annotations

import pytest

from nbreplay.errors import BlobMissing
from nbreplay.records import to_bytes
from nbreplay.store import Store
from nbreplay.tasks.eviction import look
from nbreplay.tasks.parts import PARTS, TaskParts


@pytest.mark.parametrize("length", [20, 300_000], ids=["in the journal", "in a file"])
def test_texts_of_parts_outlive_a_pruning(tmp_path, monkeypatch, length):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    with Store.open(tmp_path / "store") as store:
        text, other = b"t" * length, b"o" * length
        needed, unneeded = store.put(text), store.put(other)
        rows = (("function", "helper", "0" * 32, str(needed.digest)), ("global", "K", "1" * 32, ""))
        store.append(PARTS, to_bytes(TaskParts(name="work", rows=rows)), [b"work"])
        store.prune(look(store).kept(), grace_s=0.0)
        assert bytes(store.get(needed.digest)) == text
        with pytest.raises(BlobMissing):
            store.get(unneeded.digest)
