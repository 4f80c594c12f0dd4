"""What scripts and libraries ask of W&B's run besides recording: its addresses, paths and states.

Neighbour: run.py, whose Run is an AsInWandb. What is not there, is said so by name.
"""

from __future__ import annotations

from logging_core.hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logging_core.run import Run


class AsInWandb:
    """W&B's names for what a run is. Mixed into Run."""

    @property
    def _as_run(self) -> Run:
        return self  # type: ignore[return-value]

    @property
    def path(self) -> str:
        """ "entity/project/id", as the API takes it."""
        run = self._as_run
        return "/".join(part for part in (run.entity, run.project, run.id) if part)

    @property
    def offline(self) -> bool:
        """Whether the run stays on this machine for now."""
        return self._as_run.url is None

    @property
    def mode(self) -> str:
        """online, offline or disabled."""
        run = self._as_run
        return "disabled" if run.disabled else "offline" if run.url is None else "online"

    @property
    def settings(self) -> Any:
        """Settings that W&B's users read from a run: run_id, project, mode, files_dir, …"""
        from logging_core.active import Settings

        run = self._as_run
        return Settings(
            run_id=run.id,
            run_name=run.name,
            run_group=run.group,
            run_job_type=run.job_type,
            run_tags=run.tags,
            project=run.project,
            entity=run.entity,
            sweep_id=run.sweep_id,
            mode=self.mode,
            files_dir=run.dir,
            resumed=run.resumed,
            _offline=self.offline,
        )

    @property
    def project_url(self) -> str | None:
        """Where the project is shown; None where the run is only kept in its folder."""
        url = self._as_run.url
        return url.split("/runs/")[0] if url else None

    @property
    def sweep_url(self) -> str | None:
        """Where the sweep is shown; None where there is none."""
        run = self._as_run
        return f"{self.project_url}/sweeps/{run.sweep_id}" if run.url and run.sweep_id else None

    def get_url(self) -> str | None:
        """`url`."""
        return self._as_run.url

    def get_project_url(self) -> str | None:
        """`project_url`."""
        return self.project_url

    def get_sweep_url(self) -> str | None:
        """`sweep_url`."""
        return self.sweep_url

    def project_name(self) -> str:
        """`project`."""
        return self._as_run.project

    def display(self, *_args: Any, **_kwargs: Any) -> bool:
        """False: there is no notebook view."""
        return False

    def status(self) -> None:
        """W&B's word on how far it is with sending; nothing is waited for here."""

    def _label(self, *_args: Any, **_kwargs: Any) -> None:
        """By which library a run was begun: W&B's statistics, of no use here."""

    if not TYPE_CHECKING:  # there, a misspelt name shall be found

        def __getattr__(self, name: str) -> Any:
            # Only for what is nowhere else; `hasattr` goes on to work.
            raise AttributeError(f"opensweep's Run has no {name!r}")
