"""Random programs of tasks, edits of them, and an oracle that says which tasks must run. Knows nothing of nbreplay.

A :class:`Program` is a description: functions with constants, helpers and globals, tasks with arguments, files that
they read or write. ``Program.code()`` writes it as a notebook would, ``Program.graph()`` as a Dask graph with keys that
mean nothing. The :class:`Oracle` remembers what has ever been computed, by what it was computed from, and works with
nested tuples only, so that it can be checked by reading it.
"""

from __future__ import annotations

import copy
from pathlib import Path

from dask._task_spec import Alias, DataNode, Dict, List, Task, TaskRef

MODULUS = 1_000_003

CELL = """
def mix(salt, *numbers):
    for number in numbers:
        salt = (salt * 31 + number) % 1000003
    return salt
def flat(part):
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        return mix(len(part), *[flat(each) for each in part])
    return part
"""


class Program:
    """What a notebook says, as plain data; copied and changed by edits."""

    def __init__(self, rng, size):
        self.globals = [rng.randrange(100) for _ in range(3)]
        self.unread = rng.randrange(100)
        self.helpers = [
            {"add": rng.randrange(100), "global": rng.randrange(3), "next": rng.choice([None, n + 1])} for n in range(3)
        ]
        self.helpers[-1]["next"] = None
        self.functions = [
            {
                "const": rng.randrange(100),
                "helper": rng.choice([None, 0, 1, 2]),
                "same": 0,  # rewritten so that the code differs and the values do not
                "comment": 0,
                "volatile": rng.random() < 0.1,
            }
            for _ in range(4)
        ]
        self.files = {f"in{n}.txt": str(rng.randrange(100)) for n in range(3)}
        self.tasks = {}
        self.next = 0
        for _ in range(size):
            self.add(rng)

    # ------------------------------------------------------------ tasks

    def add(self, rng):
        above = rng.sample(sorted(self.tasks), min(len(self.tasks), rng.choice([0, 1, 1, 2, 2, 3])))
        number = self.next
        self.next += 1
        kind = rng.choice(["task"] * 8 + ["alias"]) if above else rng.choice(["task"] * 6 + ["data"])
        if kind == "alias":
            above = above[:1]
        self.tasks[number] = {
            "function": rng.randrange(len(self.functions)),
            "salt": number,
            "above": above,
            "form": rng.choice(["args", "args", "list", "dict", "kwargs", "nested"]),
            "reads": rng.choice([None, None, *self.files]),
            "writes": rng.random() < 0.25,
            "kind": kind,
        }

    def double(self, rng):
        """One more task that is the same as another in everything but its name."""
        alike = [n for n, task in self.tasks.items() if not task["writes"]]
        if alike:
            number, self.next = self.next, self.next + 1
            self.tasks[number] = copy.deepcopy(self.tasks[rng.choice(alike)])

    def remove(self, rng):
        needed = {dep for task in self.tasks.values() for dep in task["above"]}
        free = sorted(set(self.tasks) - needed)
        if len(self.tasks) > 2 and free:
            del self.tasks[rng.choice(free)]

    # ------------------------------------------------------------ edits

    def edited(self, rng):
        """Return a copy with some edits, and their names."""
        new = copy.deepcopy(self)
        names = [rng.choice(EDITS) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        for name in names:
            getattr(new, f"edit_{name}")(rng)
        return new, names

    def edit_const(self, rng):
        rng.choice(self.functions)["const"] += 1

    def edit_same(self, rng):
        rng.choice(self.functions)["same"] += 1

    def edit_comment(self, rng):
        rng.choice(self.functions)["comment"] += 1

    def edit_helper(self, rng):
        rng.choice(self.helpers)["add"] += 1

    def edit_global(self, rng):
        self.globals[rng.randrange(len(self.globals))] += 1

    def edit_unread(self, rng):
        self.unread += 1

    def edit_file(self, rng):
        name = rng.choice(sorted(self.files))
        self.files[name] = str((int(self.files[name]) + rng.choice([0, 1, 50])) % 100)

    def edit_add(self, rng):
        self.add(rng)

    def edit_remove(self, rng):
        self.remove(rng)

    def edit_double(self, rng):
        self.double(rng)

    def edit_order(self, rng):
        rng.shuffle(rng.choice(list(self.tasks.values()))["above"])

    def edit_form(self, rng):
        rng.choice(list(self.tasks.values()))["form"] = rng.choice(["args", "list", "dict", "kwargs"])

    def edit_salt(self, rng):
        rng.choice(list(self.tasks.values()))["salt"] += 1000

    def edit_link(self, rng):
        number = rng.choice(sorted(self.tasks))
        task = self.tasks[number]
        earlier = [n for n in self.tasks if n < number and n not in task["above"]]
        if task["above"] and earlier:
            task["above"][rng.randrange(len(task["above"]))] = rng.choice(earlier)

    # ------------------------------------------------------------ as code

    def code(self):
        """Return the text of the notebook's cell."""
        lines = [CELL, *(f"G{n} = {value}" for n, value in enumerate(self.globals)), f"UNREAD = {self.unread}"]
        for n, helper in enumerate(self.helpers):
            then = f"H{helper['next']}(x)" if helper["next"] is not None else "x"
            lines.append(f"def H{n}(x):\n    return {then} + {helper['add']} * (G{helper['global']} + 1)")
        for n, function in enumerate(self.functions):
            inner = f"H{function['helper']}(first)" if function["helper"] is not None else "first"
            lines += ["", *(f"# remark {m}" for m in range(function["comment"]))]
            lines += [
                "@volatile" if function["volatile"] else "",
                f"def F{n}(salt, reads, writes, *parts, **named):",
                "    '''Something.'''" if function["comment"] % 2 else "",
                "    note(salt)",
                "    first = int(Path(reads).read_text()) if reads else 0",
                f"    value = mix({function['const']}, salt, {inner}, flat(parts), flat(named))"
                + " + 0" * function["same"],
                "    if writes:",
                "        Path(writes).write_text(str(value))",
                "    return value",
            ]
        return "\n".join(lines)

    def arguments(self, number, ref):
        """Return positional and keyword arguments for the inputs of a task, in its form."""
        task = self.tasks[number]
        refs = [ref(dep) for dep in task["above"]]
        form = task["form"]
        if form == "list":
            return [List(*refs)] if refs else [[]], {}
        if form == "dict":
            return [Dict({f"k{n}": each for n, each in enumerate(refs)})] if refs else [{}], {}
        if form == "kwargs":
            return [], {f"n{n}": each for n, each in enumerate(refs)}
        if form == "nested" and refs:
            return [List(List(refs[0]), *refs[1:])], {}
        return refs, {}

    def fusable(self, rng, wanted):
        """Return some pairs, outer task to inner one, that an optimiser might fuse.

        Not where files are read: what a part of a fused task reads is known of the whole only, so that the part misses
        when it stands alone later.
        """
        users, reading = {}, set()
        for number, task in sorted(self.tasks.items()):
            for dep in task["above"]:
                users.setdefault(dep, []).append(number)
            if (task["reads"] and task["kind"] == "task") or reading.intersection(task["above"]):
                reading.add(number)
        pairs = {}
        for inner, outers in users.items():
            (outer,) = outers if len(outers) == 1 else (None,)
            if outer is None or inner in wanted or {inner, outer} & reading or rng.random() < 0.5:
                continue
            if self.tasks[inner]["kind"] != "task" or self.tasks[outer]["kind"] != "task":
                continue
            if not {inner, outer} & (pairs.keys() | set(pairs.values())):
                pairs[outer] = inner
        return pairs

    def graph(self, home, key, folder, fused):
        """Return the graph as Dask has it, under the names *key(number)*; functions come from *home*."""
        made = {}
        for number, task in self.tasks.items():
            name = key(number)
            if task["kind"] == "data":
                made[name] = DataNode(name, task["salt"])
            elif task["kind"] == "alias":
                made[name] = Alias(name, key(task["above"][0]))
            else:
                args, kwargs = self.arguments(number, lambda dep: TaskRef(key(dep)))
                reads = str(folder / task["reads"]) if task["reads"] else None
                writes = str(folder / self.output(number)) if task["writes"] else None
                function = home[f"F{task['function']}"]
                made[name] = Task(name, function, task["salt"], reads, writes, *args, **kwargs)
        for outer, inner in fused.items():
            made[key(outer)] = Task.fuse(made.pop(key(inner)), made[key(outer)], key=key(outer))
        return made

    def output(self, number):
        return f"out{self.tasks[number]['salt']}.txt"


EDITS = sorted(name.removeprefix("edit_") for name in vars(Program) if name.startswith("edit_"))


# ---------------------------------------------------------------- what everything is worth, computed plainly


def mix(salt, *numbers):
    for number in numbers:
        salt = (salt * 31 + number) % MODULUS
    return salt


class Meaning:
    """What a program's tasks are computed from, and their values."""

    def __init__(self, program):
        self.program = program
        self.p = {}
        self.value = {}
        for number in sorted(program.tasks):
            self._task(number)

    def _helper(self, n, x):
        helper = self.program.helpers[n]
        inner = self._helper(helper["next"], x) if helper["next"] is not None else x
        return inner + helper["add"] * (self.program.globals[helper["global"]] + 1)

    def _helper_code(self, n):
        if n is None:
            return None
        helper = self.program.helpers[n]
        return helper["add"], self.program.globals[helper["global"]], self._helper_code(helper["next"])

    def code(self, number):
        """What a task's own record says: function and what it reads, arguments, form, files."""
        task = self.program.tasks[number]
        function = self.program.functions[task["function"]]
        content = self.program.files[task["reads"]] if task["reads"] else None
        code = function["const"], function["same"], self._helper_code(function["helper"])
        form = task["form"]
        if form in ("args", "kwargs", "nested") and not task["above"]:
            form = "none"
        writes = self.program.output(number) if task["writes"] else None
        return code, task["salt"], task["reads"], content, writes, form

    def _task(self, number):
        task = self.program.tasks[number]
        above = task["above"]
        if task["kind"] == "data":
            self.p[number], self.value[number] = ("data", task["salt"]), task["salt"]
        elif task["kind"] == "alias":
            self.p[number], self.value[number] = self.p[above[0]], self.value[above[0]]
        else:
            function = self.program.functions[task["function"]]
            known = not function["volatile"] and all(self.p[dep] is not None for dep in above)
            self.p[number] = (self.code(number), tuple(self.p[dep] for dep in above)) if known else None
            self.value[number] = self._value(task, function, above)

    def _value(self, task, function, above):
        first = int(self.program.files[task["reads"]]) if task["reads"] else 0
        if function["helper"] is not None:
            first = self._helper(function["helper"], first)
        values = [self.value[dep] for dep in above]
        parts, named = self._flat(task["form"], values)
        return mix(function["const"], task["salt"], first, parts, named)

    @staticmethod
    def _flat(form, values):
        def flat(members):
            return mix(len(members), *members)

        nothing = flat([])
        if form == "kwargs":
            return nothing, flat(values)
        if form in ("list", "dict"):
            return flat([flat(values)]), nothing
        if form == "nested" and values:
            return flat([flat([flat(values[:1]), *values[1:]])]), nothing
        return flat(values), nothing

    def k(self, number, fused):
        """What a task is computed from if only values count; None for tasks that are declared to run always."""
        if not inputs(self.program, number, fused):
            return None
        return self._k(number, fused)

    def _k(self, number, fused):
        task = self.program.tasks[number]
        if self.program.functions[task["function"]]["volatile"]:
            return None
        inner = fused.get(number)
        parts = []
        for dep in task["above"]:
            part = self._k(dep, {}) if dep == inner else self.value[dep]
            if part is None:
                return None
            parts.append(part)
        return self.code(number), tuple(parts)


def inputs(program, number, fused):
    """Return what a task, fused or not, needs from others."""
    above = program.tasks[number]["above"]
    inner = fused.get(number)
    return [dep for dep in above if dep != inner] + (program.tasks[inner]["above"] if inner is not None else [])


class Oracle:
    """Remembers what was computed, and says what of a program has to be computed now."""

    def __init__(self):
        self.known_p = set()
        self.known_k = set()

    def run(self, program, wanted, fused):
        """Return (Meaning, must, may): salts of tasks that run exactly once, and groups of which at least one runs.

        A group are tasks that differ in how their inputs were come by and are equal in everything else; whether the
        second is served depends on whether it is ready before the first is finished.
        """
        meaning = Meaning(program)
        needed, stack = set(), list(wanted)
        while stack:
            number = stack.pop()
            if number in needed:
                continue
            needed.add(number)
            if meaning.p[number] is None or meaning.p[number] not in self.known_p:
                stack += inputs(program, number, fused)
        must, groups = [], {}
        new_p, new_k = set(), set()
        for number in sorted(needed):
            task, p = program.tasks[number], meaning.p[number]
            if task["kind"] != "task" or (p is not None and (p in self.known_p or p in new_p)):
                continue
            if p is not None:
                new_p.add(p)
            k = meaning.k(number, fused)
            salts = [task["salt"], *([program.tasks[fused[number]]["salt"]] if number in fused else [])]
            if k is None:
                must += salts
            elif k not in self.known_k:
                groups.setdefault(k, []).append(salts)
                new_k.add(k)
        self.known_p |= new_p
        self.known_k |= new_k
        for group in groups.values():
            if len(group) == 1:
                must += group[0]
        return meaning, sorted(must), [group for group in groups.values() if len(group) > 1]

    def files(self, program, wanted):
        """Return the files that are there in the end, with their content: what the wanted tasks and those above
        them write."""
        meaning = Meaning(program)
        found, stack, seen = {}, list(wanted), set()
        while stack:
            number = stack.pop()
            if number in seen:
                continue
            seen.add(number)
            task = program.tasks[number]
            stack += task["above"]
            if task["writes"] and task["kind"] == "task":
                found[program.output(number)] = str(meaning.value[number])
        return found


def write_files(program, folder):
    """Put the program's input files in *folder*; those that have their content already are not touched."""
    for name, text in program.files.items():
        path = Path(folder) / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
