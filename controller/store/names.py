"""The store's part for names: which run or project somebody means. See sweeps/project.py.

Neighbours: runs.py (the runs themselves).
"""

from __future__ import annotations

import hashlib

from sqlalchemy import select

from controller.store.engine import Database
from controller.store.projects import PROJECT_NAMES
from controller.store.records import RunRecord
from controller.store.runs import RUN, run_record
from controller.store.schema import runs
from sweeps.errors import NotFoundError
from sweeps.project import NO_PROJECT, OWN_ENTITY, entity_and_project
from sweeps.run_name import attempt_of


class NameStore:
    """Names. Each method is one transaction."""

    _db: Database

    def find_run(self, project: str, local_id: str) -> RunRecord:
        """The run that a script of this project knows by this id.

        Args:
            project: its whole name; NO_PROJECT and "" are the same.
            local_id: also the name of a later attempt at a trial (sweeps/run_name.py), which is
                recorded in the trial's run.

        Raises NotFoundError.
        """
        names = ["", NO_PROJECT] if project in ("", NO_PROJECT) else [project]
        query = RUN.add_columns(self._db.now().label("now"))
        query = query.where(runs.c.project.in_(names)).order_by(runs.c.created)
        with self._db.read() as connection:
            row = connection.execute(query.where(runs.c.local_id == local_id)).mappings().first()
            attempt = attempt_of(local_id) if row is None else None
            if attempt is not None and attempt[0] != local_id:
                trials = runs.c.id == attempt[0], runs.c.sweep_id.is_not(None)
                row = connection.execute(query.where(*trials)).mappings().first()
        if row is None:
            raise NotFoundError(
                f"there is no run {local_id!r} in project {project or NO_PROJECT!r}: "
                "`sweep runs` lists all runs"
            )
        return run_record(row, row["now"])

    def run_key(self, project: str, local_id: str) -> str:
        """The id of the run that a project's scripts call `local_id`, or that it is to get: the
        same, unless another project's run has it.
        """
        try:
            return self.find_run(project, local_id).id
        except NotFoundError:
            pass
        with self._db.read() as connection:
            taken = connection.scalar(select(runs.c.id).where(runs.c.id == local_id))
        if taken is None:
            return local_id
        return f"{local_id}.{hashlib.sha256(project.encode()).hexdigest()[:8]}"

    def known_project(self, whole: str, *, own: str = OWN_ENTITY) -> str:
        """The whole name of a project on record that somebody means by `whole`.

        The server's own entity is left out of it; so is one that has nothing here: scripts that
        named an entity of W&B's when they read, and none when they wrote, find what they wrote.
        Without an entity, a project that one other entity alone has is that one's.
        """
        entity, project = entity_and_project(whole, own=own)
        with self._db.read() as connection:
            if entity != own:
                theirs = f"{entity}/"
                for column in PROJECT_NAMES:
                    beginning = select(column).where(column.startswith(theirs, autoescape=True))
                    if connection.scalar(beginning.limit(1)) is not None:
                        return whole
                return project
            if project == NO_PROJECT or any(
                connection.scalar(select(column).where(column == project).limit(1)) is not None
                for column in PROJECT_NAMES
            ):
                return project
            ending = runs.c.project.endswith(f"/{project}", autoescape=True)
            found = connection.scalars(select(runs.c.project).where(ending).distinct()).all()
        return found[0] if len(found) == 1 else project
