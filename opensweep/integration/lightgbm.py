"""LightGBM: every evaluation and the parameters; at the end the best, importances, the model.

booster = lightgbm.train(params, data, valid_sets=[valid], callbacks=[opensweep_callback()])
log_summary(booster)
"""

from __future__ import annotations

import os
from typing import Any

from lightgbm import Booster

from opensweep import UsageError
from opensweep.integration import active_run
from opensweep.integration.boosting import importance_chart, summarise_best


class _Callback:
    order = 20  # after LightGBM's own
    before_iteration = False

    def __init__(self, log_params: bool, define_metric: bool) -> None:
        self.run = active_run("opensweep_callback()")
        self.log_params = log_params
        self.define_metric = define_metric

    def __call__(self, env: Any) -> None:
        if env.iteration == env.begin_iteration and self.log_params:
            self.run.config.update(env.params, allow_val_change=True)
        row: dict[str, Any] = {"iteration": env.iteration}
        for data, metric, value, *rest in env.evaluation_result_list:
            deviation = rest[1] if len(rest) > 1 else None  # cv(): data is "cv_agg" or "valid"
            name = f"{data}_{metric}".replace(" ", "_")
            if deviation is None:
                row[name] = value
            else:
                row[f"{name}-mean"], row[f"{name}-stdv"] = value, deviation
            if env.iteration == env.begin_iteration and self.define_metric:
                found = name if deviation is None else f"{name}-mean"
                summarise_best(self.run, found, metric.split()[-1])
        self.run.log(row)


def opensweep_callback(log_params: bool = True, define_metric: bool = True) -> Any:
    """Logs "<data>_<metric>" and "iteration" after each round.

    Args:
        log_params: the parameters given to train() go into the config.
        define_metric: the summary has the best value of each metric, not the last.

    Raises UsageError before init().
    """
    return _Callback(log_params, define_metric)


def log_summary(
    model: Any, feature_importance: bool = True, save_model_checkpoint: bool = False
) -> None:
    """After training: best iteration and score into the summary, importances as a chart, and the
    best model as an artifact, if asked for. Raises UsageError."""
    run = active_run("log_summary()")
    if not isinstance(model, Booster):
        raise UsageError(f"log_summary() takes a Booster, not {type(model).__name__}")
    best = {data: dict(scores) for data, scores in model.best_score.items()}
    run.summary.update(best_iteration=model.best_iteration, best_score=best)
    if feature_importance:
        pairs = zip(model.feature_name(), model.feature_importance().tolist())
        run.log({"Feature Importance": importance_chart(pairs)})
    if save_model_checkpoint:
        path = os.path.join(run.dir, f"model_ckpt_{model.best_iteration}.txt")
        model.save_model(path, num_iteration=model.best_iteration)
        run.log_model(path, name=f"model_{run.id}", aliases=["best"])


wandb_callback = opensweep_callback
