"""A bench: which notebooks, in which order, in which folders."""

from __future__ import annotations

import compileall
import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbreplay
from nbreplay.bench.bed import Bed
from nbreplay.bench.measure import Rounds, Sample, Subject
from nbreplay.bench.model import SEED, Change, Workload
from nbreplay.bench.own import OwnBed, own_change
from nbreplay.bench.peers import PEERS, prepared
from nbreplay.bench.workloads import NAMES, PUBLISHED, workload
from nbreplay.errors import UsageError
from nbreplay.share.notebook import read_notebook

KEY_VARIABLE = "NBREPLAY_KEY_FILE"


class Session:
    """All rounds over all *subjects*, round by round, so that what changes on the machine meets all alike."""

    def __init__(self, subjects: Sequence[Subject], folder: Path, rounds: int, *, peers: bool = False) -> None:
        self.subjects, self.folder, self.rounds, self.peers = subjects, folder, rounds, peers
        self.notes: list[str] = []

    @property
    def count(self) -> int:
        """How many runs there will be."""
        rounds = [Rounds(subject, lambda text: None) for subject in self.subjects]
        return sum(len(each.steps(number)) for each in rounds for number in range(self.rounds))

    def run(self, told: Callable[[str], None]) -> Iterator[Sample]:
        """Run everything; yield each run when it is compared."""
        _compile()
        with _own_key(self.folder / "key"):
            if self.peers:
                told("installing what is compared with")
                self.notes += prepared(self.folder)
            rounds = [Rounds(subject, told) for subject in self.subjects]
            for number in range(self.rounds):
                for each in rounds:
                    yield from each.round(number)


def subjects(
    names: Sequence[str], size: str, edits: str, folder: Path, *, seed: int = SEED, peers: bool = False
) -> list[Subject]:
    """Return the workloads called *names* (none: the published five), with the edits that *edits* asks for.

    Raises
    ------
    UsageError
        A name is not known, or what a workload needs is not installed.
    """
    chosen = NAMES if "all" in names else tuple(dict.fromkeys(names)) or PUBLISHED
    if unknown := [name for name in chosen if name not in NAMES]:
        raise UsageError(f"no workload {', '.join(unknown)}; there are {', '.join(NAMES)}, and all")
    found = [_subject(workload(name), size, edits, folder / name, seed, peers) for name in chosen]
    wanted = {edit.strip() for edit in edits.split(",")} - {"first", "all", "none"}
    known = {change.name for name in chosen for change in workload(name).changes(workload(name).sizes[size])}
    if missing := wanted - known:
        raise UsageError(f"no edit {', '.join(sorted(missing))}; there are {', '.join(sorted(known))}")
    return found


def _subject(made: Workload, size: str, edits: str, folder: Path, seed: int, peers: bool) -> Subject:
    if missing := [module for module in made.needs if importlib.util.find_spec(module) is None]:
        raise UsageError(f"{made.name} needs {', '.join(missing)}: pip install 'nbreplay[bench]'")
    changes = made.changes(made.sizes[size])
    measured: Change | None = None
    once: tuple[Change, ...] = ()
    if edits == "all":
        measured, once = changes[0], changes[1:]
    elif edits == "first":
        measured = changes[0]
    elif edits != "none":
        named = [change for change in changes if change.name in {edit.strip() for edit in edits.split(",")}]
        measured, once = (named[0], tuple(named[1:])) if named else (None, ())
    return Subject(
        name=made.name,
        title=made.title,
        bed=Bed(made, size, folder, seed=seed),
        measured=measured,
        once=once,
        expected=made.tasks(made.sizes[size]),
        has_ideal=measured is not None and measured.name == made.ideal.change,
        peers=PEERS if peers else (),
    )


def own_subject(notebook: Path, cell_edits: Sequence[str], folder: Path) -> Subject:
    """Return the user's own *notebook*, with the edits ``K=FILE`` as one change."""
    source = read_notebook(notebook)
    change = own_change(source, cell_edits)
    return Subject(
        name=notebook.stem,
        title=notebook.stem,
        bed=OwnBed(notebook, source, folder),
        measured=change,
        has_oracle=False,
        has_ideal=False,
    )


def _compile() -> None:
    """Compile this package as an installation does: kernels that are measured write no bytecode."""
    compileall.compile_dir(str(Path(nbreplay.__file__).parent), quiet=2)


@contextmanager
def _own_key(path: Path) -> Iterator[None]:
    """Let this process and its kernels mark records with a key of their own; the user's is not touched."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = os.environ.get(KEY_VARIABLE)
    os.environ[KEY_VARIABLE] = str(path)
    try:
        yield
    finally:
        if before is None:
            del os.environ[KEY_VARIABLE]
        else:
            os.environ[KEY_VARIABLE] = before
