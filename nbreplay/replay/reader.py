"""Reading a store from outside: what `show`, `why` and scripts look at."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from nbreplay.errors import StoreForeign
from nbreplay.namespace import Manifest
from nbreplay.records import CellRun, CellVisit, Doubt, TaskDiffers, TaskRun, from_bytes
from nbreplay.replay.commit import VISIT
from nbreplay.replay.lineage import Lineage
from nbreplay.replay.session import read_runs
from nbreplay.replay.verify import read_doubts
from nbreplay.store import Store


class StoreReader:
    """The records of a store, read-only.

    Examples
    --------
    >>> with open_store("analysis.nbreplay") as reader:  # doctest: +SKIP
    ...     [run.position for run in reader.runs()]
    [1, 2, 3]
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.lineage = Lineage(read_runs(store))

    def __enter__(self) -> StoreReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def runs(self) -> list[CellRun]:
        """Return every recorded cell run, oldest first."""
        return [known.run for known in self.lineage.newest_first()][::-1]

    def visits(self) -> list[CellVisit]:
        """Return every request for a cell and what came of it, oldest session first."""
        found = []
        for stored in self._store.scan(VISIT):
            try:
                found.append(from_bytes(CellVisit, stored.body))
            except ValueError:
                continue  # of a later version: nothing to show
        return sorted(found, key=lambda visit: visit.wall_time)  # for people only: nothing is decided by wall time

    def sessions(self) -> dict[str, list[CellVisit]]:
        """Return the visits by session, in the order of the sessions' first ones."""
        sessions: dict[str, list[CellVisit]] = {}
        for visit in self.visits():
            sessions.setdefault(visit.session, []).append(visit)
        for visits in sessions.values():
            # One that was written behind its reply was noted again when that was done.
            latest = {visit.number: visit for visit in sorted(visits, key=lambda visit: visit.saved != "pending")}
            visits[:] = [latest[number] for number in sorted(latest)]
        return sessions

    def doubts(self) -> list[Doubt]:
        """Return what was found to be kept as something else than it was."""
        return list(read_doubts(self._store).values())

    def run_of(self, doubt: Doubt) -> CellRun | None:
        """Return the run that wrote what is doubted."""
        known = self.lineage.get(doubt.unit.rpartition("/")[0])
        return known.run if known is not None else None

    def tasks(self) -> list[TaskRun]:
        """Return every recorded task run, oldest first."""
        found = []
        for stored in self._store.scan("task"):
            try:
                found.append(from_bytes(TaskRun, stored.body))
            except ValueError:
                continue
        return found

    def differing(self) -> list[TaskDiffers]:
        """Return each time that a task gave another result for the same inputs than the one that is kept."""
        found = []
        for stored in self._store.scan("differs"):
            try:
                found.append(from_bytes(TaskDiffers, stored.body))
            except ValueError:
                continue
        return found

    def manifest(self, boundary: str | None) -> Manifest:
        """Return what every name was at *boundary*.

        Raises
        ------
        LookupError
            A run on the way there is not in the store.
        """
        manifest = Manifest()
        for run in self.lineage.chain(boundary):
            manifest = manifest.after(run.writes)
        return manifest

    def size_bytes(self) -> int:
        """Return the bytes that the store takes on disk."""
        return self._store.size_bytes()

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()


def open_store(path: str | Path) -> StoreReader:
    """Open the store at *path* for reading.

    Raises
    ------
    StoreForeign
        There is no store at *path*.
    StoreNewer
        It was made by a later version.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise StoreForeign(f"there is no store at {folder}; record the notebook first: nbreplay audit NOTEBOOK")
    return StoreReader(Store.open(folder, create=False, read_only=True))
