"""Our Gaussian process in plain Optuna studies; needs Python 3.11, NumPy, SciPy and Optuna.

    import optuna
    from opensweep.optuna import GpSampler

    study = optuna.create_study(sampler=GpSampler(seed=0))

What it does is said at the class itself (sweeps/search/gp_sampler.py).
"""

from __future__ import annotations

import os
import sys

import opensweep


def _clear_the_way() -> None:
    """Our package `sweeps` shares its name with one of W&B's: ours is to be found here.

    Raises ImportError where the other one has been imported already.
    """
    here = os.path.dirname(os.path.abspath(opensweep.__file__))
    rooms = os.path.join(here, "_rooms")
    home = rooms if os.path.isdir(rooms) else os.path.dirname(here)
    known = sys.modules.get("sweeps")
    if known is None:
        sys.path.insert(0, home)
        try:
            import sweeps
        finally:
            sys.path.remove(home)
        known = sweeps
    where = os.path.dirname(os.path.dirname(os.path.abspath(known.__file__ or "")))
    if where != home:
        raise ImportError(
            "opensweep.optuna and the package `sweeps` of W&B cannot be used in one process: "
            f"{known.__file__} is imported already."
        )


_clear_the_way()

from sweeps.search.gp_sampler import GpSampler  # noqa: E402

__all__ = ["GpSampler"]
