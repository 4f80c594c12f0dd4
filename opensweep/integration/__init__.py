"""Callbacks for training frameworks, one module each; nothing is imported until one is asked for.

    from opensweep.integration.lightning import OpensweepLogger       Trainer(logger=…)
    from opensweep.integration.transformers import OpensweepCallback  Trainer(callbacks=[…])
    from opensweep.integration.accelerate import OpensweepTracker     Accelerator(log_with=…)
    from opensweep.integration.keras import MetricsLogger, ModelCheckpoint
    from opensweep.integration.xgboost import OpensweepCallback
    from opensweep.integration.lightgbm import opensweep_callback, log_summary
    from opensweep.integration.sb3 import OpensweepCallback
    from opensweep.integration.sklearn import plot_classifier, plot_regressor, …

Each stands on what a script can do itself (`opensweep.init`, `run.log`, …), and each has W&B's
names too, with the same arguments. They run in training environments, Python 3.8 and later.
"""

from __future__ import annotations

import opensweep
from opensweep import Run, UsageError


def active_run(for_what: str) -> Run:
    """The run of this process. Raises UsageError before init()."""
    run = opensweep.run
    if run is None:
        raise UsageError(f"call opensweep.init() before {for_what}")
    return run
