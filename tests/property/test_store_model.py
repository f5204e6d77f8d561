"""Two writers, crashes, index deletion, closing and reopening in any order, against a plain dictionary."""

import os
import pickle
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nbreplay.digest import digest_bytes
from nbreplay.errors import StoreUnwritable
from nbreplay.store import Store, failpoints

KEYS = st.sampled_from([b"a", b"b", b"c"])
CONTENTS = st.sampled_from([b"", b"small", b"other", b"soft" * 50_000, os.urandom(70_000)])
SIDES = st.sampled_from([0, 1])


class Writer:
    """A process of its own that has the store open, and does what it is told."""

    def __init__(self, folder, key_path):
        self.ask_read, ask_write = os.pipe()
        answer_read, self.answer_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:  # pragma: no cover - another process
            try:
                os.environ["NBREPLAY_KEY_FILE"] = str(key_path)
                os.close(ask_write)
                os.close(answer_read)
                self._serve(folder)
            finally:
                os._exit(1)
        os.close(self.ask_read)
        os.close(self.answer_write)
        self.requests = os.fdopen(ask_write, "wb")
        self.answers = os.fdopen(answer_read, "rb")

    def _serve(self, folder):
        store = Store.open(folder)
        requests, answers = os.fdopen(self.ask_read, "rb"), os.fdopen(self.answer_write, "wb")
        while True:
            what, *args = pickle.load(requests)
            if what == "end":
                store.close()
                os._exit(0)
            pickle.dump(getattr(self, f"_{what}")(store, *args), answers)
            answers.flush()

    def _append(self, store, body, keys):
        return tuple(store.append("cell", body, keys))

    def _put(self, store, content):
        return store.put(content, strong=True)

    def _find(self, store, key):
        store.refresh()
        return [(bytes(s.body), s.own, tuple(s.place)) for s in store.find("cell", key)]

    def _scan(self, store):
        store.refresh()
        return sorted(bytes(s.body) for s in store.scan("cell"))

    def _get(self, store, ref):
        return bytes(store.get(ref))

    def _forget(self, store, place):
        return store.forget([place])

    def _sync(self, store):
        return store.sync()

    def _fail_append(self, store, where, body, keys):
        failpoints.arm(where)
        try:
            store.append("cell", body, keys)
        except StoreUnwritable:
            return "refused"
        finally:
            failpoints.arm("")
        return "kept"

    def __call__(self, *request):
        pickle.dump(request, self.requests)
        self.requests.flush()
        return pickle.load(self.answers)

    def end(self, signal=None):
        if signal:
            os.kill(self.pid, signal)
        else:
            pickle.dump(("end",), self.requests)
            self.requests.flush()
        os.waitpid(self.pid, 0)
        self.requests.close()
        self.answers.close()


class TwoWriters(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.home = Path(tempfile.mkdtemp())
        self.folder = self.home / "nb"
        self.writers = [None, None]
        self.records = []  # (body, keys, place) in the order of their appending
        self.refs = {}
        self.count = 0

    def writer(self, side):
        if self.writers[side] is None:
            self.writers[side] = Writer(self.folder, self.home / "key")
        return self.writers[side]

    def expected(self, key):
        return [body for body, keys, _ in self.records if key in keys]

    @rule(side=SIDES, keys=st.sets(KEYS))
    def append(self, side, keys):
        self.count += 1
        body = b"%d" % self.count
        self.writer(side)("find", b"a")  # it has seen all others: so its own comes last
        place = self.writer(side)("append", body, tuple(keys))
        self.records.append((body, keys, place))

    @rule(side=SIDES, content=CONTENTS)
    def put(self, side, content):
        ref = self.writer(side)("put", content)
        assert ref.digest == digest_bytes(content)
        self.refs[ref] = content

    @rule(side=SIDES, key=KEYS)
    def find(self, side, key):
        found = self.writer(side)("find", key)
        assert [body for body, _, _ in found] == self.expected(key)
        assert all(own for _, own, _ in found)

    @rule(side=SIDES)
    def scan(self, side):
        assert self.writer(side)("scan") == sorted(body for body, _, _ in self.records)

    @precondition(lambda self: self.refs)
    @rule(side=SIDES, data=st.data())
    def get(self, side, data):
        ref = data.draw(st.sampled_from(sorted(self.refs, key=lambda r: r.digest)))
        assert self.writer(side)("get", ref) == self.refs[ref]

    @precondition(lambda self: self.records)
    @rule(side=SIDES, data=st.data())
    def forget(self, side, data):
        record = data.draw(st.sampled_from(self.records))
        self.writer(side)("forget", record[2])
        self.records.remove(record)

    @rule(side=SIDES)
    def sync(self, side):
        self.writer(side)("sync")

    @rule(side=SIDES, keys=st.sets(KEYS), point=st.sampled_from(["journal.before=EIO", "journal.half=ENOSPC"]))
    def fail(self, side, keys, point):
        assert self.writer(side)("fail_append", point, b"never", tuple(keys)) == "refused"

    @rule(side=SIDES, signal=st.sampled_from([None, 9]))
    def end(self, side, signal):
        if self.writers[side]:
            self.writers[side].end(signal)
            self.writers[side] = None

    @rule()
    def delete_index(self):
        shutil.rmtree(self.folder / "index", ignore_errors=True)

    @rule()
    def tear(self):
        """Somebody's last write was cut off: only where nobody writes any more."""
        if not any(self.writers) and (self.folder / "journals").exists():
            for journal in (self.folder / "journals").iterdir():
                with journal.open("ab") as file:
                    file.write(b"NBRR\x01 torn")

    @invariant()
    def nothing_is_damaged(self):
        if self.count % 5 == 4:
            with Store.open(self.folder, read_only=True) as reader:
                assert not [p for p in reader.verify() if p.severity == "damaged"]

    def teardown(self):
        if not hasattr(self, "home"):
            return
        for side in (0, 1):
            self.end(side, None)
        shutil.rmtree(self.home)


TestTwoWriters = TwoWriters.TestCase
TestTwoWriters.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
