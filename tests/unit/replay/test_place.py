"""Which runs hold in their folder only."""

from pathlib import Path

import pytest

from nbreplay.records import OutputMessage
from nbreplay.replay.place import bound_to

ROOT = Path("/home/ana/notes")
NAMED = b"\x8c\x13/home/ana/notes/raw\x94"


def shown(text):
    return [OutputMessage(msg_type="stream", content=text)]


@pytest.mark.parametrize("word", ["cwd", "getcwd", "abspath", "resolve"])
def test_who_asks_for_the_folder_and_keeps_its_name_is_bound_to_it(word):
    assert bound_to(ROOT, {"Path", word}, [b"other", NAMED], []) == str(ROOT)
    assert bound_to(ROOT, {word}, [], shown("in /home/ana/notes")) == str(ROOT)


def test_who_only_asks_or_only_has_the_name_is_not():
    assert bound_to(ROOT, {"cwd"}, [b"other"], shown("5")) == ""
    assert bound_to(ROOT, {"read_parquet"}, [NAMED], []) == ""
