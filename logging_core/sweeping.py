"""sweep() and agent() from Python, as W&B's tutorials call them.

A trial here is a process of its own, so that a crash, a kill or a GPU that is full ends one trial
and nothing else. `agent(id, function=train)` therefore has the `sweep agent` command start this
very script again for each trial; there, sweep() gives the id that is known already, and agent()
calls the function once and ends the process. What the script does before the two calls is done
in every trial, what comes after them only here.
Needs opensweep installed whole. Neighbours: active.py (the run of a trial), follower.py.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Callable, Mapping

from logging_core import active, environment, follower
from logging_core.errors import UsageError
from logging_core.values import plain

_CODE = "import sys; sys.path.append(sys.argv.pop(1)); from opensweep._command import main; main()"
_CALL = "OPENSWEEP_AGENT_CALL"  # tells a trial which of the script's calls of agent() started it
_DEFAULT = ["${env}", "${interpreter}", "${program}"]

_calls = 0  # of agent(), in this process


def sweep(
    sweep: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | str | os.PathLike[str],
    entity: str | None = None,
    project: str | None = None,
    prior_runs: list[str] | None = None,
) -> str:
    """Record a sweep and return its id; within a trial, the id of its sweep.

    Args:
        sweep: the sweep file's content as a dict, a function that returns it, or the file's path.
            Without a `program`, this script is it.

    Raises UsageError: the sweep is malformed, or it cannot be recorded from here.
    """
    env = environment.read()
    if env.run_dir:
        return env.sweep_id
    if prior_runs:
        raise UsageError("sweep(prior_runs=…) is not there yet: leave it out")
    if isinstance(sweep, (str, os.PathLike)):
        return _create(os.fspath(sweep))
    given = plain(dict(sweep() if callable(sweep) else sweep))
    given.update({key: value for key, value in (("entity", entity), ("project", project)) if value})
    if not given.get("program") and "command" not in given:
        given["program"] = _this_script()
        given["command"] = [*_DEFAULT, *sys.argv[1:]]
    import tempfile  # seldom needed, and slow to import

    import yaml

    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump(given, file, sort_keys=False, allow_unicode=True)
        file.flush()
        return _create(file.name)


def agent(
    sweep_id: str,
    function: Callable[[], Any] | None = None,
    entity: str | None = None,
    project: str | None = None,
    count: int | None = None,
    forward_signals: bool | None = None,
) -> None:
    """Run trials of a sweep until it is done, or `count` of them: each calls `function` once, in a
    process of its own that runs this script. Without a function: what `sweep agent` does.

    Raises UsageError: there is no such sweep, or opensweep is not installed whole.
    """
    global _calls
    del entity, project
    _calls += 1
    if environment.read().run_dir:
        if str(_calls) == os.environ.get(_CALL, "1") and function is not None:
            function()
            active.finish()
            sys.exit(0)
        return
    if function is not None:
        _this_script()
    arguments = ["agent", sweep_id]
    arguments += ["--count", str(count)] if count is not None else []
    arguments += ["--forward-signals"] if forward_signals else []
    _command(arguments, capture=False)


def _this_script() -> str:
    """The path of the script that runs, for others to run it again. Raises UsageError."""
    main = sys.modules.get("__main__")
    path: str | None = getattr(main, "__file__", None)
    if not path or not os.path.isfile(path) or getattr(main, "__spec__", None) is not None:
        raise UsageError(
            "trials are processes of their own that run a script, and here is none (a notebook, "
            "`python -c` or `python -m`): put the training into a file, name it as `program` in "
            "the sweep, and run `sweep agent ID`"
        )
    return os.path.relpath(path)


def _create(path: str) -> str:
    return str(json.loads(_command(["create", path, "--json"], capture=True))["id"])


def _command(arguments: list[str], *, capture: bool) -> str:
    """What the `sweep` command says on stdout. Raises UsageError with its complaint."""
    if not follower.installed():
        raise UsageError(
            f"`sweep {arguments[0]}` needs opensweep installed whole in {sys.prefix}; this is the "
            "logger alone. Install it, or use the `sweep` command of another environment"
        )
    import subprocess

    env = {"OPENSWEEP_PYTHON": sys.executable, **os.environ, _CALL: str(_calls)}
    argv = [sys.executable, "-P", "-c", _CODE, follower.home_of_the_package(), *arguments]
    pipe = subprocess.PIPE if capture else None
    with subprocess.Popen(argv, env=env, stdout=pipe, stderr=pipe, text=True) as process:
        while True:
            try:
                out, err = process.communicate()
                break
            except KeyboardInterrupt:
                if capture:
                    raise
                # The command had the Ctrl-C, too, and knows what it means for its trials.
    if process.returncode == 130:
        raise KeyboardInterrupt
    if process.returncode == 2 or (capture and process.returncode):
        said = (err or "").strip().splitlines()[-1:] or ["it says why above"]
        raise UsageError(f"`sweep {arguments[0]}`: {said[0]}")
    return str(out or "")
