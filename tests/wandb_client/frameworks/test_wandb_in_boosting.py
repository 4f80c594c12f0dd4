"""XGBoost, LightGBM and scikit-learn with W&B's own callbacks and plots."""

from __future__ import annotations

from pathlib import Path

from trained import Train, bytes_of, values

XGBOOST = """
import numpy, wandb, xgboost
from wandb.integration.xgboost import WandbCallback

run = wandb.init()
rng = numpy.random.default_rng(0)
x = rng.normal(size=(100, 3))
y = x[:, 0] + rng.normal(size=100)
model = xgboost.XGBRegressor(n_estimators=20, max_depth=2, early_stopping_rounds=5,
    learning_rate=1.0, callbacks=[WandbCallback(log_model=True)])
model.fit(x[:50], y[:50], eval_set=[(x[50:], y[50:])], verbose=False)
print("TOLD", model.best_iteration)
run.finish()
"""


def test_xgboost(train: Train, tmp_path: Path) -> None:
    done = train("xgboost", XGBOOST)
    run, best = done.run, done.told()
    scores = values(run, "validation_0-rmse")
    assert len(scores) == best + 6
    assert values(run, "best_iteration") == [best]
    assert values(run, "best_score") == [min(scores)]
    assert run.summary["validation_0-rmse"] == {"min": min(scores)}
    assert run.config["learner"]["generic_param"]["device"] == "cpu"
    (plot,) = values(run, "Feature Importance_table")
    assert plot["_type"] == "table-file"
    (model,) = (one for one in run.logged_artifacts() if one.type == "model")
    (data,) = bytes_of(run, model.name, tmp_path).values()
    (local,) = done.folder.glob("wandb/run-*/files/*_model.json")
    assert data == local.read_bytes()


LIGHTGBM = """
import lightgbm, numpy, wandb
from wandb.integration.lightgbm import log_summary, wandb_callback

run = wandb.init()
rng = numpy.random.default_rng(0)
x = rng.normal(size=(100, 3))
data = lightgbm.Dataset(x[:50], x[:50, 0])
held = lightgbm.Dataset(x[50:], x[50:, 0], reference=data)
model = lightgbm.train({"objective": "regression", "metric": ["l2", "l1"], "num_leaves": 4,
    "verbosity": -1, "min_data_in_leaf": 5}, data, num_boost_round=10, valid_sets=[held],
    valid_names=["held"], callbacks=[wandb_callback()])
log_summary(model, save_model_checkpoint=True)
run.finish()
"""


def test_lightgbm(train: Train, tmp_path: Path) -> None:
    done = train("lightgbm", LIGHTGBM)
    run = done.run
    scores = values(run, "held_l2")
    assert len(scores) == len(values(run, "held_l1")) == 10
    assert values(run, "iteration") == list(range(10))
    assert (run.config["num_leaves"], run.config["metric"]) == (4, ["l2", "l1"])
    assert run.summary["held_l2"] == {"min": min(scores)}
    assert abs(run.summary["best_score"]["held"]["l2"] - scores[-1]) < 1e-9
    assert values(run, "Feature Importance_table")[0]["nrows"] == 3
    (model,) = (one for one in run.logged_artifacts() if one.type == "model")
    assert "best" in model.aliases
    (data,) = bytes_of(run, model.name, tmp_path).values()
    assert data.startswith(b"tree\n")
    (local,) = done.folder.glob("wandb/run-*/files/model_ckpt_*.txt")
    assert data == local.read_bytes()


SKLEARN = """
import numpy, wandb
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge

run = wandb.init()
rng = numpy.random.default_rng(0)
x = rng.normal(size=(900, 4))  # (of 3 columns the client takes a fitted model for none)
y = (x[:, 0] > 0).astype(int)
forest = RandomForestClassifier(5, random_state=0).fit(x[:600], y[:600])
wandb.sklearn.plot_classifier(forest, x[:600], x[600:], y[:600], y[600:], forest.predict(x[600:]),
    forest.predict_proba(x[600:]), ["no", "yes"], model_name="forest",
    feature_names=["a", "b", "c", "d"])
wandb.sklearn.plot_regressor(Ridge().fit(x[:600], x[:600, 0]), x[:600], x[600:], x[:600, 0],
    x[600:, 0], model_name="ridge")
wandb.sklearn.plot_elbow_curve(KMeans(random_state=0).fit(x), x, cluster_ranges=[2, 3])
run.finish()
"""


def test_plots_of_scikit_learn(train: Train) -> None:
    run = train("sklearn", SKLEARN).run
    tables = [
        (name, value)
        for row in run.scan_history()
        for name, value in row.items()
        if isinstance(value, dict) and value["_type"] == "table-file"
    ]
    plots = {name.removesuffix("_table") for name, _ in tables}
    assert plots == {
        *("calibration_curve", "class_proportions", "confusion_matrix", "elbow_curve"),
        *("feature_importances", "learning_curve", "outlier_candidates", "precision_recall"),
        *("residuals", "roc", "summary_metrics"),
    }
    files = {file.name: file.size for file in run.files()}
    assert len(tables) == 12
    for _, table in tables:
        assert table["nrows"] > 0
        assert files[table["path"]] == table["size"]
    # How each is drawn, where our own logger has it, too.
    drawn = run.rawconfig["_wandb"]
    assert drawn["visualize"].keys() | drawn["viz"].keys() == plots
