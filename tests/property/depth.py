"""How long the property tests look: `make fuzz` looks for longer than the suite does."""

from __future__ import annotations

import os


def examples(count: int) -> int:
    """So many examples; OPENSWEEP_TEST_DEPTH times as many where it is set."""
    return count * int(os.environ.get("OPENSWEEP_TEST_DEPTH", "1"))
