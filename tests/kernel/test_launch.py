"""Starting: safe from files beside the notebook, late with its folder on the path, and plain when switched off."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def test_a_file_beside_the_notebook_is_not_run_at_start(start, tmp_path):
    for name in ("ipykernel_launcher", "nbreplay", "ipykernel", "IPython", "zmq", "lmdb", "msgspec", "xxhash"):
        (tmp_path / f"{name}.py").write_text("open('hijacked', 'w').close()\nraise SystemExit\n")
    kernel = start("audit")
    assert not (tmp_path / "hijacked").exists()
    assert kernel.run("1 + 1").state == "executed"
    assert not (tmp_path / "hijacked").exists()


def test_a_module_beside_the_notebook_can_be_imported(start, tmp_path):
    (tmp_path / "helper_module.py").write_text("value = 11\n")
    kernel = start("audit")
    assert kernel.run("import helper_module\nhelper_module.value").result == "11"
    assert kernel.run("import sys\nsys.path.count('')").result == "1"


def test_the_standard_library_comes_before_the_notebook_s_folder(start, tmp_path):
    (tmp_path / "json.py").write_text("raise ImportError('mine')\n")
    (tmp_path / "this_is_new.py").write_text("")
    kernel = start("audit")
    assert kernel.run("import json, this_is_new\njson.dumps(1)").ok


@pytest.mark.parametrize("kind", ["audit", "repeat"])
def test_switched_off_it_is_plain_ipykernel(start, tmp_path, kind):
    (tmp_path / "helper_module.py").write_text("value = 11\n")
    kernel = start(kind, NBREPLAY="off")
    answer = kernel.run("import helper_module, sys\nhelper_module.value")
    assert answer.result == "11"
    assert answer.cell is None
    assert kernel.run("type(get_ipython()).__module__").result == "'ipykernel.zmqshell'"
    assert kernel.run("[m for m in sys.modules if m.startswith('nbreplay.replay.engine')]").result == "[]"
    assert not list(tmp_path.glob("*.nbreplay"))


def test_the_first_cell_finds_no_large_library_imported(start):
    kernel = start("audit")
    heavy = ("numpy", "pandas", "distributed", "dask.array", "matplotlib.pyplot", "pyarrow")
    answer = kernel.run(f"import sys\n[m for m in {heavy} if m in sys.modules]")
    assert answer.result == "[]"


def test_a_store_that_cannot_be_written_costs_only_the_record(start, tmp_path):
    (tmp_path / "file").write_text("no folder")
    kernel = start("audit", NBREPLAY_STORE=str(tmp_path / "file" / "store"))
    first = kernel.run("a = 1\nprint(a)")
    assert first.ok
    assert first.text() == "1\n"
    assert first.cell["saved"] is False
    assert first.cell["saved_reason"]
    said = first.text("stderr").splitlines()
    assert len(said) == 1
    assert said[0].startswith("nbreplay: not saved")
    second = kernel.run("a + 1")
    assert second.result == "2"
    assert second.text("stderr") == ""


def test_the_store_s_place_can_be_named(start, tmp_path):
    kernel = start("audit", NBREPLAY_STORE=str(tmp_path / "elsewhere"))
    assert kernel.run("1").cell["saved"] is True
    assert (tmp_path / "elsewhere" / "store.json").is_file()
    assert not list(tmp_path.glob("*.nbreplay"))


def test_the_store_stands_beside_the_notebook(start, tmp_path):
    (tmp_path / "deep").mkdir()
    kernel = start("audit", JPY_SESSION_NAME=str(tmp_path / "deep" / "my notebook.ipynb"))
    assert kernel.run("1").cell["saved"] is True
    assert (tmp_path / "deep" / "my notebook.nbreplay" / "store.json").is_file()


def test_a_kernel_without_a_home_and_with_little_environment_works(specs, tmp_path):
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="nbreplay-audit", kernel_spec_manager=specs)
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "IPYTHONDIR": str(tmp_path / "ipy")}
    manager.start_kernel(cwd=str(tmp_path), env=environ)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        reply = client.execute_interactive("1 + 1", timeout=30, output_hook=lambda message: None)
        assert reply["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


def test_options_are_taken_from_the_command_line(specs, tmp_path):
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="nbreplay-audit", kernel_spec_manager=specs)
    store = tmp_path / "by option"
    manager.start_kernel(cwd=str(tmp_path), extra_arguments=[f"--NBReplay.store={store}"])
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        client.execute_interactive("1", timeout=30, output_hook=lambda message: None)
        assert (store / "store.json").is_file()
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


def test_restart_in_the_middle_keeps_what_was_recorded(start, tmp_path):
    kernel = start("repeat")
    assert kernel.run("a = 5").state == "executed"
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=60)
    assert kernel.run("a = 5").state == "restored"
    assert kernel.run("a").result == "5"


def test_killed_right_after_a_reply_nothing_is_lost(start, tmp_path):
    kernel = start("audit")
    kernel.run_all("a = [1, 2]", "b = a", "b.append(3)")
    kernel.kill()
    again = start("repeat")
    assert [again.run(code).state for code in ("a = [1, 2]", "b = a", "b.append(3)")] == ["restored"] * 3
    assert again.run("a is b, a").result == "(True, [1, 2, 3])"


def test_two_kernels_on_one_store(start, tmp_path):
    one, two = start("repeat"), start("repeat")
    assert one.run("x = 'one'").cell["saved"] is True
    assert two.run("y = 'two'").cell["saved"] is True
    assert one.run("z = x").cell["saved"] is True
    assert two.run("z = y").cell["saved"] is True
    third = start("repeat")
    assert third.run("x = 'one'").state == "restored"


def test_a_forked_child_leaves_the_record_alone(start, tmp_path):
    kernel = start("audit")
    answer = kernel.run("import os\npid = os.fork()\nif pid == 0:\n    os._exit(0)\nos.waitpid(pid, 0)[1]")
    assert answer.result == "0"
    assert kernel.run("2").cell["saved"] is True


def test_shutting_down_ends_the_process(start):
    kernel = start("audit")
    kernel.run("a = 1")
    pid = kernel.manager.provisioner.pid
    kernel.manager.shutdown_kernel()
    assert not Path(f"/proc/{pid}").exists() or "nbreplay" not in Path(f"/proc/{pid}/cmdline").read_text()
