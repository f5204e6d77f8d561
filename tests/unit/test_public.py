"""What is public, and what must hold of it."""

import inspect
import pickle

import pytest

import nbreplay
from nbreplay import errors

TREE = [
    kind
    for _, kind in sorted(inspect.getmembers(errors, inspect.isclass))
    if issubclass(kind, errors.NbreplayError) and kind.__module__ == errors.__name__
]


def made(kind):
    """An error of this kind, with an argument for each parameter."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return kind("what happened")
    return kind(*(7 if parameter.annotation in (int, "int") else "some text" for parameter in parameters))


def test_all_is_sorted_and_every_name_is_there():
    assert nbreplay.__all__ == sorted(nbreplay.__all__)
    for name in nbreplay.__all__:
        assert getattr(nbreplay, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = nbreplay.nothing_like_this


@pytest.mark.parametrize("kind", TREE)
def test_errors_survive_pickling_with_their_message(kind):
    error = made(kind)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize("kind", TREE)
def test_an_error_is_one_line_without_quotes_around_it(kind):
    text = str(made(kind))
    assert text
    assert "\n" not in text
    assert not text.startswith(("'", '"'))


def test_exit_codes_are_distinct_and_never_success():
    codes = [kind.exit_code for kind in TREE]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes
    assert 130 not in codes  # Ctrl-C


def test_the_tree_in_the_docstring_names_every_error():
    for kind in TREE:
        assert kind.__name__ in errors.__doc__
        assert str(kind.exit_code) in errors.__doc__
