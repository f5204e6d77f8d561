"""Which names a cell's code could touch, found without running it.

Loads are the names that may be read before the cell itself has surely bound them. Only straight-line code at the top
level binds surely: what stands in a loop, a ``try`` or a ``with`` may not have run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

_DYNAMIC_NAMES = frozenset({"exec", "eval", "compile", "globals", "locals", "__import__", "ctypes", "breakpoint"})
_DYNAMIC_ATTRIBUTES = frozenset(
    {"get_objects", "get_referrers", "get_referents", "_getframe", "_current_frames", "currentframe", "user_ns"}
    | {
        "user_global_ns",
        "user_module",
        "run_cell",
        "run_code",
        "push",
        "ex",
        "ev",
        "f_globals",
        "f_locals",
        "__globals__",
    }
)
_SHELL_ONLY = frozenset({"push", "ex", "ev", "run_cell", "run_code"})
"""Attributes that mean the shell's only after ``get_ipython()``; on anything else they are somebody's method."""

_CODE_MAGICS = frozenset({"time", "timeit", "capture", "prun", "memit", "mprun", "lprun"})
_KNOWN_MAGICS = frozenset(
    {"matplotlib", "config", "nbreplay", "pwd", "cd", "ls", "env", "set_env", "load_ext", "pip", "conda", "precision"}
    | {"bash", "sh", "script", "html", "HTML", "latex", "javascript", "js", "svg", "SVG", "markdown", "writefile", "sx"}
    | {"alias", "cat", "cp", "mv", "mkdir", "rm", "rmdir", "head", "less", "more", "pinfo", "pinfo2", "psource", "pdoc"}
    | {"history", "hist", "system", "colors", "xmode", "pprint", "automagic", "logstart", "logstop", "page", "file"}
)
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
MAX_TEXT = 200_000
"""Characters of one string constant that are searched for names."""

_RESULTS = re.compile(r"_{1,3}|_\d+|Out|_oh")


@dataclass(frozen=True, slots=True)
class CellNames:
    """The names in a cell's code.

    *loads* may be read, *stores* and *deletes* may be bound and unbound. *dynamic* says why names do not tell what the
    cell touches ("" if they do). *imports* are the modules it imports, in order; *words* all identifiers in its text.
    """

    loads: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    dynamic: str = ""
    imports: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Every name."""
        return self.loads | self.stores | self.deletes


@dataclass(frozen=True, slots=True)
class Touched:
    """The names that a cell could touch; *everything* says why it is all of them."""

    names: frozenset[str] = frozenset()
    everything: str = ""


def cell_names(transformed_source: str, live_names: Collection[str] = ()) -> CellNames:
    """Return the names in a cell.

    Parameters
    ----------
    transformed_source : str
        The cell's text after IPython's transformation (magics are calls).
    live_names : collection of str
        Names that are bound: an identifier in a string constant or in a magic's text counts as a load if it is one.

    Examples
    --------
    >>> sorted(cell_names("y = x + 1; z = y").loads)
    ['x']
    """
    try:
        tree = ast.parse(transformed_source)
    except (SyntaxError, ValueError, RecursionError):
        return CellNames()  # it cannot run
    reader = _Reader(live_names)
    try:
        reader.body(tree.body)
    except RecursionError:
        return CellNames(dynamic="its code is nested too deeply")
    return CellNames(
        loads=frozenset(reader.loads),
        stores=frozenset(reader.stores),
        deletes=frozenset(reader.deletes),
        dynamic=reader.dynamic,
        imports=tuple(dict.fromkeys(reader.imports)),
        words=frozenset(reader.words),
    )


def is_result(name: str) -> bool:
    """Whether *name* is one of IPython's for the results of cells."""
    return _RESULTS.fullmatch(name) is not None


@dataclass
class _Reader:
    """Reads statements in the order in which they run."""

    live: Collection[str]
    bound: set[str] = field(default_factory=set)
    """Names that are surely bound here."""
    loads: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)
    deletes: set[str] = field(default_factory=set)
    imports: list[str] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    dynamic: str = ""
    scopes: list[set[str]] = field(default_factory=list)
    """Local names of the functions around, innermost last."""
    maybe: int = 0
    """More than 0: what is read now may not run."""
    class_names: list[set[str]] = field(default_factory=list)

    # ------------------------------------------------------------ statements

    def body(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    def visit(self, node: ast.AST | None) -> None:
        if node is None:
            return
        method = getattr(self, f"visit_{type(node).__name__}", None)
        if method is not None:
            method(node)
        else:
            for child in ast.iter_child_nodes(node):
                self.visit(child)

    def unsure(self, *nodes: ast.AST | None) -> None:
        """Read what may not run, or may stop half-way: nothing is surely bound by it."""
        before = set(self.bound)
        for node in nodes:
            self.visit(node)
        self.bound = before

    def visit_Assign(self, node: ast.Assign) -> None:  # noqa: N802
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:  # noqa: N802
        self.visit(node.annotation)
        self.visit(node.value)
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:  # noqa: N802
        if isinstance(node.target, ast.Name):
            self.load(node.target.id)
        self.visit(node.value)
        self.visit(node.target)

    def visit_If(self, node: ast.If) -> None:  # noqa: N802
        self.visit(node.test)
        before = set(self.bound)
        self.body(node.body)
        after_body, self.bound = self.bound, set(before)
        self.body(node.orelse)
        self.bound &= after_body

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:  # noqa: N802
        self.visit(node.iter)
        self.unsure(node.target, *node.body, *node.orelse)

    visit_AsyncFor = visit_For  # noqa: N815

    def visit_While(self, node: ast.While) -> None:  # noqa: N802
        self.visit(node.test)
        self.unsure(*node.body, *node.orelse)

    def visit_Try(self, node: ast.Try) -> None:  # noqa: N802
        self.unsure(*node.body, *node.orelse)
        for handler in node.handlers:
            self.unsure(handler)
        self.body(node.finalbody)

    visit_TryStar = visit_Try  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:  # noqa: N802
        self.visit(node.type)
        if node.name:
            self.store(node.name)
        self.body(node.body)
        if node.name and not self.scopes:
            self.deletes.add(node.name)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:  # noqa: N802
        for item in node.items:
            self.visit(item.context_expr)
        # A context manager may swallow what its body raises.
        self.unsure(*(item.optional_vars for item in node.items), *node.body)

    visit_AsyncWith = visit_With  # noqa: N815

    def visit_Match(self, node: ast.Match) -> None:  # noqa: N802
        self.visit(node.subject)
        for case in node.cases:
            self.unsure(case.pattern, case.guard, *case.body)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:  # noqa: N802
        self.visit(node.pattern)
        if node.name:
            self.store(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:  # noqa: N802
        if node.name:
            self.store(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:  # noqa: N802
        for child in [*node.keys, *node.patterns]:
            self.visit(child)
        if node.rest:
            self.store(node.rest)

    def visit_Import(self, node: ast.Import) -> None:  # noqa: N802
        for alias in node.names:
            self.imports.append(alias.name)
            self.words.update(alias.name.split("."))
            self.store(alias.asname or alias.name.partition(".")[0])
            if alias.name.partition(".")[0] == "ctypes":
                self.dynamic = self.dynamic or "it uses ctypes"

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: N802
        if node.module and not node.level:
            self.imports.append(node.module)
            self.words.update(node.module.split("."))
        for alias in node.names:
            self.words.add(alias.name)
            if alias.name in _DYNAMIC_ATTRIBUTES - _SHELL_ONLY or (node.module, alias.name) == ("importlib", "reload"):
                self.dynamic = self.dynamic or f"it uses {alias.name}"
            if alias.name != "*":
                self.store(alias.asname or alias.name)

    # ------------------------------------------------------------ scopes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:  # noqa: N802
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._signature(node.args)
        self.visit(node.returns)
        self._inside(node.args, node.body)
        self.store(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:  # noqa: N802
        self._signature(node.args)
        self._inside(node.args, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:  # noqa: N802
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(part)
        self.class_names.append(set())
        inner, self.bound = self.bound, set(self.bound)
        self.body(node.body)
        self.bound = inner
        self.class_names.pop()
        self.store(node.name)

    def _signature(self, args: ast.arguments) -> None:
        for default in [*args.defaults, *args.kw_defaults]:
            self.visit(default)
        for arg in _arguments(args):
            self.visit(arg.annotation)

    def _inside(self, args: ast.arguments, body: list[ast.stmt] | list[ast.expr]) -> None:
        """Read a function's body: it runs later, and perhaps; its locals are its own."""
        names, declared = _locals(body)
        names |= {arg.arg for arg in _arguments(args)}
        self._scoped(names - declared, body)

    def _scoped(self, names: set[str], body: Iterable[ast.AST]) -> None:
        held, self.class_names = self.class_names, []
        self.scopes.append(names)
        self.unsure(*body)
        self.scopes.pop()
        self.class_names = held

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.visit(node.generators[0].iter)
        names = {
            part.id
            for generator in node.generators
            for part in ast.walk(generator.target)
            if isinstance(part, ast.Name)
        }
        inner: list[ast.AST] = []
        for number, generator in enumerate(node.generators):
            inner += [generator.iter] if number else []
            inner += generator.ifs
        inner += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        held = self.class_names
        self._scoped(names, inner)
        self.class_names = held

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension  # noqa: N815

    # ------------------------------------------------------------ expressions

    def visit_BoolOp(self, node: ast.BoolOp) -> None:  # noqa: N802
        self.visit(node.values[0])
        self.unsure(*node.values[1:])

    def visit_Compare(self, node: ast.Compare) -> None:  # noqa: N802
        self.visit(node.left)
        self.visit(node.comparators[0])
        self.unsure(*node.comparators[1:])

    def visit_IfExp(self, node: ast.IfExp) -> None:  # noqa: N802
        self.visit(node.test)
        self.unsure(node.body)
        self.unsure(node.orelse)

    def visit_Assert(self, node: ast.Assert) -> None:  # noqa: N802
        self.unsure(node.test, node.msg)  # -O leaves it out

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:  # noqa: N802
        self.visit(node.value)
        self.store(node.target.id, walrus=True)

    def visit_Name(self, node: ast.Name) -> None:  # noqa: N802
        if isinstance(node.ctx, ast.Load):
            self.load(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.store(node.id)
        else:
            self.load(node.id)
            if not self._local(node.id):
                self.deletes.add(node.id)
                self.bound.discard(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802
        self.words.add(node.attr)
        if node.attr in _DYNAMIC_ATTRIBUTES and (node.attr not in _SHELL_ONLY or _is_shell(node.value)):
            self.dynamic = self.dynamic or f"it uses {node.attr}"
        if node.attr == "reload" and isinstance(node.value, ast.Name) and node.value.id == "importlib":
            self.dynamic = self.dynamic or "it uses importlib.reload"
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:  # noqa: N802
        if isinstance(node.func, ast.Name) and node.func.id in ("vars", "dir") and not node.args:
            self.dynamic = self.dynamic or f"it uses {node.func.id}"
        if isinstance(node.func, ast.Attribute) and _is_shell(node.func.value):
            self._magic(node)
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    def visit_Constant(self, node: ast.Constant) -> None:  # noqa: N802
        if isinstance(node.value, str) and self.live:
            for word in _IDENTIFIER.findall(node.value[:MAX_TEXT]):
                if word in self.live:
                    self.load(word)

    def _magic(self, node: ast.Call) -> None:
        assert isinstance(node.func, ast.Attribute)  # the caller has looked
        if node.func.attr not in ("run_line_magic", "run_cell_magic", "magic"):
            return
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        name = texts[0] if texts else ""
        if name in _CODE_MAGICS:
            for text in texts[1:]:
                code = re.sub(r"^\s*(-\S+\s*(\d+\s+)?)*", "", text) if text is texts[1] else text
                inner = cell_names(code, self.live)
                self.dynamic = self.dynamic or inner.dynamic
                self.imports += inner.imports
                self.words |= inner.words
                self.stores |= inner.stores
                self.deletes |= inner.deletes
                for load in inner.loads:
                    self.load(load)
        elif name not in _KNOWN_MAGICS:
            self.dynamic = self.dynamic or f"it uses %{name}"

    # ------------------------------------------------------------ names

    def _local(self, name: str) -> bool:
        return any(name in scope for scope in self.scopes)

    def load(self, name: str) -> None:
        self.words.add(name)
        if self._local(name) or (self.class_names and name in self.class_names[-1]):
            return
        if name in self.bound:
            return
        self.loads.add(name)
        if name in _DYNAMIC_NAMES:
            self.dynamic = self.dynamic or f"it uses {name}"

    def store(self, name: str, *, walrus: bool = False) -> None:
        self.words.add(name)
        scopes = self.scopes
        if any(name in scope for scope in scopes):
            return
        if self.class_names and not walrus:
            self.class_names[-1].add(name)
            return
        self.stores.add(name)
        if not scopes:
            self.bound.add(name)


def _arguments(args: ast.arguments) -> list[ast.arg]:
    rest = [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *rest]


def _is_shell(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        node = node.func
    return isinstance(node, ast.Name) and node.id in ("get_ipython", "ip", "ipython", "shell")


def _locals(body: list[ast.stmt] | list[ast.expr]) -> tuple[set[str], set[str]]:
    """Return the names that a function's body binds, and those that it declares to be somebody else's."""
    names: set[str] = set()
    declared: set[str] = set()
    for node in _of_scope(body):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
        elif isinstance(node, ast.Global):
            declared |= set(node.names)
    return names, declared


def _of_scope(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of one scope: not those inside functions and classes, nor a comprehension's variables."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            # Only a walrus binds outside of it.
            yield from (part.target for part in ast.walk(node) if isinstance(part, ast.NamedExpr))
            continue
        yield from _of_scope(ast.iter_child_nodes(node))
