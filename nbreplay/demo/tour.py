"""What the demo does: run, record, repeat, edit, send; each time compared with a plain run of the same notebook."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from nbreplay.config import store_beside
from nbreplay.demo.weather import PARTS, write_observations
from nbreplay.share.archive import Archive
from nbreplay.share.edits import Edit, edited
from nbreplay.share.headless import Outcome, Request, run_notebook
from nbreplay.share.launch import AUDIT, PLAIN, REPEAT
from nbreplay.share.notebook import code_cells, read_notebook, write_notebook
from nbreplay.share.pack import Order, pack
from nbreplay.share.unpack import unpack

NOTEBOOK = Path(__file__).parent / "climate.ipynb"
INPUT = "observations"

THRESHOLD = Edit(cell=3, old="THRESHOLD = 10.0", new="THRESHOLD = 5.0")
WEIGHTS = Edit(
    cell=2, old='0.8 * part["hottest"] + 0.2 * part["rain"]', new='0.7 * part["hottest"] + 0.3 * part["rain"]'
)

# Values that a notebook leaves behind, as text that shows every digit.
PROBES = {
    "baseline": "repr(baseline)",
    "summary": "summary.compute().to_csv()",
    "scored": "scored.compute().to_csv()",
    "risky": "risky.to_csv()",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One line of the table: an edit, the kernel, and the cells that have to run.

    *served* says that tasks of cells that run have to come from the record. *away* means: cell 3 alone, after a pack
    was unpacked in another folder, where the input data is not.
    """

    title: str
    kernel: str
    edit: Edit | None = None
    runs: tuple[int, ...] = ()
    served: bool = False
    away: bool = False


VARIANTS = (
    Variant(title="audit: run and record", kernel=AUDIT, runs=(1, 2, 3)),
    Variant(title="repeat, nothing changed", kernel=REPEAT),
    Variant(title="repeat, threshold 10.0 -> 5.0", kernel=REPEAT, edit=THRESHOLD, runs=(3,)),
    Variant(title="repeat, other risk weights", kernel=REPEAT, edit=WEIGHTS, runs=(2, 3), served=True),
    Variant(title="packed, sent, cell 3 alone, no input", kernel=REPEAT, away=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a variant gave. *problems* is empty if all is equal to the plain run and only what had to run did."""

    title: str
    plain_s: float
    wall_s: float
    ran: tuple[int, ...]
    tasks: dict[str, int]
    problems: tuple[str, ...]

    @property
    def speed_up(self) -> float:
        """Time of the plain run over time with nbreplay."""
        return self.plain_s / max(self.wall_s, 1e-6)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A run, and the files that it left."""

    outcome: Outcome
    files: dict[str, str]


class Tour:
    """The demo in *folder*, which it fills; nothing is written elsewhere.

    Parameters
    ----------
    folder : Path
        Where notebooks, input and stores go.
    told : callable
        Called with what is going to happen, before it does.
    parts : int
        Size of the input, in files of about a million observations.
    """

    def __init__(self, folder: Path, told: Callable[[str], None], *, parts: int = PARTS) -> None:
        self.folder = folder
        self.told = told
        self.parts = parts
        self.source = read_notebook(NOTEBOOK)
        self._plain: dict[Edit | None, _Seen] = {}

    def rows(self) -> Iterator[Row]:
        """Run everything, in order; yield a row as soon as there is one."""
        self.told("writing the observations")
        observations = write_observations(self.folder / "plain" / INPUT, parts=self.parts)
        shutil.copytree(self.folder / "plain" / INPUT, self.folder / "work" / INPUT)
        for variant in VARIANTS:
            notebook = edited(self.source, [variant.edit] if variant.edit else [])
            plain = self._run_plain(variant, notebook)
            self.told(variant.title)
            seen = self._run_away(notebook) if variant.away else self._run_here(variant, notebook)
            yield _row(variant, plain, seen)
        self.observations = observations

    @property
    def plain_s(self) -> float:
        """Seconds of the plain run without an edit."""
        return self._plain[None].outcome.wall_s

    def _run_plain(self, variant: Variant, notebook: NotebookNode) -> _Seen:
        if variant.edit not in self._plain:
            self.told(f"plain run{' of the edited notebook' if variant.edit else ''}, without nbreplay")
            self._plain[variant.edit] = self._run(self.folder / "plain", notebook, self._request(PLAIN))
        return self._plain[variant.edit]

    def _run_here(self, variant: Variant, notebook: NotebookNode) -> _Seen:
        return self._run(self.folder / "work", notebook, self._request(variant.kernel))

    def _run_away(self, notebook: NotebookNode) -> _Seen:
        """Pack what was recorded, unpack it in another folder, run the last cell there."""
        work, away = self.folder / "work" / NOTEBOOK.name, self.folder / "away"
        write_notebook(notebook, work)
        packed = pack(work, store_beside(work), self.folder / "climate.nbr", Order(data="none"))
        with Archive(packed.path) as archive:
            notebook_there, _ = unpack(archive, away)
        hidden = (self.folder / "work").rename(self.folder / "hidden")  # so that no absolute path can help, either
        try:
            return self._run(notebook_there.parent, notebook, self._request(REPEAT, first=3))
        finally:
            hidden.rename(self.folder / "work")

    def _request(self, kernel: str, *, first: int = 1) -> Request:
        return Request(kernel=kernel, first=first, probes=PROBES, log=self.folder / "kernels.log")

    def _run(self, folder: Path, notebook: NotebookNode, request: Request) -> _Seen:
        path = folder / NOTEBOOK.name
        write_notebook(notebook, path)
        outcome = run_notebook(path, notebook, request)
        if outcome.error is not None:
            raise outcome.error
        return _Seen(outcome, _files(folder))


def _row(variant: Variant, plain: _Seen, seen: _Seen) -> Row:
    cells = seen.outcome.cells
    ran = tuple(cell["index"] for cell in cells if cell["state"] not in ("restored", "not_run", "empty", "skipped"))
    tasks: dict[str, int] = {}
    for cell in cells:
        for name, count in cell["tasks"].items():
            tasks[name] = tasks.get(name, 0) + count
    return Row(
        title=variant.title,
        plain_s=plain.outcome.wall_s,
        wall_s=seen.outcome.wall_s,
        ran=ran,
        tasks=tasks,
        problems=tuple(_problems(variant, plain, seen, ran, tasks)),
    )


def _problems(
    variant: Variant, plain: _Seen, seen: _Seen, ran: tuple[int, ...], tasks: dict[str, int]
) -> Iterator[str]:
    for name, value in plain.outcome.probes.items():
        if seen.outcome.probes.get(name) != value:
            yield f"the value of {name} differs"
    pairs = zip(code_cells(plain.outcome.notebook), code_cells(seen.outcome.notebook), strict=True)
    for number, (one, two) in enumerate(pairs, 1):
        if (number == 3 or not variant.away) and _outputs(one) != _outputs(two):
            yield f"the output of cell {number} differs"
    for name in sorted({*plain.files, *seen.files}):
        if plain.files.get(name) != seen.files.get(name):
            yield f"the file {name} differs"
    if ran != variant.runs:
        yield f"cells that ran: {_listed(ran)}, that had to: {_listed(variant.runs)}"
    if variant.served and not tasks.get("hit"):
        yield "no task was served"


def _outputs(cell: NotebookNode) -> list[dict[str, Any]]:
    # Which number an execution had is no output: the last cell alone is the first execution of its kernel.
    return [{key: value for key, value in output.items() if key != "execution_count"} for output in cell["outputs"]]


def _files(folder: Path) -> dict[str, str]:
    """Return the digests of what the notebook wrote into *folder*."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix != ".ipynb"
    }


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers)) or "none"
