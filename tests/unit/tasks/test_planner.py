"""The planner on dicts: what hits, what is pruned, what must run."""

from __future__ import annotations

import hashlib

from dask._task_spec import Alias, DataNode, Task, TaskRef

from nbreplay.digest import Digest
from nbreplay.records import BlobRef, FileState, TaskRun, ValueRef
from nbreplay.tasks.literal import Literals
from nbreplay.tasks.planner import Known, lineage, placed, plan
from nbreplay.tasks.shape import Coded
from nbreplay.tasks.shaper import Shaper

KEPT = ValueRef(codec="plain", stream=BlobRef(digest=Digest("0" * 32), size_bytes=1))


class ByName:
    def __init__(self, *refused):
        self.refused = refused

    def callable(self, func):
        return Coded(hashlib.md5(func.__name__.encode()).digest(), ("it is odd",) if func in self.refused else ())

    def value(self, value):
        return Coded(hashlib.md5(repr(value).encode()).digest())


def inc(x):
    return x + 1


def add(*args):
    return sum(args)


class Book:
    """Records by provenance, newest first."""

    def __init__(self):
        self.runs: dict[str, list[TaskRun]] = {}
        self.asked = 0

    def lookup(self, prints):
        self.asked += len(prints)
        return [self.runs.get(p, []) for p in prints]

    def keep(self, made, *keys, **fields):
        for key in keys:
            p = made.prints[key].provenance
            self.runs.setdefault(p, []).insert(0, TaskRun(provenance=p, **({"result": KEPT} | fields)))


def planned(graph, wanted, book=None, refused=(), **options):
    book = book or Book()
    return plan(graph, wanted, book.lookup, shaper=Shaper(ByName(*refused), Literals(None)), **options)


def diamond():
    return {
        "a": Task("a", inc, 1),
        "b": Task("b", inc, TaskRef("a")),
        "c": Task("c", add, TaskRef("a"), 5),
        "d": Task("d", add, TaskRef("b"), TaskRef("c")),
    }


def test_nothing_recorded_runs_everything():
    made = planned(diamond(), ["d"])
    assert made.misses == set("abcd")
    assert not made.hits
    assert not made.pruned


def test_a_hit_ends_the_walk_and_prunes_what_is_above():
    book = Book()
    book.keep(planned(diamond(), ["d"]), "d")
    made = planned(diamond(), ["d"], book)
    assert set(made.hits) == {"d"}
    assert made.pruned == set("abc")
    assert book.asked == 1


def test_what_a_miss_needs_is_not_pruned():
    book = Book()
    book.keep(planned(diamond(), ["d"]), "b")
    made = planned(diamond(), ["d"], book)
    assert set(made.hits) == {"b"}
    assert made.misses == {"a", "c", "d"}


def test_a_wanted_key_above_a_hit_is_served_or_runs_itself():
    book = Book()
    book.keep(planned(diamond(), ["d"]), "d")
    made = planned(diamond(), ["d", "b"], book)
    assert set(made.hits) == {"d"}
    assert made.misses == {"a", "b"}
    assert made.pruned == {"c"}


def test_a_record_without_a_kept_result_is_no_hit():
    book = Book()
    book.keep(planned(diamond(), ["d"]), "d", result=None)
    book.keep(planned(diamond(), ["d"]), "b", "c")
    made = planned(diamond(), ["d"], book)
    assert set(made.hits) == {"b", "c"}
    assert made.pruned == {"a"}


def test_the_target_of_an_alias_is_the_hit():
    graph = {**diamond(), "e": Alias("e", "d")}
    book = Book()
    book.keep(planned(graph, ["e"]), "d")
    made = planned(graph, ["e"], book)
    assert set(made.hits) == {"d"}
    assert made.misses == {"e"}


def test_refused_tasks_run_and_so_does_what_is_below_them():
    book = Book()
    made = planned(diamond(), ["d"], book, refused=(inc,))
    assert made.refused == {"a": "it is odd", "b": "it is odd"}
    assert made.prints["d"].provenance is None
    assert made.prints["d"].refused == ""
    assert made.misses == set("abcd")


def test_equal_tasks_are_computed_once():
    graph = {str(n): Task(str(n), inc, 7) for n in range(4)} | {"s": Task("s", add, *map(TaskRef, "0123"))}
    made = planned(graph, ["s", "3"])
    assert len(made.misses) == 2
    assert len(made.duplicates) == 3
    (target,) = set(made.duplicates.values())
    assert target in made.misses


def test_what_only_a_duplicate_needs_is_pruned():
    graph = {
        "a": Task("a", inc, 1),
        "b": Task("b", inc, TaskRef("a")),
        "x": Task("x", inc, 1),
        "y": Task("y", inc, TaskRef("x")),
    }
    made = planned(graph, ["b", "y"])
    assert len(made.misses) == 2
    assert len(made.pruned) == 1
    assert len(made.duplicates) == 1


def test_a_task_that_runs_elsewhere_is_taken():
    first = planned(diamond(), ["d"])
    running = {first.prints["b"].provenance: "other"}
    made = planned(diamond(), ["d"], in_flight=running)
    assert made.duplicates == {"b": "other"}
    assert made.misses == {"a", "c", "d"}


def test_audit_serves_and_merges_nothing():
    book = Book()
    book.keep(planned(diamond(), ["d"]), "d")
    made = planned(diamond(), ["d"], book, serve=False)
    assert made.misses == set("abcd")
    assert book.asked == 0


def test_never_is_honoured():
    book = Book()
    book.keep(planned(diamond(), ["d"]), *"abcd")
    made = planned(diamond(), ["d"], book, never={"d": "annotated"})
    assert made.misses == {"d"}
    assert set(made.hits) == {"b", "c"}
    assert made.pruned == {"a"}


def test_keys_outside_the_graph_lend_their_fingerprint():
    whole = planned(diamond(), ["d"])
    known = {"b": Known(whole.prints["b"].provenance)}
    part = {k: v for k, v in diamond().items() if k != "b"}
    made = planned(part, ["d"], known=known)
    assert made.prints["d"].provenance == whole.prints["d"].provenance
    assert planned(part, ["d"]).prints["d"].provenance is None


def test_data_is_never_looked_up():
    book = Book()
    planned({"a": DataNode("a", 3), "b": Task("b", inc, TaskRef("a"))}, ["b"], book)
    assert book.asked == 1


def state(text):
    return FileState(digest=Digest(hashlib.md5(text.encode()).hexdigest()))


class Files:
    def __init__(self, **now):
        self.now = {path: state(text) for path, text in now.items()}

    def holds(self, states, overlay):
        now = self.now | dict(overlay)
        return all(path in now and now[path].digest == s.digest for path, s in states.items())


def recorded_with_file(text):
    """A reader 'a' of file f, and 'b' below it: both recorded when f said *text*."""
    graph = {"a": Task("a", inc, 1), "b": Task("b", inc, TaskRef("a"))}
    book, made = Book(), planned(graph, ["b"])
    reads = {"f": state(text)}
    mark = lineage(reads, [])
    book.keep(made, "a", files_read=reads, lineage=mark)
    book.keep(made, "b", lineage=lineage({}, [mark]))
    return graph, book


def test_a_file_that_is_as_it_was_hits_and_prunes_its_reader():
    graph, book = recorded_with_file("one")
    made = planned(graph, ["b"], book, holds=Files(f="one").holds)
    assert set(made.hits) == {"b"}
    assert made.pruned == {"a"}
    assert set(made.runs) == {"a", "b"}


def test_a_changed_file_that_only_an_ancestor_read_is_a_miss_below_it():
    graph, book = recorded_with_file("one")
    made = planned(graph, ["b"], book, holds=Files(f="two").holds)
    assert made.misses == {"a", "b"}


def test_one_fingerprint_has_a_record_for_each_content_of_its_files():
    graph, book = recorded_with_file("one")
    _, other = recorded_with_file("two")
    for p, runs in other.runs.items():
        book.runs[p] = runs + book.runs[p]
    for text in ("one", "two"):
        made = planned(graph, ["b"], book, holds=Files(f=text).holds)
        assert made.runs["a"].files_read["f"] == state(text)
        assert set(made.hits) == {"b"}
    assert planned(graph, ["b"], book, holds=Files(f="three").holds).misses == {"a", "b"}


def test_an_ancestor_that_was_not_recorded_makes_what_read_files_below_it_a_miss():
    graph, book = recorded_with_file("one")
    made = planned(graph, ["b"])
    del book.runs[made.prints["a"].provenance]
    assert planned(graph, ["b"], book, holds=Files(f="one").holds).misses == {"a", "b"}


def test_a_pruned_writer_is_put_back_and_judged_before_its_reader():
    graph = {"w": Task("w", inc, 1), "r": Task("r", add, TaskRef("w"), 1), "t": Task("t", inc, TaskRef("r"))}
    book, made = Book(), planned(graph, ["t"])
    wrote = {"f": state("new")}
    book.keep(made, "w", files_written=wrote)
    mark = lineage(wrote, [])
    book.keep(made, "r", files_read=wrote, lineage=mark, effects=True)
    book.keep(made, "t", lineage=mark, effects=True)
    again = planned(graph, ["t"], book, holds=Files(f="changed by hand").holds)
    assert set(again.hits) == {"t"}
    assert [run.files_written for run in again.put_back] == [wrote]


def test_a_result_with_the_folders_name_hits_in_that_folder_only(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"

    def at(root, book):
        graph = {"a": Task("a", inc, f"{root}/x")}
        return plan(graph, ["a"], book.lookup, shaper=Shaper(ByName(), Literals(root)), root=root)

    free, bound = Book(), Book()
    first = at(here, free)
    free.keep(first, "a")
    assert at(there, free).hits
    p = first.prints["a"].provenance
    bound.runs[placed(p, here)] = [TaskRun(provenance=placed(p, here), result=KEPT, placed=True)]
    assert at(here, bound).hits
    assert not at(there, bound).hits


def test_a_graph_of_twenty_thousand_tasks_in_one_chain_is_planned():
    graph = {0: Task(0, inc, 1)} | {n: Task(n, inc, TaskRef(n - 1)) for n in range(1, 20_000)}
    made = planned(graph, [19_999])
    assert len(made.misses) == 20_000


# ---------------------------------------------------------------- files that were written on the way


def written(name):
    digest = Digest(hashlib.md5(name.encode()).hexdigest())
    blob = BlobRef(digest=digest, size_bytes=1)
    return {"files_written": {name: FileState(digest=digest, size_bytes=1, blob=blob)}}


def chain():
    return {
        "a": Task("a", inc, 1),
        "b": Task("b", inc, TaskRef("a")),
        "c": Task("c", add, TaskRef("b"), 5),
    }


def fused(graph, *keys):
    """*graph* with *keys* as one task, that is named as the last of them."""
    one = Task.fuse(*(graph[key] for key in keys), key=keys[-1])
    return {key: node for key, node in graph.items() if key not in keys} | {keys[-1]: one}


def test_files_that_a_part_of_a_fused_task_wrote_when_it_stood_alone_are_put_back():
    book = Book()
    alone = planned(chain(), ["c"])
    book.keep(alone, "a", **written("one"))
    book.keep(alone, "b", effects=True, **written("two"))
    book.keep(alone, "c", effects=True)
    for keys in (("b", "c"), ("a", "b", "c")):
        made = planned(fused(chain(), *keys), ["c"], book)
        assert set(made.hits) == {"c"}
        assert [list(run.files_written) for run in made.put_back] == [["one"], ["two"]]


def test_a_fused_task_runs_where_nobody_knows_what_its_parts_wrote():
    book = Book()
    alone = planned(chain(), ["c"])
    book.keep(alone, "a", **written("one"))
    book.keep(alone, "c", effects=True)
    made = planned(fused(chain(), "b", "c"), ["c"], book)
    assert made.misses == {"c"}
    assert set(made.hits) == {"a"}


def test_a_fused_task_that_was_recorded_as_such_tells_of_all_its_files():
    book = Book()
    graph = fused(chain(), "b", "c")
    first = planned(graph, ["c"])
    book.keep(first, "a", **written("one"))
    book.keep(first, "c", effects=True, program=first.prints["c"].shape.program, **written("two"))
    made = planned(graph, ["c"], book)
    assert set(made.hits) == {"c"}
    assert [list(run.files_written) for run in made.put_back] == [["one"], ["two"]]


def test_a_result_is_not_served_where_the_record_of_who_wrote_a_file_above_it_is_gone():
    book = Book()
    alone = planned(chain(), ["c"])
    book.keep(alone, "b", "c", effects=True)
    made = planned(chain(), ["c"], book)
    assert made.misses == set("abc")
    book.keep(alone, "a", **written("one"))
    made = planned(chain(), ["c"], book)
    assert set(made.hits) == {"c"}
