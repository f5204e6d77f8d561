"""``python -m nbreplay`` is the command nbreplay."""

from __future__ import annotations

from nbreplay.cli import main

if __name__ == "__main__":
    main()
