"""What the magic shows, plain and rich."""

from __future__ import annotations

from nbreplay.kernels import views


def test_a_view_has_a_plain_and_a_rich_face():
    shown = views.view("heading", columns=("a", "b"), rows=[("<x>", None), ("long cell", 3)], notes=["- note"])
    assert repr(shown).splitlines() == ["heading", "a          b", "---------  -", "<x>", "long cell  3", "- note"]
    page = shown._repr_html_()
    assert "<table>" in page
    assert "&lt;x&gt;" in page
    assert "<x>" not in page


def test_nothing_is_said_to_be_nothing():
    assert repr(views.view()) == "nothing"


def test_times_and_sizes_carry_their_unit():
    assert [views.seconds(s) for s in (None, 0.0012, 1.5, 200)] == ["", "1.2 ms", "1.50 s", "3 min 20 s"]
    assert [views.size(s) for s in (None, 12, 2048, 3 << 20, 5 << 40)] == [
        "",
        "12 B",
        "2.0 KiB",
        "3.0 MiB",
        "5120.0 GiB",
    ]
