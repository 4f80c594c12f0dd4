"""W&B's `wandb.env`: names of variables, and what is in them."""

from __future__ import annotations

import os
from typing import MutableMapping

CONFIG_PATHS = "WANDB_CONFIG_PATHS"
MODE = "WANDB_MODE"
RESUME = "WANDB_RESUME"
RUN_ID = "WANDB_RUN_ID"
RUN_STORAGE_ID = "WANDB_RUN_STORAGE_ID"
RUN_GROUP = "WANDB_RUN_GROUP"
RUN_DIR = "WANDB_RUN_DIR"
SWEEP_ID = "WANDB_SWEEP_ID"
HTTP_TIMEOUT = "WANDB_HTTP_TIMEOUT"
API_KEY = "WANDB_API_KEY"
JOB_TYPE = "WANDB_JOB_TYPE"
DISABLE_CODE = "WANDB_DISABLE_CODE"
DISABLE_GIT = "WANDB_DISABLE_GIT"
SAVE_CODE = "WANDB_SAVE_CODE"
TAGS = "WANDB_TAGS"
IGNORE = "WANDB_IGNORE_GLOBS"
ERROR_REPORTING = "WANDB_ERROR_REPORTING"
CONSOLE = "WANDB_CONSOLE"
NAME = "WANDB_NAME"
NOTES = "WANDB_NOTES"
PROJECT = "WANDB_PROJECT"
ENTITY = "WANDB_ENTITY"
BASE_URL = "WANDB_BASE_URL"
USERNAME = "WANDB_USERNAME"
DIR = "WANDB_DIR"
CACHE_DIR = "WANDB_CACHE_DIR"
DATA_DIR = "WANDB_DATA_DIR"
ARTIFACT_DIR = "WANDB_ARTIFACT_DIR"
SILENT = "WANDB_SILENT"
QUIET = "WANDB_QUIET"
HOST = "WANDB_HOST"
_Environ = MutableMapping[str, str]


def _get(name: str, default: str | None, env: _Environ | None) -> str | None:
    return (os.environ if env is None else env).get(name, default)


def get_project(default: str | None = None, env: _Environ | None = None) -> str | None:
    return _get(PROJECT, default, env)


def get_entity(default: str | None = None, env: _Environ | None = None) -> str | None:
    return _get(ENTITY, default, env)


def get_run(default: str | None = None, env: _Environ | None = None) -> str | None:
    return _get(RUN_ID, default, env)


def get_dir(default: str | None = None, env: _Environ | None = None) -> str | None:
    return _get(DIR, default, env)


def get_base_url(default: str | None = None, env: _Environ | None = None) -> str | None:
    return _get(BASE_URL, default, env)


def is_offline(env: _Environ | None = None) -> bool:
    return _get(MODE, None, env) in ("offline", "dryrun")


def set_project(value: str, env: _Environ | None = None) -> None:
    (os.environ if env is None else env)[PROJECT] = value or "uncategorized"


def set_entity(value: str, env: _Environ | None = None) -> None:
    (os.environ if env is None else env)[ENTITY] = value
