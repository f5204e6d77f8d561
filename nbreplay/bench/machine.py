"""What a number was measured on."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import nbreplay

LIBRARIES = ("dask", "distributed", "ipykernel", "numpy", "pandas", "pyarrow", "xarray", "h5netcdf")


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine(folder: Path) -> dict[str, Any]:
    """Return versions, cores, memory and the kind of disk that *folder* is on."""
    versions = {"nbreplay": nbreplay.__version__}
    for library in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[library] = metadata.version(library)
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores(),
        "memory_bytes": _memory(),
        "disk": _disk(folder),
        "load": list(os.getloadavg()),
        "versions": versions,
    }


def one_line(facts: dict[str, Any]) -> str:
    """Return *facts* of :func:`machine` as a line for people."""
    memory = f", {facts['memory_bytes'] / 1e9:.0f} GB" if facts["memory_bytes"] else ""
    versions = facts["versions"]
    shown = ", ".join(f"{name} {versions[name]}" for name in ("nbreplay", "distributed") if name in versions)
    return (
        f"{facts['date'][:10]}, {facts['cores']} cores ({facts['processor']}){memory}, {facts['disk']}, "
        f"Python {facts['python']}, {shown}"
    )


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _disk(folder: Path) -> str:
    """Return the kind of file system that *folder* is on, as the mount table says."""
    best, kind = "", "unknown disk"
    with contextlib.suppress(OSError):
        for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
            _, place, found, *_ = line.split()
            inside = place == "/" or str(folder.resolve()).startswith(place + "/") or str(folder.resolve()) == place
            if inside and len(place) >= len(best):
                best, kind = place, found
    return kind
