"""Reports on record, on both databases: nobody overwrites what they have not seen."""

from __future__ import annotations

import threading

import pytest

from controller.store import open_store
from sweeps.errors import NotFoundError, ReportChanged


@pytest.fixture
def store(migrated_url):
    with open_store(migrated_url) as opened:
        yield opened


def test_a_report_is_kept_as_it_was_written(store):
    text = "# Über\n\n```panel\nkind: number\n```\n" + "x" * 100_000
    made = store.add_report("team/p", "Title ✓", text, "alice")
    assert (made.version, made.author, made.editor) == (1, "alice", "alice")
    assert made.created == made.updated > 0
    assert store.get_report(made.id) == made


def test_a_list_has_no_texts_and_begins_with_the_newest(store):
    first = store.add_report("p", "first", "a", "alice")
    store.add_report("q", "elsewhere", "b", "alice")
    store.add_report("p", "second", "c", "bob")
    store.change_report(first.id, 1, "bob", title="first", text="changed")
    listed = store.list_reports("p")
    assert [(each.title, each.text, each.version) for each in listed] == [
        ("first", "", 2),
        ("second", "", 1),
    ]
    assert len(store.list_reports()) == 3
    assert store.list_reports("nothing") == []


def test_a_report_without_a_project_is_in_the_one_of_such_runs(store):
    made = store.add_report("", "t", "", "alice")
    assert made.project == "uncategorized"
    assert [each.id for each in store.list_reports("")] == [made.id]
    assert store.list_reports("uncategorized") == store.list_reports("")


def test_the_second_of_two_editors_is_told(store):
    made = store.add_report("p", "t", "a", "alice")
    mine = store.change_report(made.id, 1, "alice", title="t", text="mine")
    assert (mine.version, mine.author, mine.editor) == (2, "alice", "alice")
    with pytest.raises(ReportChanged, match="version 2, which alice saved"):
        store.change_report(made.id, 1, "bob", title="t", text="theirs")
    assert store.get_report(made.id) == mine
    theirs = store.change_report(made.id, 2, "bob", title="t", text="theirs")
    assert (theirs.version, theirs.editor, theirs.author) == (3, "bob", "alice")
    assert store.get_report(made.id) == theirs


def test_saving_what_is_there_already_is_no_change(store):
    made = store.add_report("p", "t", "a", "alice")
    again = store.change_report(made.id, 1, "bob", title="t", text="b")
    assert store.change_report(made.id, 1, "alice", title="t", text="b") == again


def test_of_many_editors_at_once_one_wins(store):
    made = store.add_report("p", "t", "a", "alice")
    told: list[str] = []
    gate = threading.Barrier(6)

    def save(name: str) -> None:
        gate.wait()
        try:
            store.change_report(made.id, 1, name, title="t", text=name)
        except ReportChanged:
            told.append(name)

    threads = [threading.Thread(target=save, args=(f"user{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.get_report(made.id)
    assert found.version == 2
    assert len(told) == 5
    assert found.text == found.editor
    assert found.editor not in told


def test_what_is_not_there(store):
    made = store.add_report("p", "t", "a", "alice")
    store.delete_report(made.id)
    for act in (
        lambda: store.get_report(made.id),
        lambda: store.delete_report(made.id),
        lambda: store.change_report(made.id, 1, "bob", title="t", text="a"),
    ):
        with pytest.raises(NotFoundError, match="sweep report ls"):
            act()
