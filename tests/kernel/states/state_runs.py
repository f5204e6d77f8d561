"""Batches of states through real kernels, and the judgement of each state.

Four kernels see a batch: plain ipykernel and Audit, then two of Repeat, each a new process with a copy of the folder
that Audit had
after the cells, before the probes. One is asked for all cells again, the other jumps to the state after the last one.
"""

from __future__ import annotations

import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from state_table import EXACT, REPORTED

HOOK = Path(__file__).parent / "hook"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_HOLE = "HoleUsed"
LONGEST_S = 100
"""Seconds for one cell; the machine may be busy."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Threads of several kernels that wait for each other in a loop take each other's processors."""


@dataclass
class Seen:
    """What one kernel showed of one state: its cells' outcomes and states, its probe's outputs, what ran by itself."""

    cells: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    unsaved: list[str] = field(default_factory=list)
    probe: list = field(default_factory=list)
    detail: str = ""
    variables: str = ""
    rebuilt: bool = False
    left: str = ""
    numbers: list[int] = field(default_factory=list)

    @property
    def ran(self):
        """Whether any cell of the state ran again."""
        return self.rebuilt or any(state not in (None, "restored") for state in self.states)

    @property
    def error(self):
        found = [o for o in self.probe if o["type"] == "error"]
        return f"{found[-1]['ename']}: {found[-1]['evalue']}" if found else ""


def run_batch(states, launched, folder):
    """Return what each kernel showed, by way and by name of the state."""
    settings = {key: value for state in states for key, value in state.settings.items()}
    key = {**ONE_THREAD, **settings, "NBREPLAY_KEY_FILE": str(folder / "key")}
    numbered = _number(states)
    folders = {way: folder / way for way in ("plain", "audit", "served", "jump")}
    for way in ("plain", "audit"):
        folders[way].mkdir()

    def see(way):
        name = {"plain": "python3", "audit": "nbreplay-audit"}.get(way, "nbreplay-repeat")
        environ = {**key, "NBREPLAY_TEST_RAN": str(folder / f"ran {way}"), "PYTHONPATH": _python_path()}
        kernel = launched(name, folders[way], **environ)

        def ready():
            if way == "audit":  # what the probes do is not part of the state
                kernel.run("%nbreplay settle", store_history=False)
                for each in ("served", "jump"):
                    shutil.copytree(folders["audit"], folders[each])

        try:
            return _see(kernel, way, states, numbered, folder / f"ran {way}", ready)
        finally:
            kernel.stop()

    with ThreadPoolExecutor(2) as pool:
        seen = dict(zip(("plain", "audit"), pool.map(see, ("plain", "audit")), strict=True))
        seen |= dict(zip(("served", "jump"), pool.map(see, ("served", "jump")), strict=True))
    return seen


def _number(states):
    """Return (number, state, source) of every cell of the notebook: the first cells of all states, then the second."""
    rounds = max(len(state.cells) for state in states)
    cells = [(state, state.cells[turn]) for turn in range(rounds) for state in states if turn < len(state.cells)]
    return [(number, state, source) for number, (state, source) in enumerate(cells, 1)]


def _see(kernel, way, states, numbered, log, ready):
    seen = {state.name: Seen() for state in states}
    first = len(numbered) + 1
    if way == "jump":
        answer = kernel.run(f"%nbreplay restore {len(numbered)}", store_history=False)
        assert answer.ok, answer.content
        for state in states:
            seen[state.name].left = _shown(answer)
            seen[state.name].numbers = [number for number, each, _ in numbered if each is state]
    else:
        for number, state, source in numbered:
            answer = _ask(kernel, source, number)
            here = seen[state.name]
            here.cells.append(answer.content["status"])
            here.states.append(answer.state)
            here.reasons.append((answer.cell or {}).get("reason", ""))
            if way == "audit" and answer.cell["saved"] is False:
                here.unsaved.append(f"cell {number}: {answer.cell.get('saved_reason')}")
    if way in ("served", "jump"):
        table = _shown(kernel.run("%nbreplay vars", store_history=False))
        for state in states:
            seen[state.name].variables = table
    ready()
    for number, state in enumerate(states, first):
        answer = _ask(kernel, state.probe, number, tags=["nbreplay-always"] if way in ("served", "jump") else [])
        here = seen[state.name]
        here.probe = [_comparable(output) for output in answer.shown]
        here.detail = "\n".join(map(str, (answer.cell or {}).get("detail", ())))
    ran = _ran(log)
    for number, state, _ in numbered:
        # A rebuild that another probe asked for counts, too.
        seen[state.name].rebuilt |= f"<cell {number}>" in ran
    return seen


def _shown(answer):
    return "\n".join(o["data"].get("text/plain", "") for o in answer.outputs if "data" in o)


def _ask(kernel, source, number, tags=()):
    metadata = {"nbreplay": {"position": number}, "cellId": f"cell-{number}", "tags": list(tags)}
    try:
        return kernel.run(source, metadata=metadata, stop_on_error=False, timeout=LONGEST_S)
    except TimeoutError as e:
        raise AssertionError(f"no end within {LONGEST_S} s of cell {number}:\n{source}") from e


def _ran(log):
    return log.read_text() if log.exists() else ""


def _comparable(output):
    if output["type"] == "error":
        return {"type": "error", "ename": output["ename"], "evalue": _ANSI.sub("", output["evalue"])}
    return output


def _python_path():
    return os.pathsep.join(filter(None, [str(HOOK), os.environ.get("PYTHONPATH", "")]))


# ---------------------------------------------------------------- judgement


def judge(state, way, seen):
    """Return what is wrong with *state* when it came back by *way*, "" if nothing."""
    plain, audit, back = (seen[each][state.name] for each in ("plain", "audit", way))
    if plain.error or plain.cells != audit.cells:
        return f"the state itself is wrong: plain {plain.error or plain.cells}, Audit {audit.cells}"
    if audit.probe != plain.probe:
        return f"Audit disturbed it:\n  plain {plain.probe}\n  Audit {audit.probe}"
    if audit.unsaved:
        return f"not saved: {audit.unsaved}"
    expected = state.expects(way)
    right = back.probe == plain.probe
    if not right and expected == REPORTED and _says(back.left, back.numbers):
        return ""
    if not right and _HOLE not in back.error:
        return f"SILENTLY WRONG{_how(back)}:\n  plain {plain.probe}\n  {way:5} {back.probe}"
    if not right and expected != REPORTED:
        return f"lost{_how(back)}: {back.error}\n  {back.detail}"
    if right and expected == EXACT and back.ran:
        return f"its cells ran again{_how(back)}"
    if not right:
        named = back.detail + back.error + "".join(line for line in back.variables.splitlines() if " hole " in line)
        missing = [name for name in state.lost or ("?",) if not re.search(rf"\b{re.escape(name)}\b", named)]
        if missing:
            return f"lost, and the status does not name {missing}:\n{named}"
    return ""


def _says(left, numbers):
    """Whether a restore told that one of the cells *numbers* did something that it does not bring back."""
    return any(re.search(rf"\bcell {number}\b", left) for number in numbers)


def _how(back):
    ran = [f"{s}: {r}" for s, r in zip(back.states, back.reasons, strict=True) if s != "restored"]
    return f" (cells {ran}{', rebuilt' if back.rebuilt else ''})"
