"""What the environment may say, and how a wrong value is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from opensweep.settings import Settings
from sweeps.errors import ConfigurationError


def test_nothing_set_is_the_home_in_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Settings.from_env({}) == Settings(home=Path("/home/somebody/.opensweep"))
    assert Settings.from_env({"OPENSWEEP_URL": " ", "OPENSWEEP_HOME": ""}) == Settings.from_env({})


def test_everything_set(tmp_path: Path) -> None:
    given = {
        "OPENSWEEP_HOME": str(tmp_path),
        "OPENSWEEP_URL": "https://gpu1:8443/sweeps/",
        "OPENSWEEP_API_KEY": "abc\n",
        "OPENSWEEP_REDIS_URL": "rediss://u:p@redis:6380/3",
        "OPENSWEEP_DATABASE_URL": "postgresql+psycopg://u:p@db/sweeps",
        "OPENSWEEP_IDLE_S": "inf",
    }
    assert Settings.from_env(given) == Settings(
        home=tmp_path,
        url="https://gpu1:8443/sweeps",
        key="abc",
        redis_url="rediss://u:p@redis:6380/3",
        database_url="postgresql+psycopg://u:p@db/sweeps",
        idle_s=float("inf"),
    )


def test_a_relative_home_is_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.from_env({"OPENSWEEP_HOME": "x"}).home == tmp_path / "x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENSWEEP_URL", "gpu1:8080"),
        ("OPENSWEEP_URL", "ftp://gpu1"),
        ("OPENSWEEP_URL", "http://"),
        ("OPENSWEEP_URL", "http://user:secret@gpu1:8080"),
        ("OPENSWEEP_URL", "http://gpu1:99999"),
        ("OPENSWEEP_API_KEY", "two words"),
        ("OPENSWEEP_API_KEY", "schlüssel"),
        ("OPENSWEEP_REDIS_URL", "redis:6379"),
        ("OPENSWEEP_REDIS_URL", "http://user:secret@redis:6379"),
        ("OPENSWEEP_DATABASE_URL", "/var/lib/sweeps.db"),
        ("OPENSWEEP_DATABASE_URL", "mysql://user:secret@db/x"),
        ("OPENSWEEP_IDLE_S", "soon"),
        ("OPENSWEEP_IDLE_S", "-1"),
        ("OPENSWEEP_IDLE_S", "nan"),
        ("OPENSWEEP_HOME", __file__),
        ("OPENSWEEP_HOME", "~nobody-of-this-name/x"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        Settings.from_env({name: value})
    assert "secret" not in str(caught.value)
