"""One kernel's namespace, followed from boundary to boundary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from nbreplay.config import Settings
from nbreplay.digest import Digest
from nbreplay.fingerprint import FINDERS
from nbreplay.fingerprint.buffers import hashed_once
from nbreplay.foreign import Interrupted
from nbreplay.namespace import restore, variables
from nbreplay.namespace.ambient import RNG, Ambient
from nbreplay.namespace.background import running
from nbreplay.namespace.capture import Capture, Stopped
from nbreplay.namespace.checkpoint import Capturing
from nbreplay.namespace.figures import unheld
from nbreplay.namespace.hooks import hooks, names_of_hooks, shared_with_hooks
from nbreplay.namespace.libraries import names_of_libraries
from nbreplay.namespace.live import Live
from nbreplay.namespace.loader import Loader
from nbreplay.namespace.manifest import Manifest
from nbreplay.namespace.owed import owe, owe_writes
from nbreplay.namespace.patches import module_probe, modules_at_risk
from nbreplay.namespace.probes import probes
from nbreplay.namespace.touched import CellNames, Touched
from nbreplay.namespace.variables import VariableRow
from nbreplay.namespace.writing import unwritten, write
from nbreplay.records import BlobRef, Group, NameState, Reads, Writes
from nbreplay.serialize.of_matplotlib import open_figures
from nbreplay.serialize.standin import StandIn
from nbreplay.store import Store

_OF_OWNERS = frozenset({"resize", "owndata", "OWNDATA", "flags"})
"""Words of cells that may ask whose memory an array's is."""


class Tracker:
    """Follows the names that cells make: what a cell touches, reads and changes, and brings back what is kept.

    Before a cell: :meth:`touched`, :meth:`bring`, :meth:`reads`. After it: :meth:`capture`, :meth:`write`, then
    :meth:`accept` once the record is in the store, or :meth:`drop`. For a cell that is served instead: :meth:`apply`.
    All are called on the main thread, but :meth:`write`.

    Parameters
    ----------
    user_ns : dict
        The live namespace. It is never replaced; what it holds now is the kernel's own, until somebody rebinds it.
    store : Store or None
        Where units are kept; None: nothing can be written or loaded.
    run : str
        The run's id.
    settings : Settings
        Limits.
    shell : object, optional
        IPython's shell, for the names of its last results.
    """

    def __init__(
        self,
        user_ns: dict[str, Any],
        store: Store | None,
        *,
        run: str,
        settings: Settings | None = None,
        shell: Any = None,
    ) -> None:
        self.run = run
        self._store = store
        self._root = Path.cwd()
        self._live = Live.of(user_ns, settings or Settings(), shell, self._root)
        self._loader = Loader(self._live, store.get if store is not None else None)
        self._cell = CellNames()
        self._hooks: set[str] = set()

    # ------------------------------------------------------------ what is known

    @property
    def user_ns(self) -> dict[str, Any]:
        """The live namespace."""
        return self._live.user_ns

    @property
    def root(self) -> Path:
        """The notebook's folder; paths in the ambient state are relative to it. Set it before the first cell."""
        return self._root

    @root.setter
    def root(self, root: Path) -> None:
        if root != self._root:
            self._root = root
            self._live.ambient = Ambient(probes(root), root)

    @property
    def states(self) -> Mapping[str, NameState]:
        """Every live user name, loaded or not, and the results ``Out[n]``, as of the last boundary."""
        return self._live.states

    @property
    def definitions(self) -> Mapping[str, NameState]:
        """Every class and function of the notebook that some name reaches, by lineage, as of the last boundary."""
        return self._live.definitions

    @property
    def pending(self) -> str:
        """Why names may have changed outside of a recorded cell, "" if nothing could have."""
        live = self._live
        kept = "an earlier checkpoint was not kept" if live.dirty or live.owed else ""
        return live.all_dirty or kept or self.background

    @property
    def background(self) -> str:
        """What of the notebook's code runs while no cell does, "" if nothing."""
        return running(self.user_ns)

    def hooks(self) -> list[Any]:
        """Return the notebook's functions and objects that the process was told to call."""
        return hooks(self._live)

    def shared_with_hooks(self) -> set[str]:
        """Return the names that share objects with hooks."""
        return shared_with_hooks(self._live)

    def loaded(self, name: str) -> bool:
        """Whether the value of *name* is in the namespace."""
        return name in self._live.states and name not in self._live.unloaded

    def objects(self, names: Collection[str]) -> Iterator[Any]:
        """Yield what *names* are bound to, and what the last look at them met that can change."""
        live = self._live
        for name in names:
            known = live.known.get(name)
            if known is not None:
                yield known.value
                yield from (known.held or {}).values()

    def linking(self, names: Collection[str]) -> Mapping[str, Collection[int]]:
        """Return, by name, the ids of the objects that can link it with others; only of what was looked at."""
        known = self._live.known
        return {name: known[name].ids for name in names if name in known}

    def ambient_digests(self) -> Mapping[str, Digest]:
        """Return the digest of every piece of ambient state; keys of random generators begin with ``rng:``."""
        return self._live.ambient.digests()

    def options(self) -> Digest:
        """Return what stands for the options of libraries as they are now; empty if they are as at the start."""
        return self._live.ambient.options()

    def group_of(self, names: Collection[str]) -> tuple[Group, ...]:
        """Return the covariables of more than one name that hold any of *names*."""
        return self._live.group_of(self._live.results.mean(names))

    def manifest(self) -> Manifest:
        """Return the whole state as of the last boundary."""
        return self._live.manifest()

    def describe(self) -> list[VariableRow]:
        """Return a row for every name."""
        return variables.describe(self._live)

    # ------------------------------------------------------------ before a cell

    def touched(self, cell: CellNames) -> Touched:
        """Return what *cell* could touch: a closure over its names, the code they reach, and what shares objects."""
        live = self._live
        self._cell = cell
        if cell.dynamic:
            return Touched(names=frozenset(live.states), everything=cell.dynamic)
        self._hooks = names_of_hooks(live)
        if self.background:
            self.mark_touched(f"{self.background} beside it")
        names = live.reach(live.results.mean(cell.all) | names_of_libraries(live, cell) | self._hooks, members=True)
        finder = next(iter(sorted(names & FINDERS)), "")
        if finder:
            return Touched(names=frozenset(live.states), everything=f"it can reach {finder}")
        return Touched(names=frozenset(names))

    def reads(self, touched: Touched, cell: CellNames) -> Reads:
        """Return what *cell* sees, by digest. Nothing is loaded.

        Names that the cell only binds are not read; nor is anything else that it cannot reach through what it loads.
        """
        live = self._live
        loads = live.results.mean(cell.loads) | names_of_libraries(live, cell) | self._hooks
        names = live.reach(loads, members=False)
        if touched.everything:
            names |= live.states.keys()
        digests = {name: state.digest if (state := live.states.get(name)) is not None else None for name in names}
        groups = tuple(
            Group(names=members, digest=digest)
            for members, digest in live.groups.items()
            if len(names.intersection(members)) > 1
        )
        ambient = {key: digest for key, digest in live.ambient.digests().items() if not key.startswith(RNG)}
        definitions = {
            name: state.definitions
            for name in sorted(names)
            if (state := live.states.get(name)) is not None and state.definitions
        }
        return Reads(
            names=dict(sorted(digests.items())),
            groups=groups,
            ambient=ambient,
            everything=touched.everything,
            definitions=definitions,
        )

    def follow_modules(self, source: str, touched: Touched) -> None:
        """Follow the attributes of modules that a cell could change; after :meth:`bring`, before the cell runs."""
        for name in modules_at_risk(source, self.user_ns, touched.names):
            self._live.ambient.follow(module_probe(name))

    def bring(self, touched: Touched) -> list[str]:
        """Load what the cell can reach; return what could not be brought to life, in words for the user.

        Raises
        ------
        KeyboardInterrupt
            In the midst of code of a value's class; what is not loaded yet is loaded another time.
        """
        live = self._live
        names = set(live.states) if touched.everything else set(touched.names)
        # In place only memory of one's own can be resized; it costs a copy, so large arrays are maps otherwise.
        live.session.owning = not _OF_OWNERS.isdisjoint(self._cell.words)
        try:
            problems = self._loader.bring(names)
        except Interrupted:
            raise KeyboardInterrupt from None
        finally:
            live.session.owning = False
        live.results.align()
        live.release(names)
        return problems

    def loose_figure(self) -> str:
        """Return which figure pyplot holds and no name does, in words; "" if there is none."""
        if not open_figures():
            return ""
        numbers = unheld({ident for known in self._live.known.values() for ident in known.ids})
        return f"pyplot holds figure {numbers[0]}, and no name does" if numbers else ""

    def unmade(self, names: Collection[str]) -> set[str]:
        """Return those of *names* whose value was loaded with a hole in it, and is still that."""
        live = self._live
        gone = object()
        stand_ins = {name for name in names if type(live.user_ns.get(name)) is StandIn}
        return stand_ins | {n for n in names if live.unmade.get(n, gone) is live.user_ns.get(n) and n in live.unmade}

    def take_definitions(self, other: Tracker) -> None:
        """Use the classes and functions that *other* has where they are those of this boundary, too."""
        live, theirs = self._live, other._live
        for lineage, obj in list(theirs.session.objects.items()):
            here, there = live.definitions.get(lineage), theirs.definitions.get(lineage)
            if here is not None and there is not None and (here.unit, here.digest) == (there.unit, there.digest):
                live.session.register(lineage, obj)
                live.unloaded.discard(lineage)

    def knows(self, definition: object) -> bool:
        """Whether *definition* is a class or function that some name reaches, or reached."""
        return self._live.session.lineage(definition) is not None

    def leave_ambient(self) -> None:
        """Do not put any ambient state back: for a namespace apart, in the process of another."""
        self._live.pending_ambient.clear()

    def load_all(self) -> list[str]:
        """Load everything that is not loaded yet."""
        return self._loader.bring(self._live.states)

    # ------------------------------------------------------------ after a cell

    def capture(self, touched: Touched, *, boundary: str, stop: Callable[[], bool] = lambda: False) -> Capture:
        """Find what a cell changed and pickle it; nothing is written.

        Raises
        ------
        Stopped
            *stop* said so; call :meth:`mark_touched`, so that the next capture includes what this one missed.
        """
        cell, self._cell = self._cell, CellNames()
        capturing = Capturing(self._live, touched, cell, boundary, stop)
        try:
            with hashed_once():
                return capturing.run()
        except BaseException as e:
            self._live.dirty |= {*touched.names, *capturing.changes.looked}
            self._live.plans.clear()
            if isinstance(e, Interrupted):
                raise Stopped from None
            raise

    def write(self, capture: Capture, put: Callable[..., BlobRef] | None = None) -> Writes:
        """Write the blobs of *capture*. May run in another thread; cells may run if they cannot change its memory.

        Raises
        ------
        Changed
            Memory is not as it was when it was captured: a thread of the user's wrote to it.
        StoreError, OSError
            The store cannot be written.
        """
        if put is None:
            if self._store is None:
                raise ValueError("there is no store to write to")
            put = self._store.put
        return write(self._live, capture, put)

    def accept(self, capture: Capture) -> None:
        """*capture* is the last boundary now: its record is in the store, or on its way there."""
        live = self._live
        live.units.update((pending.uid, unwritten(pending)) for pending in capture.units)
        for node in capture.deleted:
            live.set_state(node, None)
            live.keys.pop(node, None)
        for node, state in capture.states.items():
            live.set_state(node, state)
            live.keys.pop(node, None)
        live.groups = dict(capture.all_groups)
        for known in live.known.values():
            known.kept_ids = known.ids
            known.kept_definitions = known.definitions
        live.dirty.clear()
        live.owed.clear()
        live.all_dirty = ""
        self.landed(capture)

    def landed(self, capture: Capture) -> None:
        """The record of *capture* is in the store."""
        writes = capture.writes
        if writes is not None:
            self._live.units.update((unit.uid, unit) for unit in writes.units)
            self._live.ambient_refs.update(writes.ambient)

    def drop(self, capture: Capture) -> None:
        """*capture* was not kept, accepted or not: the next one includes what it had."""
        owe(self._live, capture)

    def drop_writes(self, writes: Writes) -> None:
        """A served run was applied, and its record could not be appended: the next capture includes what it wrote."""
        owe_writes(self._live, writes)

    def change_states(self, change: Callable[[str, NameState], NameState]) -> None:
        """Put what *change* makes of each name's state in its place: what is known of its record, not of its value."""
        live = self._live
        for node, state in [*live.states.items(), *live.definitions.items()]:
            changed = change(node, state)
            if changed is not state:
                live.set_state(node, changed)

    def mark_touched(self, reason: str) -> None:
        """Something else than a recorded cell ran: any name may have changed. Callable from any thread."""
        self._live.all_dirty = self._live.all_dirty or reason

    def start_over(self, reason: str) -> None:
        """Nothing that was kept is there any more: the next capture is a full one."""
        self._live.start_over(reason)

    # ------------------------------------------------------------ instead of a cell

    def apply(self, writes: Writes, *, rename: Mapping[str, str] | None = None) -> None:
        """Take the effects of a restored cell, lazily: names it wrote are unbound and load when a cell reaches them.

        Parameters
        ----------
        writes : Writes
            What the recorded run wrote.
        rename : mapping of str to str
            Results get another number here: ``{"Out[3]": "Out[7]"}``.
        """
        restore.apply(self._live, writes, dict(rename or {}))
        self._load_at_once()

    def restore(self, manifest: Manifest) -> list[str]:
        """Go to a boundary, lazily; what is loaded and the same there stays. Return the names that were removed."""
        removed = restore.restore(self._live, manifest)
        self._load_at_once()
        return removed

    def recall(self, sources: Mapping[int, str]) -> None:
        """Let IPython know the cells before a boundary, by execution count; those of this session stay."""
        self._live.results.recall(sources)

    def _load_at_once(self) -> None:
        """Load what is looked for by somebody who does not ask: code in the background, and IPython's automagic."""
        if self.background:
            self.load_all()
            return
        magics = getattr(getattr(self._live.results.shell, "magics_manager", None), "magics", {}).get("line", {})
        taken = [name for name in self._live.unloaded if name in magics]  # `ls` is a magic unless a name is bound
        if taken:
            self._loader.bring(taken)
