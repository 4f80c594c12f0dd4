"""What a run can do beyond rows, config and summary: each method's work is in a room of its own.

A method here says what it takes and hands it on; the room is imported when it is first used, so
that `import opensweep` costs nothing for what a script does not use. Neighbour: run.py, whose Run
is a Reach.
"""

from __future__ import annotations

import os

from logging_core.hints import TYPE_CHECKING, Any, Callable, Sequence

if TYPE_CHECKING:
    from logging_core.run import Run


class Reach:
    """Files, artifacts, watching, alerts. Mixed into Run."""

    @property
    def _run(self) -> Run:
        return self  # type: ignore[return-value]

    # -- files: saving.py --------------------------------------------------------------------

    def save(
        self,
        glob_str: str | os.PathLike[str] | None = None,
        base_path: str | os.PathLike[str] | None = None,
        policy: str = "live",
        glob: bool = True,
    ) -> list[str]:
        """Keep files with the run: those that the glob names (relative to the working directory),
        by their path relative to `base_path`.

        `policy`: "live" sends each again when it changes, "now" once, "end" when the run ends.
        `glob`: False takes "*", "?" and "[" as they are. Without a `base_path` that is the working
        directory, or, of an absolute path, the folder above its own. Returns the paths in the run
        folder. Raises UsageError. Without `glob_str` (so older scripts write down changes)
        there is nothing to do: name, notes and the rest are on record as they change.
        """
        from logging_core import saving

        if glob_str is None:
            return []
        return saving.save(self._run, glob_str, base_path, policy, glob)

    def restore(
        self,
        name: str,
        run_path: str | None = None,
        replace: bool = False,
        root: str | None = None,
    ) -> Any:
        """Bring back a file that a run saved, as an open file; None when it has no such file.

        Raises NotFoundError (also a ValueError) when there is no run `run_path`, and CommError.
        """
        from logging_core import saving

        return saving.restore(self._run, name, run_path, replace, root)

    def log_code(
        self,
        root: str | None = ".",
        name: str | None = None,
        include_fn: Callable[..., bool] | None = None,
        exclude_fn: Callable[..., bool] | None = None,
    ) -> Any:
        """Keep the source files below `root` as an artifact of type "code"."""
        from logging_core import saving

        return saving.log_code(self._run, root, name, include_fn, exclude_fn)

    # -- artifacts: artifact_calls.py --------------------------------------------------------

    def log_artifact(
        self,
        artifact_or_path: Any,
        name: str | None = None,
        type: str | None = None,
        aliases: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
    ) -> Any:
        """Record an artifact (or a file or folder, made into one) as an output of this run."""
        from logging_core import artifact_calls

        return artifact_calls.log_artifact(self._run, artifact_or_path, name, type, aliases, tags)

    def use_artifact(
        self,
        artifact_or_name: Any,
        type: str | None = None,
        aliases: Sequence[str] | None = None,
        use_as: str | None = None,
    ) -> Any:
        """Say that this run uses an artifact ("name:v3", "name:latest", …), and get it."""
        from logging_core import artifact_calls

        return artifact_calls.use_artifact(self._run, artifact_or_name, type, aliases, use_as)

    def upsert_artifact(self, artifact_or_path: Any, **options: Any) -> Any:
        """log_artifact; kept for scripts whose several processes share one artifact."""
        from logging_core import artifact_calls

        return artifact_calls.upsert_artifact(self._run, artifact_or_path, **options)

    def finish_artifact(self, artifact_or_path: Any, **options: Any) -> Any:
        """Ends what upsert_artifact began."""
        from logging_core import artifact_calls

        return artifact_calls.finish_artifact(self._run, artifact_or_path, **options)

    def link_artifact(
        self, artifact: Any, target_path: str, aliases: Sequence[str] | None = None
    ) -> Any:
        """Give an artifact a second name: `target_path` is "[[entity/]project/]name"."""
        from logging_core import artifact_calls

        return artifact_calls.link_artifact(self._run, artifact, target_path, aliases)

    def log_model(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        aliases: Sequence[str] | None = None,
    ) -> Any:
        """log_artifact with type "model"."""
        from logging_core import artifact_calls

        return artifact_calls.log_model(self._run, path, name, aliases)

    def use_model(self, name: str) -> str:
        """use_artifact of a model: the path of its file, or of its folder if it has several."""
        from logging_core import artifact_calls

        return artifact_calls.use_model(self._run, name)

    def link_model(
        self,
        path: str | os.PathLike[str],
        registered_model_name: str,
        name: str | None = None,
        aliases: Sequence[str] | None = None,
    ) -> Any:
        """log_model, and link_artifact to the registered name."""
        from logging_core import artifact_calls

        return artifact_calls.link_model(self._run, path, registered_model_name, name, aliases)

    # -- watching: watching.py ---------------------------------------------------------------

    def watch(
        self,
        models: Any,
        criterion: Any = None,
        log: str | None = "gradients",
        log_freq: int = 1000,
        idx: int | None = None,
        log_graph: bool = False,
    ) -> Any:
        """Log histograms of a PyTorch model's gradients, parameters or both ("all")."""
        from logging_core import watching

        return watching.watch(self._run, models, criterion, log, log_freq, idx, log_graph)

    def unwatch(self, models: Any = None) -> None:
        """Stop what watch() began, for these models or for all."""
        from logging_core import watching

        watching.unwatch(self._run, models)

    # -- alerts: alerts.py -------------------------------------------------------------------

    def alert(
        self,
        title: str,
        text: str,
        level: Any = None,
        wait_duration: Any = None,
    ) -> None:
        """Tell people: `level` INFO, WARN or ERROR; no second one of this title within
        `wait_duration` (seconds or a timedelta; 60 s)."""
        from logging_core import alerts

        alerts.alert(self._run, title, text, level, wait_duration)

    def mark_preempting(self) -> None:
        """The machine is being taken away: the attempt does not count as failed, and is retried."""
        from logging_core import alerts

        alerts.mark_preempting(self._run)
