"""The n-th call to the disk fails, for every n: nothing is wrong afterwards, and it goes on."""

import errno
import os
import threading

import pytest
from store_workload import Seen, check, workload

from nbreplay.store.disk import Disk

pytestmark = pytest.mark.faults


class Failing(Disk):
    """Raises at the n-th call; *lasting*: and at every one after it."""

    def __init__(self, when, error, *, lasting, short=False):
        self.when, self.error, self.lasting, self.short = when, error, lasting, short
        self.calls = 0
        self.lock = threading.Lock()

    def fails(self):
        with self.lock:
            self.calls += 1
            return self.calls == self.when or (self.lasting and self.calls > self.when)

    def guard(self):
        if self.fails():
            raise OSError(self.error, os.strerror(self.error))

    def create(self, path):
        self.guard()
        return super().create(path)

    def write_some(self, fd, data, offset):
        if self.fails():
            if self.short and len(data) > 1:
                super().write_some(fd, data[: len(data) // 2], offset)
            raise OSError(self.error, os.strerror(self.error))
        return super().write_some(fd, data, offset)

    def truncate(self, fd, size_bytes):
        self.guard()
        super().truncate(fd, size_bytes)

    def sync(self, fd):
        self.guard()
        super().sync(fd)

    def rename(self, source, target):
        self.guard()
        super().rename(source, target)

    def make_folder(self, path):
        self.guard()
        super().make_folder(path)


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
def test_every_call_to_the_disk_may_fail(tmp_path, error, lasting):
    when = 1
    while True:
        disk = Failing(when, error, lasting=lasting, short=when % 2 == 0)
        folder = tmp_path / str(when)
        seen = Seen()
        workload(folder, seen, disk=disk)
        temporary = [path for path in folder.rglob(".tmp-*")]
        assert not temporary
        check(folder, seen.cells)
        if disk.calls < when:
            break
        when += 1
    assert when > 30
    assert len(seen.cells) == 4


class Trickling(Disk):
    """Writes a part at a time, as a disk may."""

    def write_some(self, fd, data, offset):
        return super().write_some(fd, data[: max(1, len(data) // 3)], offset)


def test_short_writes_are_gone_on_with(tmp_path):
    seen = Seen()
    workload(tmp_path / "nb", seen, disk=Trickling())
    assert len(seen.cells) == 4
    assert not seen.failed
    check(tmp_path / "nb", seen.cells)
