"""W&B's `plot`, for `from opensweep.plot import line`; see logging_core/plot."""

from __future__ import annotations

from logging_core.plot import *  # noqa: F403
