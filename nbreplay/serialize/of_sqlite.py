"""sqlite3: a database in memory by its content, one in a file by connecting again."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import Any

from nbreplay.serialize.functions import Reduced

_OWN_FUNCTIONS = "select count(*) from pragma_function_list where builtin = 0"


def reduce_connection(dump: Any, value: sqlite3.Connection) -> Reduced:
    """A connection without an open transaction, and without functions of the user's."""
    try:
        cursor = sqlite3.Connection.cursor(value)
    except sqlite3.ProgrammingError:
        return make_connection, (type(value), None, None, None, 0)
    if value.in_transaction:
        raise TypeError("a database connection with an open transaction")
    cursor.row_factory = None
    places = cursor.execute("pragma database_list").fetchall()
    if len(places) > 1:
        raise TypeError("a database connection with attached or temporary databases")
    with contextlib.closing(sqlite3.connect(":memory:")) as other:
        if cursor.execute(_OWN_FUNCTIONS).fetchone() != other.execute(_OWN_FUNCTIONS).fetchone():
            raise TypeError("a database connection with functions of its own")
        collations = "select count(*) from pragma_collation_list"
        if cursor.execute(collations).fetchone() != other.execute(collations).fetchone():
            raise TypeError("a database connection with collations of its own")
    detect = _detected(cursor)
    cursor.close()
    path = places[0][2] if places else ""
    pages = value.execute("pragma page_count").fetchone()[0] if not path else 0
    content = value.serialize() if pages else None
    state = (value.row_factory, value.text_factory)
    args = (type(value), path, content, value.isolation_level, detect)
    return make_connection, args, state, None, None, fill_connection


def _detected(cursor: sqlite3.Cursor) -> int:
    """Return the *detect_types* of a connection, which only shows in what it does."""
    cursor.execute('select 1 as "x [x]"')
    detect = sqlite3.PARSE_COLNAMES if cursor.description[0][0] == "x" else 0
    cursor.fetchall()
    if not cursor.execute("select count(*) from sqlite_master").fetchone()[0]:
        return detect | (sqlite3.PARSE_DECLTYPES if detect else 0)
    seen: list[bytes] = []

    def note(text: bytes) -> bytes:
        seen.append(text)
        return text

    before = sqlite3.converters.get("TEXT")
    sqlite3.register_converter("TEXT", note)
    try:
        cursor.execute("select type from sqlite_master limit 1").fetchall()
    finally:
        del sqlite3.converters["TEXT"]
        if before is not None:
            sqlite3.register_converter("TEXT", before)
    return detect | (sqlite3.PARSE_DECLTYPES if seen else 0)


def reduce_cursor(dump: Any, value: sqlite3.Cursor) -> Reduced:
    """A cursor that was not used yet."""
    if value.description is not None or value.rowcount != -1 or value.lastrowid is not None:
        raise TypeError("a database cursor that was used")
    return make_cursor, (type(value), value.connection, value.arraysize)


# ---------------------------------------------------------------- named in streams


def make_connection(kind: Any, path: str | None, content: bytes | None, level: Any, detect: int) -> Any:
    if path:
        os.stat(path)  # connecting would make an empty one
    # Whether other threads may use it cannot be seen: they may.
    made = sqlite3.connect(
        path or ":memory:", isolation_level=level, detect_types=detect, check_same_thread=False, factory=kind
    )
    if path is None:
        made.close()
    elif content is not None:
        made.deserialize(content)
    return made


def fill_connection(made: Any, state: tuple[Any, Any]) -> None:
    made.row_factory, made.text_factory = state


def make_cursor(kind: Any, connection: Any, size: int) -> Any:
    made = connection.cursor(kind)
    made.arraysize = size
    return made


BY_NAME = {"sqlite3:Connection": reduce_connection, "sqlite3:Cursor": reduce_cursor}
