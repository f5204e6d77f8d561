"""A recorded notebook sent to somebody else: checked, unpacked, repeated; unsigned, signed, and withdrawn again."""

import json
import shutil
import subprocess

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

CELLS = (
    "import numpy as np\nimport pandas as pd\nimport helper",
    "rain = pd.read_csv('data/rain.csv')\nscale = helper.double(2)",
    "from dask import delayed, compute\n"
    # What takes less time than loading its result is not served.
    "def heavy(n):\n    return np.sort(np.random.default_rng(n).random(1_600_000))[::8] * n\n"
    "parts = compute(*[delayed(heavy)(n) for n in range(4)])",
    "total = np.sum(parts, axis=0)\nwet = rain[rain.mm > 3].assign(mm=lambda d: d.mm * scale)",
    "print(round(float(total.sum()), 6), wet.mm.sum())",
)


@pytest.fixture(scope="module")
def work(author):
    """The author's folder: a notebook that is recorded, with a module and data beside it."""
    folder = author.folder / "work"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "rain.csv").write_text("day,mm\n" + "\n".join(f"{n},{n % 7}" for n in range(60)))
    (folder / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in CELLS]), folder / "nb.ipynb")
    cells = author.run("audit", "work/nb.ipynb", "-o", "work/nb.ipynb")
    assert [cell["state"] for cell in cells] == ["executed"] * 5
    return folder


@pytest.fixture(scope="module")
def printed(work):
    return nbformat.read(work / "nb.ipynb", 4).cells[4].outputs[0]["text"]


@pytest.fixture(scope="module")
def key(author):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", author.folder / "ana"], check=True)
    return author.folder / "ana"


@pytest.fixture(scope="module")
def package(work, author, key):
    author.command("pack", "work/nb.ipynb", "-o", "plain.nbr", "--data", "none")
    author.command("pack", "work/nb.ipynb", "-o", "signed.nbr", "--sign", key)
    return author.folder


def output_of(user, name):
    return nbformat.read(user.folder / name, 4).cells[4].outputs[0]["text"]


def test_the_last_cell_alone_runs_without_data_once_the_package_is_trusted(package, printed, stranger):
    said, _ = stranger.command("check", package / "plain.nbr", "--from", 5)
    assert "cell 5 is" not in said
    stranger.command("unpack", package / "plain.nbr", "trusted", "--trust")
    assert not (stranger.folder / "trusted" / "workflow" / "helper.py").exists()
    cells = stranger.run("repeat", "trusted/workflow/nb.ipynb", "--from", 5, "-o", "last.ipynb")
    assert [cell["state"] for cell in cells] == ["restored"] * 5
    assert output_of(stranger, "last.ipynb") == printed


def test_an_edit_of_the_last_cell_runs_on_what_was_restored(package, printed, stranger):
    stranger.command("unpack", package / "plain.nbr", "edited", "--trust")
    path = stranger.folder / "edited" / "workflow" / "nb.ipynb"
    path.write_text(path.read_text().replace("print(round", "print('sum', round"))
    cells = stranger.run("repeat", path, "--from", 5, "-o", "edited.ipynb")
    assert cells[4]["state"] == "executed"
    assert output_of(stranger, "edited.ipynb") == "sum " + printed


def test_without_trust_data_is_restored_and_the_rest_runs(package, printed, stranger):
    said = " ".join(stranger.command("unpack", package / "signed.nbr", "untrusted")[0].split())
    assert "have not accepted" in said
    stranger.pickles()
    facts = stranger.run("repeat", "untrusted/workflow/nb.ipynb", "-o", "untrusted.ipynb")
    states = [cell["state"] for cell in facts]
    assert states[0] == states[2] == "blocked"
    assert states[3:] == ["restored", "restored"]
    assert "taken as data" in facts[3]["reason"]
    assert facts[2]["tasks"]["hit"] == 4
    assert output_of(stranger, "untrusted.ipynb") == printed
    loaded, _ = stranger.pickles()
    assert [name for name in loaded if "heavy" in name or "nbreplay.serialize.array_views" in name] == []


def test_what_was_taken_as_data_stays_data_in_later_sessions(package, printed, stranger):
    stranger.command("unpack", package / "signed.nbr", "later")
    stranger.run("repeat", "later/workflow/nb.ipynb")
    stranger.pickles()
    cells = stranger.run("repeat", "later/workflow/nb.ipynb", "--rerun", 5, "-o", "later.ipynb")
    assert [cell["state"] for cell in cells] == ["restored"] * 4 + ["executed"]
    assert output_of(stranger, "later.ipynb") == printed
    loaded, _ = stranger.pickles()
    assert [name for name in loaded if "array_views" in name and "total" in name] == []


def test_a_signature_is_checked_accepted_and_withdrawn(package, printed, stranger, key):
    said = " ".join(stranger.command("check", package / "signed.nbr")[0].split())
    assert "a key that you have not accepted, SHA256:" in said
    assert "blocked" in said
    stranger.command("signers", "--accept", "ana", f"{key}.pub")
    said = " ".join(stranger.command("check", package / "signed.nbr")[0].split())
    assert "signed by ana, whom you accept" in said
    assert "blocked" not in said
    said, _ = stranger.command("unpack", package / "signed.nbr", "signed")
    assert "records as yours" in said
    cells = stranger.run("repeat", "signed/workflow/nb.ipynb", "-o", "signed.ipynb")
    assert [cell["state"] for cell in cells] == ["restored"] * 5
    assert output_of(stranger, "signed.ipynb") == printed
    assert "ana" in stranger.command("signers")[0]
    stranger.command("signers", "--withdraw", "ana")
    cells = stranger.run("repeat", "signed/workflow/nb.ipynb")
    assert cells[0]["state"] == "blocked"
    stranger.command("signers", "--withdraw", "ana", code=2)


def test_ssh_keygen_verifies_the_signature_without_us(package, key, tmp_path):
    shutil.unpack_archive(package / "signed.nbr", tmp_path, "zip")
    public = (key.with_suffix(".pub")).read_text().split()
    (tmp_path / "allowed").write_text(f"ana {public[0]} {public[1]}\n")
    command = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "allowed", "-I", "ana", "-n", "nbreplay"]
    command += ["-s", tmp_path / "manifest.json.sig"]
    manifest = (tmp_path / "manifest.json").read_bytes()
    assert subprocess.run(command, input=manifest, capture_output=True, check=False).returncode == 0
    changed = manifest.replace(b'"first": 1', b'"first": 2')
    assert subprocess.run(command, input=changed, capture_output=True, check=False).returncode != 0


def test_a_package_whose_signature_does_not_fit_is_refused(package, stranger, tmp_path):
    import zipfile

    bad = tmp_path / "bad.nbr"
    with zipfile.ZipFile(package / "signed.nbr") as good, zipfile.ZipFile(bad, "w") as out:
        for entry in good.infolist():
            data = good.read(entry)
            if entry.filename == "manifest.json":
                data = data.replace(b'"made_by": "', b'"made_by": "x')
            out.writestr(entry, data)
    _, said = stranger.command("unpack", bad, "bad", code=32)
    assert "does not fit" in said
    assert not (stranger.folder / "bad").exists()


def test_the_plan_says_what_would_run_and_how_long(package, stranger):
    facts = json.loads(stranger.command("check", package / "plain.nbr", "--json")[0])
    assert [cell["fate"] for cell in facts["plan"]["cells"]] == ["blocked"] * 5
    assert facts["plan"]["cluster"] == "needed"
    assert facts["package"]["signature"] is None
    stranger.command("unpack", package / "signed.nbr", "planned", "--trust")
    path = stranger.folder / "planned" / "workflow" / "nb.ipynb"
    facts = json.loads(stranger.command("check", path, "--json")[0])
    assert [cell["fate"] for cell in facts["plan"]["cells"]] == ["restored"] * 5
    assert facts["plan"]["cluster"] == "not needed"
    assert facts["findings"] == []
    (path.parent / "data" / "rain.csv").write_text("day,mm\n1,2\n")
    facts = json.loads(stranger.command("check", path, "--json")[0])
    assert [cell["fate"] for cell in facts["plan"]["cells"]][:4] == ["restored", "runs", "restored", "may run"]
    assert any(finding["found"] == "changed" for finding in facts["findings"])


def test_an_author_s_cuts_keep_what_the_wanted_cells_need(work, author, printed, stranger):
    author.command("pack", "work/nb.ipynb", "-o", "cut.nbr", "--from", 5, "--exclude", "parts", "--data", "none")
    stranger.command("unpack", author.folder / "cut.nbr", "cut", "--trust")
    cells = stranger.run("repeat", "cut/workflow/nb.ipynb", "--from", 5, "-o", "cut.ipynb")
    assert cells[4]["state"] == "restored"
    assert output_of(stranger, "cut.ipynb") == printed
    author.command("pack", "work/nb.ipynb", "-o", "none.nbr", "--no-values")
    assert (author.folder / "none.nbr").stat().st_size < 100_000
    stranger.command("unpack", author.folder / "none.nbr", "none", "--trust")
    cells = stranger.run("repeat", "none/workflow/nb.ipynb", "-o", "none.ipynb")
    assert {cell["state"] for cell in cells} == {"executed"}
    assert output_of(stranger, "none.ipynb") == printed
    author.command("pack", "work/nb.ipynb", "-o", "bad.nbr", "--exclude", "nothing", code=2)
