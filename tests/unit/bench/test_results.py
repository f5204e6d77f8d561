"""Figures and the verdict, from runs that are made up."""

import json

import pytest

from nbreplay.bench.compare import against_oracle, differences
from nbreplay.bench.figures import Figures, geometric_mean
from nbreplay.bench.markdown import as_markdown
from nbreplay.bench.measure import Rounds, Sample, Subject
from nbreplay.bench.model import Change, Tasks
from nbreplay.bench.results import Results, changes_table, summary_lines, times_table
from nbreplay.bench.runs import Run
from nbreplay.errors import RunFailed, UsageError
from nbreplay.report.tables import console


def sample(condition, wall, number=0, change="", problems=(), **tasks):
    times = (
        {} if problems else {"wall": wall, "kernel": 1.0, "settle": 0.1, "cluster": min(1.0, wall / 2), "touch": 0.1}
    )
    return Sample(
        workload="w", round=number, condition=condition, change=change, times=times, clusters=1, ran=[1], cells=4,
        tasks={"f": {"executed": 0, "hit": 0, "pruned": 0, **tasks}}, needed=1 if change else 0, peak_bytes=1,
        store_bytes=10, restored_ms=[1.0], problems=list(problems),
    )  # fmt: skip


def results(*samples):
    return Results(
        machine={"date": "2026-01-01", "cores": 2, "processor": "p", "memory_bytes": 0, "disk": "d", "python": "3",
                 "versions": {}},
        size="smoke", seed=1, titles={"w": "W"}, measured={"w": "e"}, samples=list(samples),
    )  # fmt: skip


def test_ratios_are_taken_within_a_round():
    figures = Figures([sample("plain", 10, 0), sample("repeat", 1, 0), sample("plain", 40, 1), sample("repeat", 2, 1)])
    assert figures.repeated().median == 15  # of 10 and 20; the medians' ratio would be 16.7
    assert figures.repeated().count == 2


def test_a_round_without_its_partner_gives_no_ratio():
    assert Figures([sample("plain", 10, 0), sample("repeat", 1, 1)]).repeated() is None


def test_a_wrong_run_has_no_time_and_fails_the_bench():
    found = results(sample("plain", 10), sample("repeat", 0.1, problems=["the value of x differs"]))
    assert found.figures("w").time("repeat") is None
    assert found.summary()["no_change"] is None
    with pytest.raises(RunFailed):
        found.check()
    results(sample("plain", 10), sample("repeat", 0.1)).check()


def test_a_peer_that_is_wrong_is_a_finding():
    results(sample("plain", 10), sample("joblib-repeat", 1, problems=["the value of x differs"])).check()


def test_the_share_served_is_of_what_need_not_run():
    figures = Figures([sample("repeat", 1, change="e", executed=3, hit=6, pruned=2)])
    assert figures.share_served() == pytest.approx(8 / 10)
    assert figures.hit_rate() == pytest.approx(8 / 11)


def test_the_allowance_over_the_ideal_has_a_fixed_part():
    figures = Figures([sample("ideal", 10, change="e"), sample("repeat", 12, change="e")])
    assert figures.over_ideal("e").median == pytest.approx(1.0)


def test_a_geometric_mean_is_of_ratios():
    assert geometric_mean([2, 8]) == pytest.approx(4)
    assert geometric_mean([]) is None


def test_tables_show_what_there_is():
    found = results(sample("plain", 10), sample("audit", 11), sample("repeat", 0.1), sample("plain", 9, change="e"),
                    sample("repeat", 3, change="e", executed=1, hit=4))  # fmt: skip
    out = console()
    with out.capture() as shown:
        out.print(times_table(found), changes_table(found), *summary_lines(found))
    assert "100x" in shown.get()
    assert "1 of 5" in shown.get()


def test_what_was_written_as_json_gives_the_same_figures_and_tables():
    found = results(sample("plain", 10), sample("audit", 11), sample("repeat", 0.1), sample("plain", 9, change="e"),
                    sample("repeat", 3, change="e", executed=1, hit=4), sample("dill-repeat", 2))  # fmt: skip
    again = Results.from_json(json.loads(json.dumps(found.as_json())))
    assert again.as_json() == found.as_json()
    assert as_markdown(again) == as_markdown(found)
    with pytest.raises(UsageError):
        Results.from_json({"samples": []})


def test_markdown_has_every_table_with_as_many_cells_in_each_row():
    found = results(sample("plain", 10), sample("audit", 11), sample("repeat", 0.1), sample("plain", 9, change="e"),
                    sample("repeat", 3, change="e", executed=1, hit=4), sample("dill-repeat", 2))  # fmt: skip
    shown = as_markdown(found)
    tables = [[line for line in part.splitlines() if line.startswith("|")] for part in shown.split("\n\n")]
    tables = [table for table in tables if table]
    assert len(tables) == 4
    for table in tables:
        assert len({line.count("|") for line in table}) == 1
    assert "2026-01-01" in shown
    assert "| repeat without change | 100" in shown  # of a workload that is none of the published five


# ---------------------------------------------------------------- right before fast


def run(**fields):
    made = Run(condition="repeat")
    made.cells = [{"index": 1, "state": "restored", "overhead_s": 0.001}, {"index": 2, "state": "executed"}]
    made.values, made.outputs, made.files = {"x": "1"}, [["a"], ["b"]], {"out.csv": "1"}
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    "wrong",
    [{"values": {"x": "2"}}, {"values": {}}, {"outputs": [["a"], ["c"]]}, {"files": {}}, {"files": {"out.csv": "2"}},
     {"files": {"out.csv": "1", "more.csv": "1"}}, {"error": "cell 2 raised"}],
)  # fmt: skip
def test_every_kind_of_difference_is_seen(wrong):
    assert list(differences(run(), run())) == []
    assert list(differences(run(**wrong), run()))


@pytest.mark.parametrize(
    ("change", "tasks"),
    [
        (Change(name="c", cells=(1, 2)), {}),
        (Change(name="c", cells=()), {}),
        (Change(name="c", cells=(2,)), {"f": Tasks(executed=1)}),
        (Change(name="c", cells=(2,), tasks={"f": Tasks(executed=2)}), {"f": Tasks(executed=1)}),
        (Change(name="c", cells=(2,), tasks={"f": Tasks(hit=2)}), {"f": Tasks(hit=1, pruned=1)}),
    ],
)
def test_a_cell_or_task_more_or_less_than_the_oracle_s_is_seen(change, tasks):
    assert list(against_oracle(run(tasks=tasks), change))


def test_a_task_that_raced_when_it_was_recorded_may_run_and_no_other():
    change = Change(name="c", cells=(2,), tasks={"f": Tasks(hit=5)}, racing={"f": 1})
    assert list(against_oracle(run(tasks={"f": Tasks(hit=5)}), change)) == []
    assert list(against_oracle(run(tasks={"f": Tasks(executed=1, hit=4)}), change)) == []
    assert list(against_oracle(run(tasks={"f": Tasks(executed=2, hit=3)}), change))
    assert list(against_oracle(run(tasks={"f": Tasks(executed=1, hit=5)}), change))
    assert list(against_oracle(run(tasks={"f": Tasks(hit=4)}), change))


def test_a_cluster_that_nobody_needs_is_seen():
    change = Change(name="c", cells=(2,))
    assert list(against_oracle(run(), change)) == []
    assert list(against_oracle(run(clusters=1), change))


class Failing:
    """A bed whose notebook does not run."""

    def plain(self, change=None):
        return run(error="cell 1 raised")

    audit = repeat = ideal = plain


def test_a_notebook_that_fails_is_said_to_and_gives_no_times():
    subject = Subject(name="w", title="W", bed=Failing(), measured=None, has_ideal=False)
    samples = list(Rounds(subject, lambda text: None).round(0))
    assert [sample.condition for sample in samples] == ["plain", "audit", "repeat"]
    assert all(sample.problems and not sample.times for sample in samples)
