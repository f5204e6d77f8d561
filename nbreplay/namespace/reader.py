"""Which names a cell's code could touch, found without running it.

Loads are the names that may be read before the cell itself has surely bound them. Only straight-line code at the top
level binds surely: what stands in a loop, a ``try`` or a ``with`` may not have run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from nbreplay.namespace.bindings import Bindings, arguments, local_names
from nbreplay.namespace.dynamic import CODE_MAGICS, KNOWN_MAGICS, is_dynamic, is_shell

MAX_TEXT = 200_000
"""Characters of one string constant that are searched for names."""

_FINDING_MODULES = frozenset({"ctypes", "__main__", "builtins"})
"""Modules by which any name or any memory can be reached."""

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_MAGIC_CALLS = frozenset({"run_line_magic", "run_cell_magic", "magic"})


def read(source: str, live: Collection[str] = ()) -> Bindings:
    """Return what *source* binds and reads; *live* are names that its strings may mean."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return Bindings()  # it cannot run
    reader = _Reader(live)
    try:
        reader.body(tree.body)
    except RecursionError:
        return Bindings(dynamic="its code is nested too deeply")
    return reader.names


@dataclass
class _Reader:
    """Reads statements in the order in which they run."""

    live: Collection[str]
    names: Bindings = field(default_factory=Bindings)

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
        before = set(self.names.bound)
        for node in nodes:
            self.visit(node)
        self.names.bound = before

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
            self.names.load(node.target.id)
        self.visit(node.value)
        self.visit(node.target)

    def visit_If(self, node: ast.If) -> None:  # noqa: N802
        self.visit(node.test)
        before = set(self.names.bound)
        self.body(node.body)
        after_body, self.names.bound = self.names.bound, set(before)
        self.body(node.orelse)
        self.names.bound &= after_body

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
            self.names.store(node.name)
        self.body(node.body)
        if node.name and not self.names.scopes:
            self.names.deletes.add(node.name)

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
            self.names.store(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:  # noqa: N802
        if node.name:
            self.names.store(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:  # noqa: N802
        for child in [*node.keys, *node.patterns]:
            self.visit(child)
        if node.rest:
            self.names.store(node.rest)

    def visit_Import(self, node: ast.Import) -> None:  # noqa: N802
        for alias in node.names:
            self.names.imports.append(alias.name)
            self.names.words.update(alias.name.split("."))
            self.names.store(alias.asname or alias.name.partition(".")[0])
            if alias.name.partition(".")[0] in _FINDING_MODULES:
                self.names.doubt(f"it uses {alias.name}")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: N802
        if node.module in _FINDING_MODULES and not node.level:
            self.names.doubt(f"it uses {node.module}")
        if node.module and not node.level:
            self.names.imports.append(node.module)
            self.names.words.update(node.module.split("."))
        for alias in node.names:
            self.names.words.add(alias.name)
            if is_dynamic(alias.name) or (node.module, alias.name) == ("importlib", "reload"):
                self.names.doubt(f"it uses {alias.name}")
            if alias.name != "*":
                self.names.store(alias.asname or alias.name)

    # ------------------------------------------------------------ scopes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:  # noqa: N802
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._signature(node.args)
        self.visit(node.returns)
        self._inside(node.args, node.body)
        self.names.store(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:  # noqa: N802
        self._signature(node.args)
        self._inside(node.args, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:  # noqa: N802
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(part)
        self.names.class_names.append(set())
        inner, self.names.bound = self.names.bound, set(self.names.bound)
        self.body(node.body)
        self.names.bound = inner
        self.names.class_names.pop()
        self.names.store(node.name)

    def _signature(self, args: ast.arguments) -> None:
        for default in [*args.defaults, *args.kw_defaults]:
            self.visit(default)
        for arg in arguments(args):
            self.visit(arg.annotation)

    def _inside(self, args: ast.arguments, body: list[ast.stmt] | list[ast.expr]) -> None:
        """Read a function's body: it runs later, and perhaps; its locals are its own."""
        names, declared = local_names(body)
        names |= {arg.arg for arg in arguments(args)}
        self._scoped(names - declared, body)

    def _scoped(self, names: set[str], body: Iterable[ast.AST]) -> None:
        held, self.names.class_names = self.names.class_names, []
        self.names.scopes.append(names)
        self.unsure(*body)
        self.names.scopes.pop()
        self.names.class_names = held

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
        self._scoped(names, inner)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension  # noqa: N815

    # ------------------------------------------------------------ expressions

    def visit_BoolOp(self, node: ast.BoolOp) -> None:  # noqa: N802
        self.visit(node.values[0])
        self.unsure(*node.values[1:])

    def visit_Compare(self, node: ast.Compare) -> None:  # noqa: N802
        asks = isinstance(node.left, ast.Name) and node.left.id == "__name__"
        if asks and all(isinstance(each, ast.Constant) for each in node.comparators):
            return  # `if __name__ == "__main__":` only asks
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
        self.names.store(node.target.id, walrus=True)

    def visit_Name(self, node: ast.Name) -> None:  # noqa: N802
        if isinstance(node.ctx, ast.Load):
            self.names.load(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.names.store(node.id)
        else:
            self.names.delete(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802
        self.names.words.add(node.attr)
        if is_dynamic(node.attr, node.value):
            self.names.doubt(f"it uses {node.attr}")
        if node.attr == "modules" and isinstance(node.value, ast.Name) and node.value.id == "sys":
            self.names.doubt("it uses sys.modules")
        if node.attr == "reload" and isinstance(node.value, ast.Name) and node.value.id == "importlib":
            self.names.doubt("it uses importlib.reload")
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:  # noqa: N802
        if isinstance(node.func, ast.Name) and node.func.id in ("vars", "dir") and not node.args:
            self.names.doubt(f"it uses {node.func.id}")
        if isinstance(node.func, ast.Attribute) and node.func.attr in _MAGIC_CALLS and is_shell(node.func.value):
            self._magic(node)
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    def visit_Constant(self, node: ast.Constant) -> None:  # noqa: N802
        if node.value == "__main__":
            self.names.doubt("it names __main__")
        if isinstance(node.value, str) and self.live:
            for word in _IDENTIFIER.findall(node.value[:MAX_TEXT]):
                if word in self.live:
                    self.names.load(word)

    def _magic(self, node: ast.Call) -> None:
        """A magic, as IPython writes it: ``get_ipython().run_line_magic(name, text)``."""
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        name = texts[0] if texts else ""
        if name in CODE_MAGICS:
            for text in texts[1:]:
                code = re.sub(r"^\s*(-\S+\s*(\d+\s+)?)*", "", text) if text is texts[1] else text
                inner = read(code, self.live)
                self.names.doubt(inner.dynamic)
                self.names.imports += inner.imports
                self.names.words |= inner.words
                self.names.stores |= inner.stores
                self.names.deletes |= inner.deletes
                for load in inner.loads:
                    self.names.load(load)
        elif name not in KNOWN_MAGICS:
            self.names.doubt(f"it uses %{name}")
