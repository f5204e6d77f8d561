"""Results of cells: which names mean them, and which names are IPython's own."""

from __future__ import annotations

import pytest

from nbreplay.config import Settings
from nbreplay.namespace.live import Live
from nbreplay.namespace.results import Results
from nbreplay.records import NameState

STATE = NameState(unit="run:1/1", digest="d", type_name="int", size_bytes=28)


class DisplayHook:
    """IPython's, as far as results go."""

    def __init__(self, ns):
        self.ns = ns
        self._ = self.__ = self.___ = ""


class Shell:
    def __init__(self, ns):
        self.displayhook = DisplayHook(ns)


@pytest.fixture
def ns():
    return {"_oh": {}}


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("_", {"Out[12]"}),
        ("__", {"Out[7]"}),
        ("___", {"___"}),
        ("_7", {"Out[7]"}),
        ("Out", {"Out[7]", "Out[12]"}),
        ("_oh", {"Out[7]", "Out[12]"}),
        ("_private", {"_private"}),
        ("x", {"x"}),
    ],
)
def test_names_mean_the_results_they_are_bound_to(ns, name, nodes):
    results = Results(ns, None, {"Out[7]": STATE, "Out[12]": STATE, "x": STATE})
    assert results.mean([name]) == nodes


def test_a_name_that_the_user_took_means_itself(ns):
    assert Results(ns, None, {"Out[7]": STATE, "_": STATE}).mean(["_"]) == {"_"}


def test_a_result_goes_with_all_its_names(ns):
    results = Results(ns, None, {})
    results.bind("Out[3]", value := [1])
    ns["_"] = value
    results.unbind("Out[3]")
    assert ns == {"_oh": {}}


def test_last_results_follow_restored_cells(ns):
    shell = Shell(ns)
    results = Results(ns, shell, {"Out[3]": STATE, "Out[4]": STATE})
    results.bind("Out[3]", "three")
    results.bind("Out[4]", "four")
    results.align()
    assert (ns["_"], ns["__"], shell.displayhook._) == ("four", "three", "four")


def test_names_may_be_bound_while_all_are_looked_at(ns, tmp_path):
    class Meanwhile(Shell):
        """A thread of the user's that runs just when IPython's names are asked for."""

        @property
        def displayhook(self):
            ns[f"new_{len(ns)}"] = 1
            return None

        @displayhook.setter
        def displayhook(self, hook):
            pass

    live = Live.of(ns, Settings(), Meanwhile(ns), tmp_path)
    ns["_"] = ns["__"] = "text"
    assert {"_", "__"} <= set(live.values())
