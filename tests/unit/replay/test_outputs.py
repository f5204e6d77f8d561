"""Outputs as data: joined, numbered, round trips, and made harmless."""

from __future__ import annotations

import json

import pytest

from nbreplay.replay.outputs import (
    WIDGET,
    content_of,
    decode_messages,
    dropped_line,
    encode,
    encode_messages,
    harmless,
    join_streams,
    numbered,
    plain_text,
    result_text,
)


def stream(text, name="stdout"):
    return encode("stream", {"name": name, "text": text})


def display(**data):
    return encode("display_data", {"data": data, "metadata": {}, "transient": {}})


def bundle(mime, value, kind="display_data"):
    return encode(kind, {"data": {mime: value}, "metadata": {mime: {"width": 3, "onload": "x"}}, "transient": {}})


def test_consecutive_text_of_one_stream_is_one_message():
    joined = join_streams([stream("a"), stream("b"), stream("c", "stderr"), stream("d", "stderr"), stream("e")])
    assert [(content_of(m)["name"], content_of(m)["text"]) for m in joined] == [
        ("stdout", "ab"),
        ("stderr", "cd"),
        ("stdout", "e"),
    ]


def test_another_message_between_two_texts_keeps_them_apart():
    joined = join_streams([stream("a"), encode("clear_output", {"wait": True}), stream("b")])
    assert [m.msg_type for m in joined] == ["stream", "clear_output", "stream"]


def test_messages_survive_bytes():
    messages = [stream("naïve \udc80 \u2028"), encode("display_data", {"data": {}}, {"k": 1}, (b"\0\1", b""))]
    assert decode_messages(encode_messages(messages)) == messages


def test_bytes_that_hold_no_messages_are_refused():
    with pytest.raises(ValueError, match=r".+"):
        decode_messages(b"\x93\x01\x02\x03")


def test_content_that_is_no_object_is_refused():
    with pytest.raises(ValueError, match="not an object"):
        content_of(encode("stream", {}).__class__(msg_type="stream", content="[]"))


def test_a_result_gets_the_number_of_the_run_that_shows_it():
    message = encode("execute_result", {"data": {"text/plain": "2"}, "metadata": {}, "execution_count": 3})
    assert numbered(message, 7)["execution_count"] == 7
    assert "execution_count" not in numbered(stream("a"), 7)


def test_the_last_result_is_the_text_of_a_cell():
    messages = [stream("a"), encode("execute_result", {"data": {"text/plain": "2"}, "execution_count": 1})]
    assert result_text(messages) == "2"
    assert result_text(messages[:1]) is None


@pytest.mark.parametrize(
    "mime",
    [
        "text/html",
        "image/svg+xml",
        "application/javascript",
        "text/latex",
        "text/markdown",
        WIDGET,
        "application/x-new",
    ],
)
def test_what_can_act_is_left_out_and_named(mime):
    kept, dropped = harmless([bundle(mime, "<script>")])
    assert kept == []
    assert dropped == (mime,)
    assert mime in content_of(dropped_line(dropped))["text"]


def test_text_and_bitmaps_stay_without_foreign_metadata():
    message = encode(
        "display_data",
        {
            "data": {"text/plain": "fig", "image/png": "aGk=", "text/html": "<b>"},
            "metadata": {"image/png": {"width": 3, "onload": "x"}, "other": 1},
            "transient": {"display_id": "d", "x": 1},
        },
    )
    kept, dropped = harmless([message])
    assert content_of(kept[0]) == {
        "data": {"text/plain": "fig", "image/png": "aGk="},
        "metadata": {"image/png": {"width": 3}},
        "transient": {"display_id": "d"},
    }
    assert dropped == ("text/html",)


def test_an_image_that_is_no_base64_is_left_out():
    assert harmless([bundle("image/png", '"><script>')]) == ([], ("image/png",))


@pytest.mark.parametrize("kind", ["error", "payload", "comm_open", "anything"])
def test_messages_of_other_kinds_are_left_out(kind):
    assert harmless([encode(kind, {"source": "set_next_input", "text": "rm"})]) == ([], (kind,))


def test_buffers_of_strangers_are_left_out():
    kept, dropped = harmless([encode("display_data", {"data": {"text/plain": "x"}}, {}, (b"abc",))])
    assert kept[0].buffers == ()
    assert dropped == ("buffers",)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("a\x1b[2Jb", "ab"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]52;c;aGk=\x1b\\b", "ab"),
        ("a\x1b]0;never ended", "a"),
        ("a\x1b\x07[2Jb", "a[2Jb"),
        ("a\x1b\x1b[2J[2Jb", "a[2Jb"),
        ("\x9b2Jb", "2Jb"),
        ("10%\r20%\n\tx\b", "10%\r20%\n\tx"),
        ("\x1bP+q\x1b\\x\x1bcz", "xz"),
    ],
)
def test_of_control_sequences_only_colours_stay(text, plain):
    assert plain_text(text) == plain


def test_a_sequence_that_is_cut_between_two_messages_is_found():
    kept, dropped = harmless([stream("a\x1b]0;ti"), stream("tle\x07b")])
    assert content_of(kept[0])["text"] == "ab"
    assert dropped == ("control sequences",)


def test_harmless_outputs_hold_no_active_type_whatever_comes_in():
    nasty = {"data": {"text/html": ["<b>"], "text/plain": ["list"]}, "metadata": [], "transient": "x"}
    kept, _ = harmless([encode("execute_result", nasty), encode("stream", {"name": "evil", "text": 3})])
    assert "html" not in json.dumps([m.content for m in kept])
