"""XGBoost: every evaluation, the configuration, importances and, if asked for, the model.

xgboost.train(params, data, evals=[(valid, "valid")], callbacks=[OpensweepCallback()])
"""

from __future__ import annotations

import json
import os
from typing import Any, Mapping, Sequence

from xgboost.callback import TrainingCallback

from opensweep.integration import active_run
from opensweep.integration.boosting import importance_chart, summarise_best


class OpensweepCallback(TrainingCallback):
    """Logs "<data>-<metric>" and "epoch" after each round.

    Args:
        log_model: keep the model as an artifact of type "model".
        log_feature_importance: a bar chart of the importances at the end.
        importance_type: weight, gain, cover, total_gain or total_cover.
        define_metric: the summary has the best value of each metric, not the last.

    Raises UsageError before init().
    """

    def __init__(
        self,
        log_model: bool = False,
        log_feature_importance: bool = True,
        importance_type: str = "gain",
        define_metric: bool = True,
    ) -> None:
        super().__init__()
        self.run = active_run("OpensweepCallback()")
        self.log_model = log_model
        self.log_feature_importance = log_feature_importance
        self.importance_type = importance_type
        self.define_metric = define_metric

    def before_training(self, model: Any) -> Any:
        self.run.config.update(json.loads(model.save_config()), allow_val_change=True)
        return model

    def after_iteration(
        self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Sequence[Any]]]
    ) -> bool:
        del model
        row: dict[str, Any] = {"epoch": epoch}
        for data, metrics in evals_log.items():
            for metric, values in metrics.items():
                name = f"{data}-{metric}"
                if self.define_metric:
                    summarise_best(self.run, name, metric)
                last = values[-1]
                # Cross-validation gives the mean and the standard deviation.
                row[name] = last[0] if isinstance(last, tuple) else last
                if isinstance(last, tuple):
                    row[f"{name}-stdv"] = last[1]
        self.define_metric = False
        self.run.log(row)
        return False

    def after_training(self, model: Any) -> Any:
        if self.log_model:
            path = os.path.join(self.run.dir, f"{self.run.id}_model.json")
            model.save_model(path)
            self.run.log_model(path, name=f"{self.run.id}_model.json")
        row: dict[str, Any] = {}
        if self.log_feature_importance and hasattr(model, "get_score"):
            scores = model.get_score(importance_type=self.importance_type)
            row["Feature Importance"] = importance_chart(scores.items())
        if hasattr(model, "attr") and model.attr("best_score") is not None:
            row["best_score"] = float(model.attr("best_score"))
            row["best_iteration"] = int(model.attr("best_iteration"))
        if row:
            self.run.log(row)
        return model


WandbCallback = OpensweepCallback
