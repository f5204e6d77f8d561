"""What a state of a notebook is, and how many of them become one notebook.

A table is a module ``states_*.py`` with a list ``STATES``::

    State(
        "aliases are one object",              # a sentence; pytest -k finds it
        row="aliases",                         # of the constructs that checkpoints have to keep
        cells=["a = [1]", "b = {'a': a}"],     # one to four; they run before any probe
        probe="print(b['a'] is a)\nb['a'].append(2)\nprint(a)",
    )

The probe prints, or asserts, what must hold: values, types, identity, order, behaviour. It is run after the cells in
plain ipykernel, under Audit, under Repeat after all cells were asked for again, and in a new Repeat kernel that jumped
to the state after the last cell. It must bring the same each time.

Names that a state's cells bind at the top level (imports excepted) are its own: in the notebook each gets a suffix, so
that hundreds of states live in one namespace. Code that is not Python for :mod:`ast`, or names its variables in
strings, says ``raw=True`` and uses names that nobody else has.
"""

# ruff: noqa: N815  # names of the visitor protocol

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass, field, replace

from nbreplay.namespace.bindings import arguments, local_names

EXACT, REBUILT, REPORTED = "exact", "rebuilt", "reported"
PER_BATCH = 60
"""States of one table that share a notebook, if they do not say with whom."""


@dataclass(frozen=True)
class State:
    """One state of a notebook.

    Attributes
    ----------
    expected
        ``exact``: right, and no cell ran again. ``rebuilt``: right, since cells ran again. ``reported``: the probe
        raises what says that a value could not be kept, and the status names one of *lost*.
    jump
        The same for the kernel that jumped; "" if no different.
    batch
        States with equal batches share a notebook. For what disturbs others: one of its own.
    requires
        Modules without which the state is skipped.
    settings
        Environment of the kernels.
    """

    name: str
    row: str
    cells: list[str]
    probe: str
    expected: str = EXACT
    jump: str = ""
    lost: tuple[str, ...] = ()
    batch: str = ""
    raw: bool = False
    requires: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)

    def __hash__(self):
        return hash(self.name)

    def expects(self, way):
        return self.jump or self.expected if way == "jump" else self.expected


def collect(tables):
    """Return the states of *tables*, ready to run: each with its batch and its names."""
    found = []
    for table in tables:
        alone = 0
        for state in table.STATES:
            missing = [name for name in state.requires if importlib.util.find_spec(name) is None]
            if missing:
                continue
            batch = state.batch or f"{table.__name__} {alone // PER_BATCH}"
            alone += not state.batch
            state = replace(state, batch=batch)
            found.append(state if state.raw else renamed(state, f"_{len(found)}"))
    names = [state.name for state in found]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"states of one name: {twice}"
    return found


# ---------------------------------------------------------------- names


def renamed(state, suffix):
    """Return *state* with *suffix* at every top-level name of its own."""
    trees = [ast.parse(source) for source in [*state.cells, state.probe]]
    bound = set()
    for tree in trees:
        bound |= _top_level(tree)
    sources = [ast.unparse(ast.fix_missing_locations(_Renaming(bound, suffix).visit(tree))) for tree in trees]
    lost = tuple(name + suffix if name in bound else name for name in state.lost)
    return replace(state, cells=sources[:-1], probe=sources[-1], lost=lost)


def _top_level(tree):
    names, _ = local_names(tree.body)
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Global):
            names |= set(node.names)
    return {name for name in names - imported if not name.startswith("__")}


class _Renaming(ast.NodeTransformer):
    """Puts a suffix at the names of *bound* wherever they mean the top level's."""

    def __init__(self, bound, suffix):
        self.bound = bound
        self.suffix = suffix
        self.scopes = []
        self.in_class = []

    def _name(self, name):
        local = any(name in scope for scope in self.scopes) or (self.in_class and name in self.in_class[-1])
        return name + self.suffix if name in self.bound and not local else name

    def visit_Name(self, node):
        node.id = self._name(node.id)
        return node

    def visit_Global(self, node):
        node.names = [name + self.suffix if name in self.bound else name for name in node.names]
        return node

    def visit_ExceptHandler(self, node):
        node.name = node.name and self._name(node.name)
        return self.generic_visit(node)

    def visit_MatchAs(self, node):
        node.name = node.name and self._name(node.name)
        return self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_FunctionDef(self, node):
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.name = self._name(node.name)
        return self._function(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        return self._function(node)

    def _function(self, node):
        args = node.args
        args.defaults = [self.visit(each) for each in args.defaults]
        args.kw_defaults = [each and self.visit(each) for each in args.kw_defaults]
        for each in arguments(args):
            each.annotation = each.annotation and self.visit(each.annotation)
        body = node.body if isinstance(node.body, list) else [node.body]
        names, declared = local_names(body)
        self.scopes.append((names | {each.arg for each in arguments(args)}) - declared)
        held, self.in_class = self.in_class, []
        body = [self.visit(each) for each in body]
        self.in_class = held
        self.scopes.pop()
        node.body = body if isinstance(node.body, list) else body[0]
        if getattr(node, "returns", None):
            node.returns = self.visit(node.returns)
        return node

    def visit_ClassDef(self, node):
        for part in ("decorator_list", "bases"):
            setattr(node, part, [self.visit(each) for each in getattr(node, part)])
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        node.name = self._name(node.name)
        names, declared = local_names(node.body)
        self.in_class.append(names - declared)
        node.body = [self.visit(each) for each in node.body]
        self.in_class.pop()
        return node

    def _comprehension(self, node):
        node.generators[0].iter = self.visit(node.generators[0].iter)
        targets = {part.id for each in node.generators for part in ast.walk(each.target) if isinstance(part, ast.Name)}
        self.scopes.append(targets)
        for number, each in enumerate(node.generators):
            each.iter = self.visit(each.iter) if number else each.iter
            each.ifs = [self.visit(condition) for condition in each.ifs]
        for part in ("elt", "key", "value"):
            if hasattr(node, part):
                setattr(node, part, self.visit(getattr(node, part)))
        self.scopes.pop()
        return node

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension
