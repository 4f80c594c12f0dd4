"""Which process is which writer, by what clients of each line really send, word for word."""

from __future__ import annotations

import json

import pytest

from controller.store.processes import Recorders
from controller.wandb_api.runs.writers import client_of, recognise, rewinding, told


class Run:
    """A run as the store keeps it, as far as this rule goes."""

    def __init__(self, writer=0, names=None):
        self.there = Recorders(writer, over=False, fresh=True, names=names or {})
        self.cuts = []

    def hears(self, given, rule=None):
        """Takes a word in; as which writer it came."""
        wandb = json.loads(given.get("config", "{}")).get("_wandb", {}).get("value", {})
        client = given.pop("client", "")
        known = (rule or recognise(told(given, wandb, client)))(self.there)
        writer = known.writer
        if writer is None:
            writer = self.there.writer + 1
            self.cuts.append(known.cut)
            self.there = self.there._replace(writer=writer, over=False, fresh=True)
        names = {**dict.fromkeys(known.names, writer), **self.there.names}
        self.there = self.there._replace(names=names)
        return writer

    def logs(self):
        self.there = self.there._replace(fresh=False)

    def ends(self):
        self.there = self.there._replace(over=True, fresh=False)


def word(config=None, wandb=None, **given):
    said = {name: {"value": value} for name, value in (config or {}).items()}
    said["_wandb"] = {"value": {"t": {"3": [1]}, **(wandb or {})}}
    return {"name": "r", "config": json.dumps(said), **given}


def first(**given):
    return word(host="box", jobProgram="train.py", **given)


def second(process, **given):
    return word(wandb={"e": {process: {"startedAt": "now"}}}, **{"entityName": "e", **given})


def old(start, **given):
    return word(wandb={"start_time": start}, host="box", jobProgram="train.py", **given)


RESUMED = {"id": "UnVuOnI="}
PLACED = {"entityName": "e", "displayName": "calm-fox-1"}


class TestNewerClients:
    def test_what_a_process_says_later_is_its_own(self):
        run = Run()
        assert run.hears(first()) == 1
        assert run.hears(second("a")) == 1
        run.logs()
        assert run.hears(second("a", **RESUMED, **PLACED, host="box", jobProgram="x")) == 1
        run.ends()
        assert run.hears(second("a")) == 1
        assert run.cuts == [None]  # of a run's first writer there is nothing to cut

    def test_a_first_word_that_is_repeated_is_one(self):
        run = Run()
        assert run.hears(first()) == run.hears(first()) == 1

    def test_a_repeat_may_have_its_config_in_another_order(self):
        run = Run()
        given = first(config={"a": 1, "b": 2})
        again = dict(given, config=json.dumps(dict(reversed(json.loads(given["config"]).items()))))
        assert again["config"] != given["config"]
        assert run.hears(given) == run.hears(again) == 1

    def test_the_same_script_once_more_begins_anew(self):
        run = Run()
        run.hears(first())
        run.hears(second("a"))
        run.ends()
        assert run.hears(first()) == 2
        assert run.hears(second("b")) == 2
        assert run.cuts == [None, 0]

    def test_it_does_so_too_when_the_first_one_was_killed_a_moment_ago(self):
        run = Run()
        run.hears(first())
        run.hears(second("a"))
        run.logs()
        assert run.hears(first(**PLACED)) == 2
        assert run.cuts[-1] == 0

    def test_one_that_goes_on_takes_nothing_away(self):
        run = Run()
        run.hears(first())
        run.ends()
        assert run.hears(first(**RESUMED)) == 2
        assert run.hears(first(**RESUMED)) == 2  # its answer was lost
        assert run.hears(second("b")) == 2
        assert run.cuts == [None, None]

    def test_a_late_word_of_an_earlier_process_is_the_earlier_ones(self):
        run = Run()
        run.hears(first())
        run.hears(second("a"))
        run.ends()
        run.hears(first(**RESUMED))
        assert run.hears(second("a")) == 1

    def test_a_process_that_hides_its_machine_is_known_by_its_second_word(self):
        run = Run()
        run.hears(word())
        run.hears(second("a"))
        run.ends()
        assert run.hears(word()) == 1  # it says nothing of itself
        assert run.hears(second("b")) == 2
        assert run.hears(second("b")) == 2

    def test_a_run_that_is_made_once_more_by_hand_stays_as_it_is(self):
        run = Run()
        assert run.hears({"name": "r", "state": "running"}) == 1
        run.logs()
        assert run.hears({"name": "r", "state": "running"}) == 1

    def test_a_run_that_our_logger_began_is_gone_on_with(self):
        run = Run(1, {"uid-of-a-folder": 1})
        assert run.hears(first(**RESUMED, **PLACED)) == 2
        assert run.cuts == [None]

    def test_one_that_was_made_for_a_script_to_come_is_its_first_writers(self):
        run = Run(0)
        assert run.hears(first(**RESUMED)) == 1


class TestRewinding:
    def test_the_process_that_it_was_done_for_goes_on_as_the_same_writer(self):
        run = Run()
        run.hears(first())
        run.hears(second("a"))
        run.ends()
        assert run.hears({}, rewinding(4)) == 2
        assert run.hears({}, rewinding(4)) == 2
        assert run.hears(first(**RESUMED)) == 2
        assert run.hears(first(**RESUMED)) == 2
        assert run.hears(second("b")) == 2
        assert run.cuts == [None, 5]

    def test_going_back_further_is_another_time(self):
        run = Run()
        run.hears(first())
        run.ends()
        run.hears({}, rewinding(4))
        assert run.hears({}, rewinding(2)) == 3
        run.logs()
        assert run.hears({}, rewinding(2)) == 4


class TestClientsWithoutAnId:
    """Line 0.19: nothing names a process."""

    def test_its_later_words_have_names_that_a_server_answered(self):
        run = Run()
        run.hears(first())
        run.logs()
        assert run.hears(word(entityName="e")) == 1
        assert run.hears(first(config={"late": 1}, **PLACED)) == 1

    def test_the_same_script_once_more_is_another_process(self):
        run = Run()
        run.hears(first(**PLACED))
        run.logs()
        assert run.hears(first(**PLACED)) == 2

    def test_after_its_end_another_one_begins(self):
        run = Run()
        run.hears(first())
        run.ends()
        assert run.hears(first(config={"other": 1}, **PLACED)) == 2


class TestOldClients:
    """Up to 0.16: all that they send has the time of their start."""

    def test_one_process_is_one_writer_whatever_it_says(self):
        run = Run()
        assert run.hears(old(10.5)) == 1
        run.ends()
        assert run.hears(old(10.5, config={"x": 1}, **PLACED)) == 1  # synced once more

    def test_another_one_is_another_and_its_first_step_tells_what_it_does(self):
        run = Run()
        run.hears(old(10.5))
        assert run.hears(old(11.5)) == 2
        assert run.cuts == [None, None]


class TestSharing:
    def test_processes_side_by_side_are_one_writer(self):
        run = Run()
        assert run.hears(first(client="a")) == 1
        run.logs()
        assert run.hears(first(client="b")) == 1
        run.ends()
        assert run.hears(first(client="late")) == 1
        assert run.hears(second("x", client="a")) == 1

    def test_all_of_them_together_may_go_on_later(self):
        run = Run()
        run.hears(first(client="a"))
        run.hears(first(client="b"))
        run.ends()
        assert run.hears(first(client="c", **RESUMED)) == 2
        assert run.hears(first(client="d", **RESUMED)) == 2
        assert run.hears(first(client="b")) == 1


@pytest.mark.parametrize("header", ["x-wandb-client-id", "x-wandb-async-client-id"])
def test_either_header_names_a_process_of_shared_mode(header):
    assert client_of({header: "abc"}) == "abc"
    assert client_of({"x-wandb-username": "me"}) == ""
