"""Files that native code opens, unseen by any audit event, are taken from the call."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import nbreplay
from nbreplay.files import Watch
from nbreplay.files.native import TABLE

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def frame():
    return pd.DataFrame({"a": [1, 2, 3]})


def test_arrow_opens_files_that_no_audit_event_tells_of(folder, frame):
    frame.to_parquet("a.parquet")
    code = """
import sys, pyarrow.parquet as pq
seen = []
sys.addaudithook(lambda event, args: seen.append(args[0]) if event == "open" else None)
pq.read_table("a.parquet")
print([name for name in seen if str(name).endswith("a.parquet")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "read",
    [
        lambda: pd.read_parquet("a.parquet"),
        lambda: pd.read_parquet(path=Path("a.parquet")),
        lambda: pq.read_table("a.parquet"),
        lambda: pq.ParquetFile("a.parquet").read(),
        lambda: pq.read_metadata("a.parquet"),
        lambda: pq.read_table(f"file://{os.getcwd()}/a.parquet"),
        lambda: __import__("pyarrow.dataset").dataset.dataset("a.parquet").to_table(),
        lambda: pa.memory_map("a.parquet").close(),
        lambda: pa.OSFile("a.parquet").close(),
        lambda: pa.input_stream("a.parquet").close(),
    ],
)
def test_hidden_reads_are_inputs(cell, folder, frame, read):
    frame.to_parquet("a.parquet")
    state = cell(lambda: open("a.parquet").close()).reads["./a.parquet"]
    seen = cell(read)
    assert seen.reads["./a.parquet"] == state
    assert (seen.writes, seen.refusals) == ({}, [])


def test_a_hidden_read_of_a_changed_file_is_another_input(cell, folder, frame):
    frame.to_parquet("a.parquet")
    first = cell(pd.read_parquet, "a.parquet").reads["./a.parquet"]
    (frame + 1).to_parquet("a.parquet")
    assert cell(pd.read_parquet, "a.parquet").reads["./a.parquet"] != first


def test_csv_and_feather_are_followed(cell, folder, frame):
    from pyarrow import csv, feather

    frame.to_csv("a.csv")
    assert "./a.csv" in cell(csv.read_csv, "a.csv").reads
    assert set(cell(frame.to_feather, "a.feather").writes) == {"./a.feather"}
    assert "./a.feather" in cell(pd.read_feather, "a.feather").reads
    assert "./a.feather" in cell(feather.read_table, "a.feather").reads


def test_hidden_writes_are_outputs(cell, folder, frame):
    table = pa.Table.from_pandas(frame)
    assert set(cell(frame.to_parquet, "a.parquet").writes) == {"./a.parquet"}
    assert set(cell(pq.write_table, table, "b.parquet").writes) == {"./b.parquet"}
    again = cell(frame.to_parquet, "a.parquet")
    assert set(again.writes) == {"./a.parquet"}
    assert "./a.parquet" not in again.reads or again.reads["./a.parquet"].aspect != "content"


def test_a_folder_of_files_is_read_and_written_whole(cell, folder, frame):
    from pyarrow import dataset

    table = pa.Table.from_pandas(frame)
    seen = cell(lambda: dataset.write_dataset(table, "out", format="parquet"))
    assert {"./out", "./out/part-0.parquet"} <= set(seen.writes)
    seen = cell(pd.read_parquet, "out")
    assert {"./out", "./out/part-0.parquet"} <= set(seen.reads)
    Path("out/part-1.parquet").write_bytes(Path("out/part-0.parquet").read_bytes())
    assert cell(pd.read_parquet, "out").reads["./out"] != seen.reads["./out"]


def test_a_list_of_paths_is_read(cell, folder, frame):
    frame.to_parquet("a.parquet")
    frame.to_parquet("b.parquet")
    assert {"./a.parquet", "./b.parquet"} <= set(cell(pq.ParquetDataset, ["a.parquet", "b.parquet"]).reads)


def test_remote_places_are_refused_for_tasks_and_marked_for_cells(cell, task):
    def read():
        with pytest.raises((ImportError, TypeError, ValueError, OSError)):  # whatever the library says
            pd.read_parquet("s3://nobody/nothing.parquet", storage_options={"nonsense": 1})

    assert any("s3://nobody" in text for text in cell(read).marks)
    assert any("s3://nobody" in text and "reads=" in text for text in task(read).refusals)


def test_wrapped_readers_pickle_by_name_and_keep_their_signatures():
    import inspect

    Watch.install()
    from pyarrow import csv

    for function in (pd.read_parquet, pq.read_table, csv.read_csv, pa.memory_map):
        assert pickle.loads(pickle.dumps(function)) is function
    assert "columns" in inspect.signature(pd.read_parquet).parameters
    assert isinstance(pa.OSFile(__file__), pa.OSFile)
    assert isinstance(pa.OSFile(__file__), pa.NativeFile)


def test_the_table_imports_nothing():
    names = sorted({row.where.split(":")[0].split(".")[0] for row in TABLE} - {"dbm"})
    code = f"""
import sys
from nbreplay.files import Watch
Watch.install()
print([name for name in {names} if name in sys.modules])
import pyarrow.parquet as pq
print(pq.read_table.__nbreplay_watched__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "True"]


def test_dask_reads_files_in_its_threads_and_they_are_the_cells(cell, folder, frame):
    dd = pytest.importorskip("dask.dataframe")
    frame.to_csv("a.csv", index=False)
    frame.to_parquet("a.parquet")
    assert "./a.csv" in cell(lambda: dd.read_csv("a.csv").sum().compute(scheduler="threads")).reads
    assert "./a.parquet" in cell(lambda: dd.read_parquet("a.parquet").sum().compute(scheduler="threads")).reads
    assert (
        "./a.parquet"
        in cell(
            lambda: dd.read_parquet(os.path.abspath("a.parquet"), filesystem="arrow").sum().compute(scheduler="threads")
        ).reads
    )


# ---------------------------------------------------------------- nbreplay.run


def test_a_declared_program_is_cacheable(cell, folder):
    Path("in.txt").write_text("b\na\n")
    seen = cell(lambda: nbreplay.run(["sort", "in.txt", "-o", "out.txt"], writes=["out.txt"]))
    assert seen.refusals == []
    assert set(seen.writes) == {"./out.txt"}
    assert "./in.txt" in seen.reads
    assert Path("out.txt").read_text() == "a\nb\n"


def test_a_program_that_fails_raises_as_subprocess_does(cell, folder):
    with pytest.raises(subprocess.CalledProcessError):
        nbreplay.run("false")
    assert nbreplay.run("false", check=False).returncode == 1


def test_what_a_program_prints_is_shown_and_returned(capsys):
    assert nbreplay.run(["echo", "hello"]).stdout == "hello\n"
    assert capsys.readouterr().out == "hello\n"
