"""W&B's module, played by opensweep: `wandb/__init__.py` in front of a training script's path.

Its names are opensweep's; see logging_core/wandb_module.
"""

from __future__ import annotations

import opensweep as _opensweep  # it also puts logging_core on the path
from logging_core.wandb_module import VERSION as _VERSION
from logging_core.wandb_module import modules as _modules

__version__ = _VERSION
__opensweep__ = _opensweep.__version__
"""Tells the stand-in from W&B's own module."""
__getattr__, __dir__ = _modules.begin(__name__, __file__)
