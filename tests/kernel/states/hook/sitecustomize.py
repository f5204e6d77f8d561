"""Imported by every interpreter that has this folder on its path: notes each run of a cell's code apart from a request.

A rebuild runs code whose file name begins with ``<cell``; that a value came back without it is proven by its absence.
"""

import os
import sys
from types import CodeType

LOG = os.environ.get("NBREPLAY_TEST_RAN")
OUT = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if LOG else -1


def note(event, arguments):
    if event == "exec" and isinstance(arguments[0], CodeType) and arguments[0].co_filename.startswith("<cell"):
        os.write(OUT, arguments[0].co_filename.encode() + b"\n")


if LOG:
    sys.addaudithook(note)
