"""Credentials in names, values, the environment, the source and Dask's security objects: none leaves, each is named."""

import contextlib
import json
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

TOKEN = "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
CELLS = (
    "import os\nos.environ['MY_TOKEN'] = 'envi' + 'ronment-secret-9'\nx = 1",
    f"value = 'gh' + 'p_{TOKEN}'\npassword = 'hun' + 'ter-22-secret'",
    "settings = {'api_key': 'inn' + 'er-secret-33', 'n': 3}\nplain = [1, 2]",
    "from dask.distributed import Client, Security\n"
    "security = Security(tls_client_key='-----BEGIN ' + 'PRIVATE KEY-----xyz', require_encryption=False)\n"
    "client = Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, security=security)",
    "y = len(value) + settings['n'] + len(password)\nprint(y)",
)
SECRETS = [f"ghp_{TOKEN}", "environment-secret-9", "hunter-22-secret", "inner-secret-33", "BEGIN PRIVATE KEY"]


@pytest.fixture(scope="module")
def recorded(author):
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in CELLS]), author.folder / "secret.ipynb")
    cells = author.run("audit", "secret.ipynb")
    assert [cell["state"] for cell in cells] == ["executed"] * 5
    return author.folder


def contents(path):
    """All bytes that a reader of a package could find: files as they are, and decompressed."""
    import zstandard

    found = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            found.append(data)
            at = data.find(b"\x28\xb5\x2f\xfd")
            while at >= 0:
                with contextlib.suppress(zstandard.ZstdError):
                    found.append(zstandard.ZstdDecompressor().decompressobj().decompress(data[at:]))
                at = data.find(b"\x28\xb5\x2f\xfd", at + 1)
    return b"".join(found)


def test_no_secret_value_is_in_the_store_or_in_a_package(recorded, author):
    author.command("pack", "secret.ipynb", "-o", "secret.nbr")
    held = contents(recorded / "secret.nbr")
    for file in (recorded / "secret.nbreplay").rglob("*"):
        held += file.read_bytes() if file.is_file() else b""
    for secret in SECRETS:
        assert secret.encode() not in held, secret


def test_what_was_not_kept_is_named(recorded, author):
    said, _ = author.command("pack", "secret.ipynb", "-o", "named.nbr", "--json")
    assert {"value", "password", "settings"} <= {name for name, _ in json.loads(said)["left_out"]}
    cells = author.run("repeat", "secret.ipynb")
    assert cells[4]["state"] == "executed"
    assert cells[4]["reason"]


@pytest.mark.parametrize(
    ("where", "cell", "expected"),
    [
        ("the source", f"token = 'ghp_{TOKEN}'", "the source of cell 1"),
        ("the source, by name", "password = 'correct-horse-7'", "the source of cell 1"),
        ("an output", f"print('ghp_' + '{TOKEN}')", "output of cell 1"),
        ("a file that it wrote", f"open('o.txt', 'w').write('ghp_' + '{TOKEN}')", "the file ./o.txt"),
        ("an input file", "text = len(open('in.txt').read())", "the input file ./in.txt"),
    ],
)
def test_packing_stops_and_names_what_looks_like_a_credential(author, where, cell, expected):
    folder = author.folder / where.replace(" ", "-").replace(",", "")
    folder.mkdir()
    (folder / "in.txt").write_text(f"key: ghp_{TOKEN}")
    nbformat.write(new_notebook(cells=[new_code_cell(cell + "\nok = 1")]), folder / "nb.ipynb")
    author.run("audit", folder / "nb.ipynb", "-o", folder / "nb.ipynb")
    _, said = author.command("pack", folder / "nb.ipynb", code=31)
    assert expected in said
    assert TOKEN not in said
    assert not (folder / "nb.nbr").exists()
    said, _ = author.command("pack", folder / "nb.ipynb", "--with-secrets")
    assert "is in it" in said
