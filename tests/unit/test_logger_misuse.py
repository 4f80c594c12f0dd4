"""Wrong uses of the logger are told in one sentence that says what to do instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from logger_place import clean_place, records_of  # noqa: F401

import opensweep
from logging_core.api.files import like
from logging_core.records import ConfigUpdate
from opensweep.errors import ConfigError

pytestmark = pytest.mark.usefixtures("clean_place")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "x", "step_metric": 5}, "step_metric takes the name of a metric, not 5"),
        ({"name": "q*z*"}, "has its . at the end alone"),
        ({"name": "q*z"}, "has its . at the end alone"),
    ],
)
def test_define_metric(arguments: dict[str, Any], message: str) -> None:
    run = opensweep.init()
    with pytest.raises(opensweep.UsageError, match=message):
        run.define_metric(**arguments)


def test_a_text_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("hello")
    with pytest.raises(opensweep.UsageError, match=r"t\.txt'\): neither its content nor its name"):
        opensweep.Image(tmp_path / "t.txt")
    (tmp_path / "t.svg").write_text("<svg/>")
    opensweep.Image(tmp_path / "t.svg")  # a picture whose size is not looked for


def test_a_mode_that_pillow_does_not_have() -> None:
    pillow = pytest.importorskip("PIL.Image")
    with pytest.raises(opensweep.UsageError, match="cannot make mode 'ZZZ' of 'RGB'"):
        opensweep.Image(pillow.new("RGB", (2, 2)), mode="ZZZ")


def test_a_table_of_no_data_frame() -> None:
    with pytest.raises(opensweep.UsageError, match="of pandas or Polars, not int"):
        opensweep.Table(dataframe=5)


def test_a_chart_of_a_column_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    table = opensweep.Table(columns=["a", "b"], data=[[1, 2]])
    opensweep.plot.line(table, "a", "b")
    assert capsys.readouterr().err == ""
    opensweep.plot.line(table, "a", "q")
    assert "no column 'q' to be 'y'; it has a, b" in capsys.readouterr().err


def test_metadata_that_is_no_json() -> None:
    with pytest.raises(opensweep.UsageError, match="as JSON has them: a value of type"):
        opensweep.Artifact("x", "y", metadata={"o": object()})


def test_an_artifact_in_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    run = opensweep.init()
    run.config["data"] = opensweep.Artifact("digits", "dataset")
    assert "config.data is an Artifact: its name alone" in capsys.readouterr().err
    kept = [each.values for each in records_of(run) if isinstance(each, ConfigUpdate)]
    assert kept[-1] == {"data": "digits"}


def test_a_pattern_is_sqls() -> None:
    assert like("media/%.p_g") == r"media/.*\.p.g"


def test_a_config_value_that_changes_by_a_slip() -> None:
    run = opensweep.init(config={"a": 1})
    with pytest.raises(ConfigError, match=r"config\.a is 1 and may not become 2.*allow_val_change"):
        run.config.update({"a": 2})
    assert run.config.a == 1
