"""W&B's `util`, for `opensweep.util.generate_id()`; see logging_core/wandb_module/util.py."""

from __future__ import annotations

from logging_core.wandb_module.util import *  # noqa: F403
