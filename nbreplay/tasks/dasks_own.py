"""What is known of tasks that Dask itself adds to graphs, and that could not be known by watching them."""

from __future__ import annotations

from typing import Any

PARQUET = "dask.dataframe.dask_expr.io.parquet"


def does_nothing(node: Any) -> bool:
    """Whether *node* returns None and that is all it is for: it waits for the writers of a Parquet folder."""
    func = getattr(node, "func", None)
    return getattr(func, "__module__", "") == PARQUET and getattr(func, "__name__", "") == "<lambda>"


def changes_only_its_own(node: Any) -> bool:
    """Whether *node* changes an input in place that Dask has made for it, and for nobody else.

    The writer of a part of a Parquet folder sets the index of the frame that the task above it has renamed.
    """
    return type(getattr(node, "func", None)).__name__ == "ToParquetFunctionWrapper"
