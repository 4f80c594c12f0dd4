"""The folder that puts `import opensweep` into a training environment (signature first)."""

from __future__ import annotations

from pathlib import Path


def inject_folder(home: Path) -> Path:
    """A folder for PYTHONPATH that holds `opensweep` (the logger) alone; made once per version."""
    raise NotImplementedError
