"""Planning in the client, for schedulers that cannot take part: hits become data in the graph before it is submitted.

Nobody sees the files of tasks then. So code that opens files, tasks of libraries that read files, and arguments that
name existing files are refused. Only results that were asked for by name are recorded, when they are ready and not
too large.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dask._task_spec import Alias, DataNode, GraphNode, Task, convert_legacy_graph, cull

from nbreplay.digest import Fingerprint
from nbreplay.records import TaskRun
from nbreplay.serialize import codecs
from nbreplay.tasks.planner import Known, Plan, plan
from nbreplay.tasks.prints import make_shaper
from nbreplay.tasks.runs import PYTHON
from nbreplay.tasks.shape import Key
from nbreplay.tasks.traced import as_inline, content_digest

if TYPE_CHECKING:
    from nbreplay.tasks.kernel_cache import KernelCache

logger = logging.getLogger(__name__)

READERS: tuple[str, ...] = (
    "dask.bytes",
    "dask.dataframe.io",
    "dask.dataframe.dask_expr.io",
    "dask.bag.text",
    "fsspec",
    "pyarrow",
    "h5py",
    "zarr",
    "netCDF4",
    "xarray",
    "rasterio",
    "uproot",
    "pandas.io",
)
"""Modules of functions and types that read files without the audit of this process."""


class ClientPlanner:
    """Plans the graphs of one client."""

    def __init__(self, cache: KernelCache, client: Any) -> None:
        self.cache = cache
        self.client = client
        self.known: dict[Key, Known] = {}
        self.names: dict[Key, str] = {}
        self._waiting: set[Any] = set()

    def plan(self, expr: Any, keys: Iterable[Key]) -> Any:
        """Return what is submitted in place of *expr*."""
        from dask._expr import LLGExpr

        ledger = self.cache.ledger
        assert ledger is not None
        wanted = list(keys)
        specs = cull(convert_legacy_graph(expr.__dask_graph__()), wanted)
        annotated = {kind: dict(found) for kind, found in expr.__dask_annotations__().items()}
        never = {key: why for key, node in specs.items() if (why := reads_files(node))}
        never |= {k: "annotated never to be cached" for k, v in annotated.get("nbreplay", {}).items() if v == "never"}
        while True:
            made = plan(
                specs,
                wanted,
                ledger.lookup,
                shaper=make_shaper(ledger.root, traced=False),
                holds=ledger.holds,
                known=self.known,
                never=never,
                root=ledger.root,
                serve=self.cache.serve and not annotated,
            )
            data: dict[Key, GraphNode] = {}
            for key, run in made.hits.items():
                node = ledger.inline(key, run)
                if node is not None:
                    data[key] = node
            if len(data) == len(made.hits) and ledger.put_back(made.put_back):
                break
        self._count(made, wanted)
        for row in ledger.why(made, specs) if self.cache.serve else ():
            self.cache.tally().say(row)
        for key in made.misses if self.cache.record else ():
            shape = made.prints[key].shape
            if shape is not None and made.prints[key].provenance is not None:
                ledger.keep_parts(shape, specs[key])
        if not data and not made.duplicates:
            return expr
        graph = {key: data.get(key) or specs[key] for key in made.misses | data.keys()}
        graph |= {key: Alias(key, target) for key, target in made.duplicates.items()}
        return LLGExpr(graph)  # type: ignore[no-untyped-call]  # dask is partly typed

    def _count(self, made: Plan, wanted: list[Key]) -> None:
        tally = self.cache.tally()
        for key, one in made.prints.items():
            self.known[key] = Known(one.provenance, "", one.paths)
            if one.shape is None or one.shape.kind != "task":
                continue
            self.names[key] = one.shape.name
            served = key in made.hits or key in made.duplicates
            tally.add(one.shape.name, "hit" if served else "pruned" if key in made.pruned else "executed")
            if key in made.misses and one.refused:
                tally.refuse(one.shape.name, one.refused)
        for key in wanted:
            one = made.prints.get(key)  # type: ignore[assignment]
            if one is not None and one.provenance:
                tally.wanted[key] = one.provenance
                if key in made.hits:
                    self.names.pop(key, None)

    def watch(self, futures: Mapping[Key, Any]) -> None:
        """Record results that were asked for by name, when they are ready."""
        if not self.cache.record:
            return
        for key, future in futures.items():
            known = self.known.get(key)
            if known is not None and known.provenance and key in self.names:
                # A future of our own: the user's may be released as soon as it is gathered.
                held = type(future)(key, self.client)
                self._waiting.add(held)
                held.add_done_callback(self._ready)

    def settle(self, timeout_s: float) -> None:
        """Wait until results that are ready are recorded."""
        end = time.monotonic() + timeout_s
        while any(future.done() for future in list(self._waiting)) and time.monotonic() < end:
            time.sleep(0.005)

    def _ready(self, future: Any) -> None:
        """Called by the client in a thread of its own when *future* is done; what it raises is logged there."""
        try:
            self._record(future)
        finally:
            self._waiting.discard(future)
            future.release()

    def _record(self, future: Any) -> None:
        key, ledger = future.key, self.cache.ledger
        known = self.known.get(key)
        if ledger is None or known is None or known.provenance is None or future.status != "finished":
            return
        try:
            if sum(self.client.nbytes([key], summary=False).values(), 0) > ledger.settings.scheduler_transfer_bytes:
                return
            value = future.result()
            digest = content_digest(value)
            if value is None or digest is None:
                return
            run = TaskRun(
                provenance=Fingerprint(known.provenance), name=self.names[key], result_digest=digest, python=PYTHON
            )
            ledger.keep(run, as_inline(codecs.dump(value)))
        except Exception:
            logger.debug("the result of %r was not recorded", key, exc_info=True)


def reads_files(node: GraphNode) -> str:
    """Return why *node* may read files that nobody sees, "" if nothing says so."""
    stack: list[object] = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, Task):
            name = getattr(here.func, "__name__", "")
            if _module(here.func).startswith(READERS) or name.startswith(("getter", "load_store", "store_chunk")):
                return "a reader of files, on a cluster where files are not seen"
            stack += [*here.args, *here.kwargs.values()]
        elif isinstance(here, DataNode):
            stack.append(here.value)
        elif isinstance(here, (str, os.PathLike)):
            text = os.fspath(here)
            if isinstance(text, str) and 0 < len(text) < 4096 and "\0" not in text and os.path.exists(text):
                return f"an argument names an existing file ({text}), on a cluster where files are not seen"
        elif type(here) in (list, tuple, set, frozenset):
            stack += list(here)[:1000]  # type: ignore[call-overload]
        elif type(here) is dict:
            stack += [key for key in here if isinstance(key, str) and ("/" in key or "." in key)]
            stack += list(here.values())[:1000]
        elif _module(type(here)).startswith(READERS):
            return "a reader of files, on a cluster where files are not seen"
    return ""


def _module(thing: object) -> str:
    found = getattr(thing, "__module__", None) or getattr(type(thing), "__module__", "")
    return found if isinstance(found, str) else ""
