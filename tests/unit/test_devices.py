"""Which GPUs there are, which are ours, and who holds them, with an nvidia-smi of our own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent import devices
from agent.devices import Devices, find_devices
from agent.locks import DeviceLock, lock_folder
from sweeps.errors import DeviceError

TWO = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-0e9f81c2-6ad0-4b6e-a1f3-9d3ba5e5a2b1)
"""
FIRST = "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77"
SECOND = "GPU-0e9f81c2-6ad0-4b6e-a1f3-9d3ba5e5a2b1"
MIG = f"""GPU 0: NVIDIA A100-SXM4-40GB (UUID: {FIRST})
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 1g.5gb      Device  1: (UUID: MIG-GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77/7/0)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: {SECOND})
"""


class Machine:
    """An environment whose nvidia-smi says what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.environ = {"PATH": f"{self.bin}", "OPENSWEEP_LOCK_DIR": str(folder / "locks")}

    def smi(self, listing: str = "", *, modes: str = "", code: int = 0, body: str = "") -> None:
        (self.bin / "listing").write_text(listing)
        (self.bin / "modes").write_text(modes)
        script = self.bin / "nvidia-smi"
        body = body or (
            'case "$1" in -L) f=listing;; *) f=modes;; esac\n'
            f'while IFS= read -r line; do echo "$line"; done < "{self.bin}/$f"\nexit {code}'
        )
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)

    def find(self, **options: object) -> Devices:
        return find_devices(environ=self.environ, **options)  # type: ignore[arg-type]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def pinned(found: Devices) -> list[str | None]:
    return [slot.env.get("CUDA_VISIBLE_DEVICES") for slot in found.slots]


def test_one_slot_for_each_gpu_pinned_by_uuid(machine: Machine) -> None:
    machine.smi(TWO)
    found = machine.find()
    assert pinned(found) == [FIRST, SECOND]
    assert [slot.name for slot in found.slots] == ["0", "1"]
    assert all(slot.env["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID" for slot in found.slots)
    assert found.slots[1].device == "GPU 1 (NVIDIA A100-SXM4-40GB)"


def test_a_machine_without_gpus_has_one_cpu_slot_that_hides_nothing(machine: Machine) -> None:
    found = machine.find()
    assert pinned(found) == [None]
    assert found.notes == ()
    assert len(machine.find(slots=3).slots) == 3


def test_trials_that_share_the_cpu_share_its_cores(machine: Machine) -> None:
    """With all cores each, two trials of a small network took three times as long."""

    def threads(**options: object) -> set[str | None]:
        return {slot.env.get("OMP_NUM_THREADS") for slot in machine.find(**options).slots}

    cores = len(os.sched_getaffinity(0))
    assert threads(slots=1) == {None}, "alone, a trial may take them all"
    assert threads(slots=2) == threads(slots=2, gpus="none") == {str(max(1, cores // 2))}
    assert threads(slots=2 * cores) == {"1"}
    machine.environ["OMP_NUM_THREADS"] = "3"
    assert threads(slots=2) == {None}, "the user's own word stays"


def test_gpus_none_hides_them(machine: Machine) -> None:
    machine.smi(TWO)
    found = machine.find(gpus="none", slots=2)
    assert pinned(found) == ["", ""]
    assert found.slots[0].lock is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("all", [FIRST, SECOND]),
        ("1", [SECOND]),
        ("1,0", [SECOND, FIRST]),
        (" 0 , 0 ", [FIRST]),
        (SECOND, [SECOND]),
        ("GPU-0e9f", [SECOND]),
    ],
)
def test_gpus_are_named_by_number_or_uuid(
    machine: Machine, asked: str, expected: list[str]
) -> None:
    machine.smi(TWO)
    assert pinned(machine.find(gpus=asked)) == expected


def test_slots_count_per_device_group(machine: Machine) -> None:
    machine.smi(TWO)
    found = machine.find(slots=2)
    assert pinned(found) == [FIRST, FIRST, SECOND, SECOND]
    assert found.slots[0].lock is found.slots[1].lock
    assert found.slots[1].lock is not found.slots[2].lock


def test_several_gpus_a_trial(machine: Machine) -> None:
    three = TWO + "GPU 2: NVIDIA T4 (UUID: GPU-22222222-0000-0000-0000-000000000000)\n"
    machine.smi(three)
    found = machine.find(gpus_per_trial=2)
    assert pinned(found) == [f"{FIRST},{SECOND}"]
    assert "GPU 2 stays unused" in found.notes[0]
    with pytest.raises(DeviceError, match="only 3 can be used"):
        machine.find(gpus_per_trial=4)


def test_mig_instances_stand_for_the_gpu_that_they_are_on(machine: Machine) -> None:
    machine.smi(MIG)
    mig = ["MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f", f"MIG-{FIRST}/7/0"]
    assert pinned(machine.find()) == [*mig, SECOND]
    assert pinned(machine.find(gpus="0")) == mig
    assert pinned(machine.find(gpus="0:1")) == [mig[1]]
    assert pinned(machine.find(gpus=f"{mig[0]},1")) == [mig[0], SECOND]
    assert machine.find().slots[0].device == "GPU 0:0 (NVIDIA A100-SXM4-40GB MIG 3g.20gb)"
    with pytest.raises(DeviceError, match="one MIG instance"):
        machine.find(gpus_per_trial=2)


def test_a_gpu_in_mig_mode_without_instances_is_no_device(machine: Machine) -> None:
    machine.smi(TWO, modes=f"{FIRST}, Enabled\n{SECOND}, [N/A]\n")
    assert pinned(machine.find()) == [SECOND]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("1", [SECOND]),
        (SECOND, [SECOND]),
        ("GPU-0e9f", [SECOND]),
        ("1,0", [SECOND, FIRST]),
        ("1,7,0", [SECOND]),  # as in CUDA: a wrong one hides all that follow
        ("", [None]),
        ("-1", [None]),
        ("NoDevFiles", [None]),
    ],
)
def test_an_inherited_mask_bounds_what_is_used(
    machine: Machine, visible: str, expected: list[str | None]
) -> None:
    machine.smi(TWO)
    machine.environ["CUDA_VISIBLE_DEVICES"] = visible
    assert pinned(machine.find()) == expected


def test_a_hidden_gpu_that_is_asked_for_is_refused(machine: Machine) -> None:
    machine.smi(TWO)
    machine.environ["CUDA_VISIBLE_DEVICES"] = "1"
    with pytest.raises(DeviceError, match=r"GPU 0 may not be used here.*CUDA_VISIBLE_DEVICES"):
        machine.find(gpus="0")
    machine.environ["CUDA_VISIBLE_DEVICES"] = ""
    with pytest.raises(DeviceError, match="no GPU to use"):
        machine.find(gpus="all")


def test_asking_for_gpus_where_there_are_none_is_refused(machine: Machine) -> None:
    for asked in ("all", "0"):
        with pytest.raises(DeviceError, match=r"no nvidia-smi.*--gpus none"):
            machine.find(gpus=asked)
    with pytest.raises(DeviceError, match="there is no GPU here"):
        machine.find(gpus_per_trial=2)
    machine.smi("No devices found.\n")
    with pytest.raises(DeviceError, match="there is no GPU"):
        machine.find(gpus="all")
    assert pinned(machine.find()) == [None]


def test_a_gpu_that_is_not_there_is_named_with_those_that_are(machine: Machine) -> None:
    machine.smi(TWO)
    with pytest.raises(DeviceError, match="no GPU 5; this machine has 0, 1"):
        machine.find(gpus="0,5")
    with pytest.raises(DeviceError, match="names no GPU"):
        machine.find(gpus=",")


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"listing": "NVIDIA-SMI has failed: no driver\n", "code": 9}, "exit code 9.*no driver"),
        ({"listing": "\x01 what?\n"}, "nobody can read"),
        ({"body": "sleep 600"}, "gave no answer"),
    ],
)
def test_a_broken_nvidia_smi_is_an_error_when_gpus_are_asked_for_and_a_note_when_not(
    machine: Machine, broken: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "LISTING_LIMIT_S", 0.3)
    machine.environ["PATH"] += f":{os.environ['PATH']}"
    machine.smi(**broken)  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match=says):
        machine.find(gpus="all")
    found = machine.find()
    assert pinned(found) == [None]
    assert "trials run on the CPU" in found.notes[0]


def test_one_lost_gpu_does_not_hide_the_others(machine: Machine) -> None:
    machine.smi("Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.\n" + TWO)
    assert pinned(machine.find()) == [FIRST, SECOND]


@pytest.mark.parametrize("options", [{"slots": 0}, {"gpus_per_trial": 0}])
def test_nonsense_counts_are_refused(machine: Machine, options: dict[str, int]) -> None:
    with pytest.raises(DeviceError, match="at least"):
        machine.find(**options)


# -- locks ----------------------------------------------------------------------------------------


def lock_of(machine: Machine, owner: str, **options: object) -> DeviceLock:
    lock = machine.find(owner=owner, **options).slots[0].lock
    assert lock is not None
    return lock


def test_of_two_agents_one_gets_a_gpu_and_the_other_is_told_who(machine: Machine) -> None:
    machine.smi(TWO)
    mine, other = lock_of(machine, "agent a\x1b[31m"), lock_of(machine, "agent b")
    assert mine.try_acquire()
    assert len(mine.fds) == 1
    assert not other.try_acquire()
    assert other.holder() == "agent a[31m"
    said: list[str] = []
    stop = threading.Event()
    waiter = threading.Thread(target=lambda: got.append(other.acquire(stop, said.append)))
    got: list[bool] = []
    waiter.start()
    mine.release()
    waiter.join(10)
    assert got == [True]
    assert len(said) <= 1
    other.release()
    assert other.fds == ()


def test_waiting_ends_when_the_agent_does(machine: Machine) -> None:
    machine.smi(TWO)
    mine, other = lock_of(machine, "a"), lock_of(machine, "b")
    assert mine.try_acquire()
    stop = threading.Event()
    stop.set()
    said: list[str] = []
    assert not other.acquire(stop, said.append)
    assert said == ["GPU 0 is in use by a; waiting until it is free"]
    mine.release()


def test_slots_of_one_group_share_the_claim(machine: Machine) -> None:
    machine.smi(TWO)
    shared, other = lock_of(machine, "a", slots=2), lock_of(machine, "b")
    assert shared.try_acquire()
    assert shared.try_acquire()
    shared.release()
    assert not other.try_acquire()
    shared.release()
    assert other.try_acquire()
    other.release()


def test_a_group_is_taken_whole_or_not_at_all(machine: Machine) -> None:
    machine.smi(TWO)
    both = lock_of(machine, "both", gpus_per_trial=2)
    second = lock_of(machine, "second", gpus="1")
    first = lock_of(machine, "first", gpus="0")
    assert second.try_acquire()
    assert not both.try_acquire()
    assert first.try_acquire(), "a failed attempt left one GPU locked"
    first.release()
    second.release()


def test_a_process_that_inherited_the_lock_holds_it_after_release(machine: Machine) -> None:
    machine.smi(TWO)
    mine, other = lock_of(machine, "a"), lock_of(machine, "b")
    assert mine.try_acquire()
    trial = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=mine.fds
    )
    mine.release()
    assert not other.try_acquire()
    trial.communicate(b"\n", timeout=30)
    assert other.try_acquire()
    other.release()


def test_a_lock_file_that_a_cleaner_took_away_is_made_anew(machine: Machine) -> None:
    machine.smi(TWO)
    mine = lock_of(machine, "a")
    assert mine.try_acquire()
    mine.release()
    for path in Path(machine.environ["OPENSWEEP_LOCK_DIR"]).iterdir():
        path.unlink()
    assert mine.try_acquire()
    assert not lock_of(machine, "b").try_acquire()
    mine.release()


def test_a_lock_folder_that_cannot_be_made_is_said_so(machine: Machine, tmp_path: Path) -> None:
    machine.smi(TWO)
    (tmp_path / "locks").write_text("in the way")
    with pytest.raises(DeviceError, match="OPENSWEEP_LOCK_DIR"):
        machine.find()


def test_symlinks_are_not_followed(machine: Machine, tmp_path: Path) -> None:
    machine.smi(TWO)
    folder = lock_folder(machine.environ)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / f"{FIRST}.lock").symlink_to(victim)
    with pytest.raises(DeviceError, match="cannot lock GPU 0"):
        lock_of(machine, "a").try_acquire()
    assert victim.read_text() == "precious"
