"""How a kernel process is started: always with this interpreter, whatever kernelspecs are installed where."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import jupyter_runtime_dir
from jupyter_core.utils import ensure_dir_exists

AUDIT = "nbreplay-audit"
REPEAT = "nbreplay-repeat"
PLAIN = "python3"

# Notes: with -P a file beside the notebook cannot shadow a module that the kernel imports at start.
_MODULES = {AUDIT: "nbreplay.kernels.audit", REPEAT: "nbreplay.kernels.repeat"}
_FOLDER_MOST = 48
"""Bytes of the folder's name, so that a socket's fits the 104 that systems allow it: ``/kernel-UUID-ipc-N``."""
_PLAIN_ARGV = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]


def kernel_argv(name: str) -> list[str]:
    """Return the command line of kernel *name*, one of ours or the plain ``python3``."""
    if name == PLAIN:
        return list(_PLAIN_ARGV)
    return [sys.executable, "-P", "-m", _MODULES[name], "-f", "{connection_file}"]


class OwnSpecs(KernelSpecManager):
    """Kernelspecs that need no installation; handed to jupyter_client, which asks for them by name."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the spec of *kernel_name*: ours and ``python3`` by this interpreter, others as installed."""
        if kernel_name not in (AUDIT, REPEAT, PLAIN):
            return super().get_kernel_spec(kernel_name)
        return KernelSpec(
            argv=kernel_argv(kernel_name),
            display_name=kernel_name,
            language="python",
            interrupt_mode="signal",
            metadata={"supported_encryption": ["curve"]},
        )


def kernel_manager(name: str) -> AsyncKernelManager:
    """Return a manager for one kernel *name*, not started; nobody else on the machine can listen to it.

    It is spoken to through sockets in Jupyter's own folder, if their names are not too long. A port would be looked for
    first and opened later: somebody may take it meanwhile, a cluster's workers say, and the kernel would not start.
    """
    options: dict[str, Any] = {"kernel_name": name, "kernel_spec_manager": OwnSpecs()}
    folder = jupyter_runtime_dir()
    if len(os.fsencode(folder)) <= _FOLDER_MOST:
        ensure_dir_exists(folder, mode=0o700)
        file = os.path.join(folder, f"kernel-{uuid.uuid4()}")
        return AsyncKernelManager(transport="ipc", connection_file=f"{file}.json", ip=f"{file}-ipc", **options)
    if "transport_encryption" in AsyncKernelManager.class_trait_names():
        options["transport_encryption"] = "auto"  # without it the kernel warns on stderr, once for each run
    return AsyncKernelManager(**options)


def kernel_environment(notebook: Path, store: Path | None, more: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the environment of a kernel that runs *notebook*, with its *store* if one was named."""
    environment = dict(os.environ)
    environment.pop("JPY_SESSION_NAME", None)  # of the notebook in whose terminal this command was typed
    environment["NBREPLAY_NOTEBOOK"] = str(notebook.absolute())
    if store is not None:
        environment["NBREPLAY_STORE"] = str(store.absolute())
    environment.update(more or {})
    return environment
