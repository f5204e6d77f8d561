"""The magic ``%nbreplay``: what was done, why, and back to where one was."""

# mypy: disable-error-code="no-untyped-call"
# IPython is not annotated: every call of its functions would need an ignore.

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import display

from nbreplay.errors import NbreplayError
from nbreplay.kernels import views
from nbreplay.kernels.status import badge
from nbreplay.replay.request import CellStatus

if TYPE_CHECKING:
    from nbreplay.kernels.turns import Turns
    from nbreplay.records import CellVisit
    from nbreplay.replay.engine import Engine

MOST_LEFT = 20
"""Lines about what a restore does not bring back; of further cells only the numbers."""

USAGE = """\
%nbreplay status            what became of each cell of this session
%nbreplay restore K         back to the state after cell K (0: the empty start)
%nbreplay why [K]           why cell K (the last one) ran, or did not
%nbreplay vars              the names, and which of them are loaded
%nbreplay diff A B          names that differ between the states after two cells
%nbreplay settle            wait until everything is on disk
%nbreplay off, on           stop recording and serving, and begin again
%nbreplay pack              write the package to send, beside the notebook"""


@magics_class
class NBReplayMagics(Magics):
    """``%nbreplay``, registered in both kernels."""

    def __init__(self, shell: Any, turns: Turns) -> None:
        super().__init__(shell)
        self._turns = turns

    @line_magic
    def nbreplay(self, line: str) -> None:
        """Show and steer NBReplay; ``%nbreplay help`` lists the commands."""
        word, *rest = shlex.split(line) or ["status"]
        command = _COMMANDS.get(word)
        if command is None:
            raise UsageError(f"%nbreplay has no command {word!r}\n{USAGE}")
        try:
            shown = command(self, self._turns.engine(), rest)
        except (NbreplayError, RuntimeError) as e:
            raise UsageError(f"%nbreplay {word}: {e}") from e
        display(shown)

    # ------------------------------------------------------------ commands

    def _status(self, engine: Engine, arguments: list[str]) -> views.View:
        status = engine.commands.status()
        heading = [
            f"NBReplay {status.kernel.capitalize()}{'' if status.enabled else ', switched off'}",
            f"store: {status.store} ({views.size(status.store_bytes)}, {status.recorded_runs} recorded runs)",
        ]
        if status.problem:
            heading.append(f"problem: {status.problem}")
        if status.compared:
            heading.append(f"{status.compared} values were loaded again and compared, {len(status.doubts)} differ")
        heading += [f"{', '.join(doubt.names)}: {doubt.reason}; made again where needed" for doubt in status.doubts]
        columns = ("cell", "state", "reason", "time", "recorded", "overhead", "written", "saved", "tasks run/served")
        return views.view(*heading, columns=columns, rows=[_visit_row(visit) for visit in status.cells])

    def _restore(self, engine: Engine, arguments: list[str]) -> views.View:
        match = "--match" in arguments
        number = _number([word for word in arguments if word != "--match"], "restore K")
        turn = self._turns.turn
        if turn is not None and not turn.only_ours:
            raise UsageError("%nbreplay restore must stand alone in its cell: the code around it would see two states")
        restored = engine.commands.restore(number, match_notebook=match)
        where = f"restored the state after cell {number}" if number else "restored the empty start"
        lines = [f"{where}: {_listed(restored.names)}"]
        if restored.removed:
            lines.append(f"removed: {_listed(restored.removed)}")
        if restored.left:
            lines.append("not brought back, what these cells did beyond their names; run them again if it matters:")
            lines += restored.left[:MOST_LEFT]
            more = [each.partition(":")[0] for each in restored.left[MOST_LEFT:]]
            lines += [f"and {', '.join(dict.fromkeys(more))}"] if more else []
        return views.view(*lines)

    def _why(self, engine: Engine, arguments: list[str]) -> views.View:
        visit = engine.commands.why(_number(arguments, "why [K]") if arguments else None)
        return views.view(
            f"cell {_label(visit)}: {_badge(visit)}: {visit.reason}",
            *([f"not saved: {visit.saved_reason}"] if visit.saved_reason else []),
            notes=[*visit.detail, *visit.task_rows],
        )

    def _vars(self, engine: Engine, arguments: list[str]) -> views.View:
        rows = [
            (row.name, row.type_name, views.size(row.size_bytes), row.state, row.reason)
            for row in engine.commands.vars()
        ]
        return views.view(columns=("name", "type", "size", "state", "reason"), rows=rows)

    def _diff(self, engine: Engine, arguments: list[str]) -> views.View:
        if len(arguments) != 2:
            raise UsageError("usage: %nbreplay diff A B")
        before, after = (_number([word], "diff A B") for word in arguments)
        rows = [
            (c.name, c.before or "(not bound)", c.after or "(not bound)") for c in engine.commands.diff(before, after)
        ]
        columns = ("name", f"after cell {before}", f"after cell {after}")
        return views.view(*([] if rows else ["no name differs"]), columns=columns, rows=rows)

    def _settle(self, engine: Engine, arguments: list[str]) -> views.View:
        engine.commands.settle()
        return views.view("everything is on disk")

    def _on(self, engine: Engine, arguments: list[str]) -> views.View:
        engine.commands.turn(True)
        return views.view("recording is on")

    def _off(self, engine: Engine, arguments: list[str]) -> views.View:
        engine.commands.turn(False)
        return views.view("recording and serving are off; %nbreplay on begins again")

    def _help(self, engine: Engine, arguments: list[str]) -> views.View:
        return views.view(notes=USAGE.splitlines())

    def _pack(self, engine: Engine, arguments: list[str]) -> views.View:
        from nbreplay.share.pack import pack

        if engine.notebook.path is None:
            raise UsageError("it is not known which notebook this is; on the command line: nbreplay pack NB")
        engine.settle()
        packed = pack(engine.notebook.path, engine.session.store_path)
        saved = "the notebook in it is the file as it was last saved"
        return views.view(f"{packed.path} ({len(packed.manifest.files)} files; {saved})")


Command = Callable[[NBReplayMagics, "Engine", list[str]], views.View]

_COMMANDS: dict[str, Command] = {
    "status": NBReplayMagics._status,
    "restore": NBReplayMagics._restore,
    "why": NBReplayMagics._why,
    "vars": NBReplayMagics._vars,
    "diff": NBReplayMagics._diff,
    "settle": NBReplayMagics._settle,
    "on": NBReplayMagics._on,
    "off": NBReplayMagics._off,
    "pack": NBReplayMagics._pack,
    "help": NBReplayMagics._help,
}


def _number(words: list[str], usage: str) -> int:
    if len(words) == 1 and words[0].isdecimal():
        return int(words[0])
    raise UsageError(f"usage: %nbreplay {usage}")


def _label(visit: CellVisit) -> str:
    return str(visit.position if visit.position is not None else f"#{visit.number}")


def _badge(visit: CellVisit) -> str:
    return badge(CellStatus.of(visit).as_json())


def _visit_row(visit: CellVisit) -> tuple[object, ...]:
    saved = visit.saved_reason if visit.saved is False else "yes" if visit.saved is True else visit.saved
    tasks = visit.tasks
    return (
        _label(visit),
        _badge(visit),
        visit.reason,
        views.seconds(visit.run_s) if visit.state != "restored" else "",
        views.seconds(visit.recorded_s),
        views.seconds(visit.overhead_s),
        views.size(visit.bytes_written),
        saved,
        f"{tasks.executed}/{tasks.hit + tasks.pruned}" if tasks.total else "",
    )


def _listed(names: tuple[str, ...], most: int = 12) -> str:
    shown = ", ".join(sorted(names)[:most]) or "no names"
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
