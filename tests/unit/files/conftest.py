import pytest

from nbreplay.files import Watch


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The notebook's folder, where the kernel is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cell(folder):
    """Run something as a cell would be run and return what was seen of it."""
    watch = Watch()
    watch.install()

    def run(function, *args):
        with watch.scope(folder, threads="main+children") as scope:
            function(*args)
        return scope.seen()

    return run


@pytest.fixture
def task(folder):
    """Run something as a task would be run and return what was seen of it."""
    watch = Watch()
    watch.install()

    def run(function, *args):
        with watch.scope(folder) as scope:
            function(*args)
        return scope.seen()

    return run
