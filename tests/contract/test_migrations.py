"""The tables that the migrations make are the tables that the store works on."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, make_url

from controller.store import open_store
from controller.store.migrate import HEAD, SCRIPTS, VERSION_TABLE, current_revision, migrate
from controller.store.schema import metadata


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
