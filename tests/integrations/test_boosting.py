"""XGBoost and LightGBM: what their callbacks record of real trainings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_records import rows_of, values_of

np = pytest.importorskip("numpy")

import opensweep
from opensweep import UsageError

RNG = np.random.default_rng(0)
X = RNG.random((200, 3))
Y = (X[:, 0] + X[:, 1] > 1).astype(int)


@pytest.fixture
def run() -> opensweep.Run:
    return opensweep.init(project="boosted")


class XGBoost:
    """Its library and its callback, if it is here."""

    def __init__(self) -> None:
        self.library = pytest.importorskip("xgboost", reason="XGBoost is not installed")
        from opensweep.integration.xgboost import OpensweepCallback, WandbCallback

        assert WandbCallback is OpensweepCallback
        self.callback = OpensweepCallback
        self.train, self.valid = (
            self.library.DMatrix(X[part], label=Y[part], feature_names=["a", "b", "c"])
            for part in (slice(150), slice(150, None))
        )
        self.params = {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"]}


@pytest.fixture
def xgboost() -> XGBoost:
    return XGBoost()


def chart_rows(run: opensweep.Run, key: str) -> list[list[Any]]:
    (told,) = values_of(run, key)
    rows: list[list[Any]] = json.loads((Path(run.dir) / told["path"]).read_text())["data"]
    return rows


def test_xgboost(run: opensweep.Run, xgboost: XGBoost) -> None:
    result: dict[str, Any] = {}
    xgboost.library.train(
        xgboost.params,
        xgboost.train,
        num_boost_round=5,
        evals=[(xgboost.train, "train"), (xgboost.valid, "valid")],
        evals_result=result,
        callbacks=[xgboost.callback()],
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    run.finish()
    assert values_of(run, "epoch")[:5] == [0, 1, 2, 3, 4]
    for data in ("train", "valid"):
        assert values_of(run, f"{data}-logloss") == result[data]["logloss"]
    assert run.summary["valid-logloss"] == {"min": min(result["valid"]["logloss"])}
    assert run.summary["valid-auc"] == {"max": max(result["valid"]["auc"])}
    assert run.config["learner"]["objective"]["name"] == "binary:logistic"
    features = {name for name, _ in chart_rows(run, "Feature Importance_table")}
    assert features <= {"a", "b", "c"}
    assert rows_of(run)[-1]["best_iteration"] >= 0


def test_xgboost_of_scikit_learn_and_cross_validation(run: opensweep.Run, xgboost: XGBoost) -> None:
    pytest.importorskip("sklearn")
    callback = xgboost.callback(log_feature_importance=False)
    model = xgboost.library.XGBRegressor(n_estimators=3, callbacks=[callback])
    model.fit(X, Y, eval_set=[(X, Y)], verbose=False)
    assert len(values_of_open(run, "validation_0-rmse")) == 3


def values_of_open(run: opensweep.Run, name: str) -> list[Any]:
    run.finish()
    return values_of(run, name)


def test_lightgbm(run: opensweep.Run) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed")
    from opensweep.integration.lightgbm import log_summary, opensweep_callback, wandb_callback

    assert wandb_callback is opensweep_callback
    data = lightgbm.Dataset(X[:150], Y[:150], feature_name=["a", "b", "c"])
    valid = lightgbm.Dataset(X[150:], Y[150:], reference=data)
    params = {"objective": "binary", "metric": ["binary_logloss", "auc"], "verbose": -1}
    result: dict[str, Any] = {}
    booster = lightgbm.train(
        params,
        data,
        num_boost_round=4,
        valid_sets=[valid],
        valid_names=["valid"],
        callbacks=[opensweep_callback(), lightgbm.record_evaluation(result)],
    )
    log_summary(booster)
    run.finish()
    assert values_of(run, "iteration") == [0, 1, 2, 3]
    assert values_of(run, "valid_auc") == result["valid"]["auc"]
    assert run.summary["valid_binary_logloss"] == {"min": min(result["valid"]["binary_logloss"])}
    assert run.config["objective"] == "binary"
    assert {name for name, _ in chart_rows(run, "Feature Importance_table")} == {"a", "b", "c"}
    assert "best_iteration" in run.summary
    with pytest.raises(UsageError, match="init"):
        log_summary(booster)


def test_lightgbm_cross_validation(run: opensweep.Run) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed")
    from opensweep.integration.lightgbm import opensweep_callback

    params = {"objective": "regression", "metric": "l2", "verbose": -1}
    result = lightgbm.cv(
        params,
        lightgbm.Dataset(X, Y),
        num_boost_round=3,
        nfold=2,
        stratified=False,
        callbacks=[opensweep_callback()],
    )
    run.finish()
    row = rows_of(run)[-1]
    (mean,) = [name for name in row if name.endswith("-mean")]
    assert values_of(run, mean) == next(v for k, v in result.items() if k.endswith("-mean"))
    assert mean.replace("-mean", "-stdv") in row


def test_before_init() -> None:
    pytest.importorskip("lightgbm", reason="LightGBM is not installed")
    from opensweep.integration.lightgbm import opensweep_callback

    with pytest.raises(UsageError, match=r"opensweep\.init\(\) before opensweep_callback"):
        opensweep_callback()
