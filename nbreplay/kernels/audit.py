"""Runs the Audit kernel: ``python -P -m nbreplay.kernels.audit -f CONNECTION_FILE``."""

from __future__ import annotations

from nbreplay.kernels.app import launch

if __name__ == "__main__":
    launch("audit")
