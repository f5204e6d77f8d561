"""The way a colleague meets NBReplay: JupyterLab in a real browser, kernels picked from its list."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from nbreplay.demo.tour import INPUT, NOTEBOOK
from nbreplay.demo.weather import write_observations

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(420)]

WAIT_S = 120
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--window-size=1400,1600",
)  # fmt: skip


def tools():
    """(chromium, chromedriver), or the test is skipped; where a browser is required, it fails instead."""
    found = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
    missing = [name for name, path in zip(("chromium", "chromedriver"), found, strict=True) if path is None]
    for module in ("jupyterlab", "selenium"):
        try:
            __import__(module)
        except ImportError:
            missing.append(module)
    if missing:
        reason = f"no {' and no '.join(missing)}: apt-get install chromium chromium-driver, pip install nbreplay[test]"
        if os.environ.get("NBREPLAY_TEST_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab whose folder holds the demo's notebook and a small input: (url of the notebook, folder)."""
    tools()
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copy(NOTEBOOK, folder)
    write_observations(folder / INPUT, parts=2, copies=2)
    settings = tmp_path / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false"}))
    subprocess.run([sys.executable, "-m", "nbreplay", "install", "--prefix", tmp_path / "jupyter"], check=True)
    environment = {
        **os.environ,
        "JUPYTER_PATH": str(tmp_path / "jupyter" / "share" / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
        "NBREPLAY_KEY_FILE": str(tmp_path / "key"),
    }
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
    ]  # fmt: skip
    with (tmp_path / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", server, tmp_path / "lab.log")
            yield f"http://127.0.0.1:{port}/lab/tree/{NOTEBOOK.name}?token={token}&reset", folder
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for(url, server, log):
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        assert server.poll() is None, f"JupyterLab ended: {log.read_text()}"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.3)
    pytest.fail(f"JupyterLab does not answer: {log.read_text()}")


@pytest.fixture
def page(lab, tmp_path):
    """The notebook's page, open in Chromium."""
    from selenium import webdriver

    chromium, chromedriver = tools()
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    page = Page(browser, tmp_path)
    try:
        browser.get(lab[0])
        yield page
    finally:
        with contextlib.suppress(Exception):
            page.screenshot("last")
        browser.quit()


class Page:
    """JupyterLab as a person uses it: menus, the kernel's name, cells."""

    def __init__(self, browser, folder):
        from selenium.webdriver.support.ui import WebDriverWait

        self.browser = browser
        self.folder = folder
        self.waiting = WebDriverWait(browser, WAIT_S, poll_frequency=0.2)

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def until(self, condition, what):
        from selenium.common.exceptions import StaleElementReferenceException, TimeoutException

        def holds(browser):
            try:
                return condition()
            except (StaleElementReferenceException, IndexError):
                return False

        try:
            return self.waiting.until(holds)
        except TimeoutException:
            pytest.fail(f"waited in vain: {what}; see {self.screenshot('failed')}")

    def click(self, selector, text=""):
        def clicked():
            from selenium.common.exceptions import ElementClickInterceptedException, ElementNotInteractableException

            for element in self.all(selector):
                if text in element.text and element.is_displayed():
                    try:
                        element.click()
                    except (ElementClickInterceptedException, ElementNotInteractableException):
                        return False
                    return True
            return False

        self.until(clicked, f"to click {selector} {text}")

    def menu(self, name, command):
        self.click("#jp-MainMenu .lm-MenuBar-item", name)
        self.click(f'.lm-Menu-item[data-command="{command}"]')

    def kernel(self, name):
        """Pick *name* from the kernel list and wait until that kernel is there and idle."""
        from selenium.webdriver.support.ui import Select

        self.click(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Toolbar-kernelName")
        select = self.until(lambda: self.all(".jp-Dialog select")[0], "the list of kernels")
        Select(select).select_by_visible_text(name)
        self.click(".jp-Dialog button.jp-mod-accept")
        self.until(lambda: not self.all(".jp-Dialog"), "the dialog to close")
        self.until(lambda: name in self.all(".jp-Toolbar-kernelName")[0].text, f"the kernel {name}")
        self.idle()

    def idle(self):
        # Connecting and starting have other words here; a kernel that is idle has answered.
        self.until(
            lambda: self.all(".jp-Notebook-ExecutionIndicator")[0].get_attribute("data-status") == "idle",
            "an idle kernel",
        )

    def prompts(self):
        return [prompt.text for prompt in self.all(".jp-CodeCell .jp-InputPrompt")]

    def outputs(self):
        """What each code cell shows, without the numbers in front."""
        return [
            "\n".join(output.text for output in cell.find_elements("css selector", ".jp-OutputArea-output"))
            for cell in self.all(".jp-CodeCell")
        ]

    def screenshot(self, name):
        path = self.folder / f"{name}.png"
        self.browser.save_screenshot(str(path))
        if kept := os.environ.get("NBREPLAY_TEST_SCREENSHOTS"):
            Path(kept).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, kept)
        return path


def test_record_with_audit_then_run_only_the_last_cell_with_repeat(page, lab):
    _, folder = lab
    page.until(lambda: len(page.prompts()) == 3, "three code cells")
    page.idle()

    page.kernel("NBReplay Audit")
    page.menu("Run", "runmenu:run-all")
    page.until(lambda: page.prompts() == ["[1]:", "[2]:", "[3]:"], "all cells to have run")
    page.idle()
    recorded = page.until(lambda: page.outputs()[-1], "the last output")
    assert "stations above 10.0" in recorded
    assert (folder / "climate.nbreplay").is_dir()
    page.screenshot("audit")

    page.menu("Edit", "editmenu:clear-all")
    page.until(lambda: not any(page.outputs()), "no outputs")
    shutil.rmtree(folder / INPUT)
    (folder / "risky.parquet").unlink()
    page.kernel("NBReplay Repeat")
    page.click(".jp-CodeCell .jp-InputArea-editor", "THRESHOLD = 10.0")
    page.menu("Run", "runmenu:run")  # which adds an empty cell below
    page.until(lambda: page.prompts()[2] == "[1]:", "the last cell to have run")
    page.until(lambda: page.outputs()[2] == recorded, "the recorded output")
    page.screenshot("repeat")
    assert page.prompts()[:2] == ["[ ]:", "[ ]:"]
    assert (folder / "risky.parquet").exists()
