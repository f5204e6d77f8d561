"""The shell: where a cell may be served from its record instead of being run."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from ipykernel.zmqshell import ZMQInteractiveShell

from nbreplay.kernels import interrupts
from nbreplay.kernels.turns import Turns

_RESULTS = ("_", "__", "___")
_FORWARDED = inspect.signature(ZMQInteractiveShell.run_cell_async).parameters


class NBReplayShell(ZMQInteractiveShell):
    """IPython's shell for kernels, with a turn around each cell.

    ``run_cell_async`` is the one point that sync and async cells cross. A served cell goes through it like any other,
    so numbering, history and events are as always; only its code does not run.
    """

    turns: Turns | None = None

    async def run_cell_async(
        self,
        raw_cell: str,
        store_history: bool = False,
        silent: bool = False,
        shell_futures: bool = True,
        *,
        cell_id: str | None = None,
        cell_meta: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run a cell; called by IPython, also from within cells (``%run``, ``run_cell``) and on subshells."""
        kwargs |= {"cell_id": cell_id, "cell_meta": cell_meta}
        kwargs = {name: value for name, value in kwargs.items() if name in _FORWARDED}
        turns = self.turns
        if turns is None or turns.turn is None or not turns.here():
            return await super().run_cell_async(raw_cell, store_history, silent, shell_futures, **kwargs)
        turn = turns.turn
        turns.depth += 1
        try:
            if turns.depth > 1:
                return await super().run_cell_async(raw_cell, store_history, silent, shell_futures, **kwargs)
            turn.transformed = kwargs.get("transformed_cell")
            turn.execution_count = self.execution_count
            with interrupts.ticking():
                return await super().run_cell_async(raw_cell, store_history, silent, shell_futures, **kwargs)
        finally:
            turns.depth -= 1

    async def run_ast_nodes(self, nodelist: list[ast.stmt], *args: Any, **kwargs: Any) -> Any:
        """Run a cell's code, or let its record stand in; called by ``run_cell_async`` once the cell has a number."""
        turns = self.turns
        if turns is not None and turns.turn is not None and turns.depth == 1 and turns.here():
            turn = turns.turn
            results = [self.user_ns.get(name) for name in _RESULTS]
            try:
                if not turn.begun and turns.begin(turn.transformed or turn.source, turn.execution_count):
                    return False
                self._adopt_results(results)
            except KeyboardInterrupt as e:  # the cell is interrupted before its first line
                if kwargs.get("result") is not None:
                    kwargs["result"].error_in_exec = e
                self.showtraceback()
                return True
        return await super().run_ast_nodes(nodelist, *args, **kwargs)

    def _adopt_results(self, before: list[Any]) -> None:
        """Tell IPython which last results were brought back.

        Where a last result is not the object that IPython remembers, it takes it for the user's own name and does not
        touch it any more.
        """
        for name, old in zip(_RESULTS, before, strict=True):
            value = self.user_ns.get(name)
            if name in self.user_ns and value is not old:
                setattr(self.displayhook, name, value)
                self.user_ns_hidden[name] = value
