"""What cannot be cached, with the reason in words for the user."""

from __future__ import annotations

from typing import NamedTuple

from nbreplay.fingerprint.refused_names import BY_MODULE, BY_PATH, Kind, Why


class Refusal(NamedTuple):
    """One reason why something has no fingerprint.

    Attributes
    ----------
    kind : str
        What sort of reason. ``files`` is the one that a caller may lift, where it traces the files that a task opens;
        all others stand.
    text : str
        The reason, in words for the user.
    """

    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


def by_name(module: str, qualname: str) -> Refusal | None:
    """Return why the library object ``module.qualname`` is refused, None if it is not."""
    found = BY_PATH.get(f"{module}:{qualname}")
    if found is None and module != "__main__":
        found = of_module(module)
    if found is None:
        return None
    kind, why = found
    shown = qualname if module == "builtins" else f"{module}.{qualname}"
    return Refusal(kind, f"{shown} {why}")


def of_module(module: str) -> Why | None:
    """Return the entry for a module, or for a package that it is in."""
    while module:
        if module in BY_MODULE:
            return BY_MODULE[module]
        module = module.rpartition(".")[0]
    return None


def escaping(module: str, names: frozenset[str]) -> list[Refusal]:
    """Return what code might take from a *module* that it handles as a value, judged by the *names* in it."""
    whole = of_module(module)
    if whole is not None:
        return [Refusal(whole[0], f"{module} {whole[1]}")]
    return [
        refusal
        for name in sorted(names)
        if f"{module}:{name}" in BY_PATH and (refusal := by_name(module, name)) is not None
    ]
