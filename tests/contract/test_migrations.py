"""The tables that the migrations make are the tables that the store works on."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, make_url, text

from controller.store import Chunk, open_store
from controller.store.drawing import SeriesQuery
from controller.store.migrate import HEAD, SCRIPTS, VERSION_TABLE, current_revision, migrate
from controller.store.packer import Due
from controller.store.schema import metadata
from sweeps.protocol.chunks import encode, pack_points


def revisions():
    """Oldest first."""
    return [script.revision for script in ScriptDirectory(SCRIPTS).walk_revisions()][::-1]


@pytest.fixture
def engine(url):
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed)
    yield engine
    engine.dispose()


def differences(engine):
    """Between the database and the tables in `schema.py`, as alembic sees them."""
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def layout(engine):
    """All columns, keys and indexes, as the database tells them."""
    look = inspect(engine)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(table)],
            look.get_pk_constraint(table)["constrained_columns"],
            sorted((i["name"], *i["column_names"]) for i in look.get_indexes(table)),
            sorted((f["name"] or "", f["referred_table"]) for f in look.get_foreign_keys(table)),
        )
        for table in sorted(look.get_table_names())
    }


def test_the_revisions_are_one_line_that_ends_at_head():
    scripts = ScriptDirectory(SCRIPTS)
    assert scripts.get_heads() == [HEAD]
    assert len(scripts.get_bases()) == 1
    assert revisions()[-1] == HEAD


def test_a_fresh_database_has_the_tables_of_the_schema(url, engine):
    open_store(url).close()
    assert differences(engine) == []
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, VERSION_TABLE}


def test_the_comparison_sees_a_difference(url, engine):
    open_store(url).close()
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_trials_sweep_id_number")
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN extra INTEGER")
    assert {change[0] for change in differences(engine)} == {"add_index", "remove_column"}


def test_a_database_upgraded_from_each_revision_is_as_a_fresh_one(url, engine, tmp_path):
    for revision in revisions():
        with engine.begin() as connection:
            migrate(connection, "it", target=revision)
            assert current_revision(connection) == revision
    upgraded = layout(engine)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.exec_driver_sql(f"DROP TABLE {VERSION_TABLE}")
    open_store(url).close()
    assert upgraded == layout(engine)


def test_opening_again_changes_nothing(url, engine):
    open_store(url).close()
    before = layout(engine)
    open_store(url).close()
    assert layout(engine) == before


OLD_RUN = {
    "id": "aaaaaaaa-1",
    "sweep_id": "aaaaaaaa",
    "project": "p",
    "name": "aaaaaaaa-1",
    "state": "finished",
    "writer": 2,
    "history_writer": 2,
    "steps": 7,
    "created": 1.0,
    "updated": 2.0,
    "metadata": "{}",
    "summary": '{"loss":NaN}',
    "config": '{"lr":0.1}',
}
OLD_SWEEP = {
    "id": "aaaaaaaa",
    "name": "n",
    "project": "p",
    "state": "running",
    "reason": "",
    "seed": "1",
    "created": 1.0,
    "generation": 1,
    "next_number": 2,
    "ended_seq": 1,
    "feed": 2,
    "origin": "{}",
    "spec": "{}",
    "yaml": "",
}
OLD_TRIAL = {
    "id": "aaaaaaaa-1",
    "sweep_id": "aaaaaaaa",
    "number": 1,
    "state": "finished",
    "token": 2,
    "attempts": 2,
    "detail": "",
    "created": 1.0,
    "config": '{"lr":0.1}',
}


def insert(connection, table, **values):
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)


def old_chunk(connection, writer, seq, steps, feed=None, kind="history"):
    rows = [(step, 1e9 + step, {"loss": 10.0 * writer + step}) for step in steps]
    insert(
        connection,
        "chunks",
        run_id="aaaaaaaa-1",
        kind=kind,
        writer=writer,
        seq=seq,
        sweep_id="aaaaaaaa",
        feed=feed,
        first=min(steps),
        last=max(steps),
        rows=len(rows),
        created=5.0,
        objective=pack_points([(step, 0.5) for step in steps]) if feed else None,
        data=encode(rows) if kind == "history" else b"hello",
    )


def test_what_an_older_database_holds_reads_the_same_after_the_upgrade(url, engine):
    with engine.begin() as connection:
        migrate(connection, "it", target="0001")
        insert(connection, "sweeps", **OLD_SWEEP)
        insert(connection, "trials", **OLD_TRIAL)
        insert(connection, "runs", **{**OLD_RUN, "metadata": '{"parent":"aaaaaaaa-7"}'})
        old_chunk(connection, 1, 0, range(5), feed=1)
        old_chunk(connection, 1, 1, range(5, 9))
        old_chunk(connection, 2, 0, range(3, 7), feed=2)
        old_chunk(connection, 2, 0, [0], kind="console")
    expected = [*(10.0 + step for step in range(3)), *(20.0 + step for step in range(3, 7))]
    with open_store(url) as store:
        run = store.get_run("aaaaaaaa-1")
        assert (run.config, run.steps, run.local_id, run.metrics) == ({"lr": 0.1}, 7, run.id, {})
        assert store.get_trial("aaaaaaaa-1").summary["loss"] != 0
        assert store.get_trial("aaaaaaaa-1").parent == 7
        assert store.get_sweep("aaaaaaaa").trouble == ""
        feed = store.objective_feed("aaaaaaaa", 0)
        assert [(p.feed, p.token) for p in feed] == [(1, 1), (2, 2)]
        assert [s for s, _ in store.objective_curve("aaaaaaaa-1")] == [0, 1, 2, 3, 4, 5, 6]
        assert [chunk.data for chunk in store.chunks("aaaaaaaa-1", "console")] == [b"hello"]
        for packed in (False, True):
            rows = list(store.history("aaaaaaaa-1").rows())
            assert [row["loss"] for _, _, row in rows] == expected
            (series,) = store.series(["aaaaaaaa-1"], SeriesQuery(("loss",)))
            assert series.y.tolist() == expected
            for name in () if packed else store.streams("aaaaaaaa-1"):
                assert name.kind == "console" or store.pack_stream(Due(name, over=True))
        repeat = Chunk("aaaaaaaa-1", 2, "history", 0, 3, 6, 4, b"")
        assert not store.add_chunk(repeat)
        more = encode([(7, 1.0, {"loss": 27.0})])
        assert store.add_chunk(Chunk("aaaaaaaa-1", 2, "history", 1, 7, 7, 1, more))
        assert store.get_run("aaaaaaaa-1").steps == 8
        assert len(store.history("aaaaaaaa-1")) == 8


def test_artifacts_of_before_the_wandb_clients_door_stay_what_they_were(url, engine):
    said = {"type": "model", "created": 1.0, "description": ""}
    version = {"digest": "d", "manifest": "m", "size": 1, "files": 1, "updated": 1.0}
    with engine.begin() as connection:
        migrate(connection, "it", target="0005")
        insert(connection, "blobs", digest="m", size=1, state="stored", touched=1.0)
        for project, name in (("p", "own"), ("p", "port")):
            place = {"project": project, "name": name, "next_version": 1}
            insert(connection, "artifact_collections", **place, **said)
        given = {"id": "a1", "project": "p", "name": "own", "version": 0}
        insert(connection, "artifacts", **given, **said, **version, tags="[]", metadata="{}")
        link = {"project": "p", "name": "port", "version": 0, "artifact_id": "a1", "created": 2.0}
        insert(connection, "artifact_links", **link)
    with open_store(url) as store:
        own, port = store.artifact_collections("p")
        assert (own.name, own.portfolio, port.name, port.portfolio) == ("own", False, "port", True)
        assert len({own.id, port.id, ""}) == 3
        assert [place.collection.id for place in store.memberships(["a1"])["a1"]] == [
            *(own.id, port.id),
        ]
        assert store.get_artifact("a1").md5_digest is None
