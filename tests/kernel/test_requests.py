"""Every kind of execute request does the right thing: what is recorded, what is said, and nothing else changes."""

from __future__ import annotations

import pytest


def test_a_cell_is_recorded_and_its_reply_says_so(audit):
    answer = audit.run("x = 40 + 2\nx", metadata={"cellId": "abc", "tags": [], "nbreplay": {"position": 3}})
    assert answer.ok
    assert answer.result == "42"
    assert answer.state == "executed"
    assert answer.cell["saved"] is True
    assert answer.cell["cell_id"] == "abc"
    assert answer.cell["index"] == 3
    assert answer.cell["tasks"] == {"total": 0, "executed": 0, "hit": 0, "pruned": 0, "refused": 0}


def test_an_async_cell_is_recorded(audit):
    answer = audit.run("import asyncio\nawait asyncio.sleep(0.01)\nprint('slept')\n7")
    assert (answer.state, answer.cell["saved"]) == ("executed", True)
    assert answer.text() == "slept\n"
    assert answer.result == "7"


def test_a_cell_that_raises_has_failed(audit):
    answer = audit.run("before = 1\n1/0")
    assert answer.content["ename"] == "ZeroDivisionError"
    assert answer.state == "failed"
    assert audit.probe("before") == "1"


def test_an_async_cell_that_raises_has_failed(audit):
    answer = audit.run("import asyncio\nawait asyncio.sleep(0)\nraise KeyError('k')")
    assert (answer.content["ename"], answer.state) == ("KeyError", "failed")


def test_a_syntax_error_has_failed(audit):
    answer = audit.run("x = = 1")
    assert (answer.content["ename"], answer.state) == ("SyntaxError", "failed")
    assert audit.run("'still alive'").ok


def test_code_that_compiles_late_to_an_error_has_failed(audit):
    answer = audit.run("return 1")
    assert (answer.content["ename"], answer.state) == ("SyntaxError", "failed")


def test_a_result_whose_display_fails_has_failed(audit):
    answer = audit.run("class Odd:\n    def __repr__(self): raise ValueError('no face')\nOdd()")
    assert answer.state == ("failed" if answer.content["status"] == "error" else "executed")
    audit.run("del Odd")


def test_a_silent_request_is_no_cell(audit):
    count = audit.run("0").content["execution_count"]
    answer = audit.run("quiet = 5\nprint(quiet)", silent=True, store_history=False)
    assert answer.ok
    assert answer.cell is None
    after = audit.run("quiet")
    assert (after.result, after.state) == ("5", "executed")
    assert after.content["execution_count"] == count + 1


def test_a_request_without_history_is_no_cell(audit):
    answer = audit.run("viewer = [1]\nviewer", store_history=False)
    assert answer.result == "[1]"
    assert answer.cell is None


@pytest.mark.parametrize("code", ["", "   \n\t\n"])
def test_white_space_is_an_empty_cell(audit, code):
    count = audit.run("0").content["execution_count"]
    answer = audit.run(code)
    assert answer.ok
    assert answer.state == "empty"
    assert answer.outputs == []
    assert audit.run("0").content["execution_count"] == count + 1


def test_a_comment_is_a_cell(audit):
    assert audit.run("# nothing happens").state == "executed"


def test_expressions_alone_are_answered(audit):
    answer = audit.run("", user_expressions={"a": "6*7"})
    assert answer.content["user_expressions"]["a"]["data"]["text/plain"] == "42"
    assert answer.state == "empty"


def test_a_cell_behind_an_error_is_skipped_and_does_not_repeat_the_last_badge(audit):
    first, second = audit.send("import time; time.sleep(0.3); 1/0"), audit.send("2")
    assert audit.answer(first).state == "failed"
    aborted = audit.answer(second)
    assert aborted.content["status"] == "aborted"
    assert aborted.state == "skipped"
    assert audit.run("3").state == "executed"


def test_a_cell_behind_an_error_runs_where_the_client_wants_it(audit):
    first, second = audit.send("import time; time.sleep(0.3); 1/0", stop_on_error=False), audit.send("2")
    assert audit.answer(first).state == "failed"
    assert audit.answer(second).state == "executed"


def test_a_cell_within_a_cell_is_part_of_it(audit):
    answer = audit.run("get_ipython().run_cell('inner = 1; print(inner)')\nprint('outer')")
    assert answer.text() == "1\nouter\n"
    assert answer.state == "executed"
    assert audit.run("%nbreplay status").text() == ""
    assert audit.run("inner").result == "1"


def test_a_script_and_a_notebook_that_are_run_are_part_of_the_cell(audit):
    audit.run("%%writefile part.py\nfrom_script = 3\nprint('script')")
    answer = audit.run("%run part.py\nfrom_script")
    assert answer.text() == "script\n"
    assert answer.result == "3"
    assert answer.state == "executed"


def test_magic_cells_are_recorded(audit):
    answer = audit.run("%%time\ntimed = sum(range(10))")
    assert "Wall time" in answer.text()
    assert answer.state == "executed"
    assert audit.probe("timed") == "45"


def test_numbers_history_and_results_are_as_always(audit):
    first = audit.run("'hist' + 'ory'").content["execution_count"]
    second = audit.run("_")
    assert second.result == "'history'"
    assert audit.run(f"Out[{first}], _{first}").result == "('history', 'history')"
    assert audit.run(f"In[{first}]").result == repr("'hist' + 'ory'")


def test_what_a_callback_of_the_user_s_shows_is_the_cell_s(audit):
    audit.run("def told(result): print('after')\nget_ipython().events.register('post_run_cell', told)")
    try:
        answer = audit.run("1")
        assert "after\n" in answer.text()
        assert "Error in callback" not in answer.text()
    finally:
        audit.run("get_ipython().events.unregister('post_run_cell', told); del told")


def test_a_tag_keeps_a_cell_out_of_the_record(audit):
    answer = audit.run("skipped = 1", metadata={"tags": ["nbreplay-skip"]})
    assert answer.state == "skipped"
    assert answer.cell["saved"] is False
    assert answer.outputs == []
    assert audit.probe("skipped") == "1"


@pytest.mark.parametrize(
    "metadata", [{"tags": "text"}, {"cellId": 3, "nbreplay": {"position": "x"}}, {"nbreplay": None}, {"tags": [1]}]
)
def test_odd_metadata_does_no_harm(audit, metadata):
    assert audit.run("1", metadata=metadata).state == "executed"


def test_completion_inspection_and_history_answer(audit):
    audit.run("completable = 1")
    audit.client.complete("complet", 7)
    reply = audit.client.get_shell_msg(timeout=20)
    assert "completable" in reply["content"]["matches"]


def test_a_cell_on_a_subshell_runs_and_is_not_a_boundary(audit):
    audit.client.session.send(
        audit.client.control_channel.socket, audit.client.session.msg("create_subshell_request", {})
    )
    subshell = audit.client.get_control_msg(timeout=20)["content"]["subshell_id"]
    slow = audit.send("import time; time.sleep(1); main_done = 1")
    answer = audit.run("on_subshell = 9\nprint('sub')", subshell_id=subshell)
    assert answer.text() == "sub\n"
    assert answer.cell["saved"] is False
    assert "subshell" in answer.cell["saved_reason"]
    main = audit.answer(slow)
    assert main.state == "executed"
    assert main.outputs == []
    assert audit.run("on_subshell + main_done").result == "10"


def test_nothing_of_ours_is_in_the_namespace_or_the_outputs(audit):
    names = audit.run("[n for n in dir() if 'nbreplay' in n.lower() or 'engine' in n.lower()]")
    assert names.result == "[]"
    assert [o["type"] for o in names.outputs] == ["execute_result"]
