"""W&B's `data_types`, for `from opensweep.data_types import Image`; see logging_core/media."""

from __future__ import annotations

from logging_core.media.data_types import *  # noqa: F403
