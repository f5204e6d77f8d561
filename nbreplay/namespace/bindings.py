"""Names as code binds and reads them, scope by scope."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nbreplay.namespace.dynamic import DYNAMIC_NAMES


@dataclass
class Bindings:
    """What the code that was read so far binds and reads of the namespace's names."""

    loads: set[str] = field(default_factory=set)
    """Names that may be read before they are surely bound."""
    stores: set[str] = field(default_factory=set)
    deletes: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    """All identifiers."""
    imports: list[str] = field(default_factory=list)
    """Modules, in order."""
    dynamic: str = ""
    """Why names do not tell what the code touches."""
    bound: set[str] = field(default_factory=set)
    """Names that are surely bound here."""
    scopes: list[set[str]] = field(default_factory=list)
    """Local names of the functions around, innermost last."""
    class_names: list[set[str]] = field(default_factory=list)
    """Names that the class bodies around have bound, innermost last."""

    def doubt(self, reason: str) -> None:
        """Names do not tell all; the first reason stays."""
        self.dynamic = self.dynamic or reason

    def is_local(self, name: str) -> bool:
        """Whether *name* belongs to a function around."""
        return any(name in scope for scope in self.scopes)

    def load(self, name: str) -> None:
        """*name* is read."""
        self.words.add(name)
        if self.is_local(name) or (self.class_names and name in self.class_names[-1]) or name in self.bound:
            return
        self.loads.add(name)
        if name in DYNAMIC_NAMES:
            self.doubt(f"it uses {name}")

    def store(self, name: str, *, walrus: bool = False) -> None:
        """*name* is bound; a *walrus* in a class body's comprehension binds outside of the class."""
        self.words.add(name)
        if self.is_local(name):
            return
        if self.class_names and not walrus:
            self.class_names[-1].add(name)
            return
        self.stores.add(name)
        if not self.scopes:
            self.bound.add(name)

    def delete(self, name: str) -> None:
        """*name* is unbound, which fails where it is not bound."""
        self.load(name)
        if not self.is_local(name):
            self.deletes.add(name)
            self.bound.discard(name)


def arguments(args: ast.arguments) -> list[ast.arg]:
    """Return all parameters of a signature."""
    rest = [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *rest]


def local_names(body: list[ast.stmt] | list[ast.expr]) -> tuple[set[str], set[str]]:
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
