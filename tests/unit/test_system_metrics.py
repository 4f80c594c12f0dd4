"""What machine, processes and GPUs do: with psutil as the judge, and GPUs of our own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from agent import gpu_probe
from agent.devices import Gpu
from agent.gpu_metrics import GpuReader
from agent.sampler import Sampler, interval_from
from logging_core import gpus, machine
from logging_core.records import History, Reader
from logging_core.sampling import SystemSampler
from sweeps.errors import ConfigurationError

BUSY = "import sys; b = bytearray(60 << 20); print('up', flush=True)\nwhile True: sum(range(999))"
TREE = (
    "import subprocess, sys, threading, time\n"
    "threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n"
    f"child = subprocess.Popen([sys.executable, '-c', {BUSY!r}], stdout=subprocess.PIPE)\n"
    "child.stdout.readline(); print('up', flush=True); time.sleep(99)"
)


def eventually(ask: Callable[[], Any], *, within_s: float = 20.0) -> Any:
    end = time.monotonic() + within_s
    while not (found := ask()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return found


@pytest.fixture
def tree() -> Iterator[int]:
    """A process in a session of its own that sleeps, with a child that is busy."""
    process = subprocess.Popen(
        [sys.executable, "-c", TREE], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process.pid
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def rows(path: Path) -> list[dict[str, Any]]:
    return [record.row for record in Reader(path).read() if isinstance(record, History)]


# -- machine and processes ------------------------------------------------------------------------


def test_a_tree_of_processes_adds_up_to_what_psutil_says(tree: int) -> None:
    found = machine.family(tree)
    judge = [psutil.Process(tree), *psutil.Process(tree).children(recursive=True)]
    assert sorted(found) == sorted(process.pid for process in judge)
    use = machine.use([*found, 2**22 + 1])  # one that is not there
    assert use.processes == 2
    assert use.threads == sum(process.num_threads() for process in judge) == 3
    assert use.rss == pytest.approx(sum(p.memory_info().rss for p in judge), rel=0.05)
    assert use.rss > 60 << 20
    times = [process.cpu_times() for process in judge]
    assert use.cpu == pytest.approx(sum(t.user + t.system for t in times), abs=0.5)


def test_the_machine_is_what_psutil_says() -> None:
    counters, memory = machine.counters(), psutil.virtual_memory()
    assert counters.memory_total == memory.total
    assert counters.memory_available == pytest.approx(memory.available, rel=0.1)
    interfaces = psutil.net_io_counters(pernic=True)
    outside = sum(each.bytes_recv for name, each in interfaces.items() if name != "lo")
    assert counters.received == pytest.approx(outside, rel=0.1, abs=1 << 20)
    disk = psutil.disk_usage("/")
    room = machine.room(["/", "/no/such/place"])
    assert room == {
        "disk./.usagePercent": pytest.approx(disk.percent, abs=1),
        "disk./.usageGB": pytest.approx(disk.used / 2**30, rel=0.02),
    }


def test_rates_are_between_samples_and_what_moved_is_since_the_first() -> None:
    at = machine.Counters(0, 10, 20, 4 << 30, 3 << 30, 1 << 20, 0, 100, 1000)
    first = machine.Moment(at, machine.Use(0, 5, 0, 1, 1, 1 << 20, 0))
    before = machine.Moment(at._replace(cpu_busy=12, cpu_total=40), first.use._replace(time=10))
    now = machine.Moment(
        at._replace(cpu_busy=22, cpu_total=60, disk_read=3 << 20, sent=150, received=1000),
        machine.Use(20, 15, 1 << 30, 7, 3, 2 << 20, 5 << 19),
    )
    assert machine.metrics(first, before, now, 4) == {
        "cpu": 25.0,  # 10 s of processor time in 10 s, on 4 cores
        "cpu.machine": 50.0,
        "proc.cpu.threads": 7,
        "proc.count": 3,
        "proc.memory.rssMB": 1024.0,
        "proc.memory.percent": 25.0,
        "proc.memory.availableMB": 3072.0,
        "memory_percent": 25.0,
        "proc.io.readMB": 1.0,
        "proc.io.writtenMB": 2.5,
        "disk.in": 2.0,
        "disk.out": 0.0,
        "network.sent": 50.0,
        "network.recv": 0.0,
    }


def test_a_run_without_an_agent_samples_itself(tmp_path: Path) -> None:
    over = threading.Event()
    sampler = SystemSampler(tmp_path / "system.1.bin", 0.1)
    thread = threading.Thread(target=sampler.run, args=(over,))
    thread.start()
    try:
        eventually(lambda: len(rows(tmp_path / "system.1.bin")) > 2)
    finally:
        over.set()
        thread.join()
    row = rows(tmp_path / "system.1.bin")[-1]
    assert row["system.proc.memory.rssMB"] > 10
    assert {"system.cpu", "system.memory_percent", "system.disk./.usagePercent"} <= set(row)


# -- the agent's sampler --------------------------------------------------------------------------


def test_the_agent_samples_each_trial_by_itself(tmp_path: Path, tree: int) -> None:
    sampler = Sampler(0.2)
    sampler.start()
    try:
        sampler.watch(tree, tmp_path / "a.bin")
        sampler.watch(os.getpid(), tmp_path / "b.bin")
        eventually(lambda: len(rows(tmp_path / "a.bin")) > 3 and rows(tmp_path / "b.bin"))
        row = rows(tmp_path / "a.bin")[-1]
        assert row["system.proc.count"] == 2
        assert 0 < row["system.cpu"] <= 110
        assert rows(tmp_path / "b.bin")[-1]["system.proc.cpu.threads"] > 1
        sampler.forget(tree)
        ended = eventually(lambda: _unlocked(tmp_path / "a.bin") and len(rows(tmp_path / "a.bin")))
        more = len(rows(tmp_path / "b.bin")) + 2
        eventually(lambda: len(rows(tmp_path / "b.bin")) > more)
        assert len(rows(tmp_path / "a.bin")) == ended
    finally:
        sampler.close()


def _unlocked(path: Path) -> bool:
    from logging_core.folder import being_written

    return not being_written(path)


def test_a_folder_that_is_gone_ends_its_samples_alone(tmp_path: Path) -> None:
    sampler = Sampler(0.1)
    sampler.start()
    try:
        sampler.watch(os.getpid(), tmp_path / "gone" / "a.bin")
        sampler.watch(os.getppid(), tmp_path / "b.bin")
        eventually(lambda: len(rows(tmp_path / "b.bin")) > 2)
    finally:
        sampler.close()


def test_a_sample_that_fails_is_one_sample_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = iter([True, True])

    def counters() -> machine.Counters:
        if next(fails, False):
            raise ValueError("/proc says what nobody can read")
        return real()

    real = machine.counters
    sampler = Sampler(0.1)
    sampler.start()
    try:
        sampler.watch(os.getpid(), tmp_path / "a.bin")
        eventually(lambda: sampler._watches)
        monkeypatch.setattr(machine, "counters", counters)
        eventually(lambda: len(rows(tmp_path / "a.bin")) > 2)
        assert next(fails, None) is None
    finally:
        sampler.close()


@pytest.mark.parametrize(("said", "seconds"), [("", 10.0), ("0", 0.0), ("2.5", 2.5), ("1e-9", 0.1)])
def test_the_interval(said: str, seconds: float) -> None:
    assert interval_from({"OPENSWEEP_SYSTEM_INTERVAL": said}) == seconds


def test_wandbs_switch_turns_them_off() -> None:
    assert interval_from({"WANDB_X_DISABLE_STATS": "true"}) == 0


def test_an_interval_that_is_none() -> None:
    with pytest.raises(ConfigurationError, match="OPENSWEEP_SYSTEM_INTERVAL is 'often'"):
        interval_from({"OPENSWEEP_SYSTEM_INTERVAL": "often"})


# -- GPUs -----------------------------------------------------------------------------------------

A, B, MIG = "GPU-aaaaaaaa-1", "GPU-bbbbbbbb-2", "MIG-cccccccc-3"
LINES = (
    f"{A}, 0, 93, 41, 30000, 81559, 67, 412.50, 700.00, 1980, 2619, 1980, 0, 0\n"
    f"{B}, 1, 0, 0, 4, 81559, 31, [N/A], 700.00, 345, 2619, 345, [N/A], [N/A]\n"
)


def test_a_reading_under_wandbs_names() -> None:
    parsed = [gpus.parse(line) for line in LINES.splitlines()]
    readings = [one[2] for one in parsed if one]
    readings[0] = readings[0]._replace(processes={77: 20 << 30, 78: 1 << 30, 5: 2 << 30})
    found = gpus.metrics([readings[0], None, readings[1]], [77, 78])
    assert found["gpu.0.gpu"] == 93
    assert found["gpu.0.memory"] == 41
    assert found["gpu.0.memoryAllocatedBytes"] == 30000 * 2**20
    assert found["gpu.0.memoryAllocated"] == pytest.approx(100 * 30000 / 81559, abs=0.01)
    assert found["gpu.0.powerPercent"] == pytest.approx(58.929)
    assert found["gpu.process.0.memoryAllocatedBytes"] == 21 << 30
    assert found["gpu.process.0.gpu"] == 93
    assert found["gpu.2.temp"] == 31
    assert not any(name.startswith(("gpu.1.", "gpu.process.2")) for name in found)
    assert "gpu.2.powerWatts" not in found  # this one does not tell
    assert gpus.parse("Unable to determine the device handle: GPU is lost") is None


class FakeNvml:
    """As much of pynvml as is used. A MIG instance has no utilisation, power or clocks."""

    NVML_VOLATILE_ECC, NVML_TEMPERATURE_GPU = 0, 0
    NVML_CLOCK_GRAPHICS, NVML_CLOCK_SM, NVML_CLOCK_MEM = 0, 1, 2
    NVML_MEMORY_ERROR_TYPE_CORRECTED, NVML_MEMORY_ERROR_TYPE_UNCORRECTED = 0, 1

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        self.sessions = 0

    def nvmlInit(self) -> None:
        self.sessions += 1

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid not in (A, MIG):
            raise self.NVMLError("not found")
        return uuid

    def _whole(self, handle: str) -> None:
        if handle != A:
            raise self.NVMLError("not supported")

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> Any:
        self._whole(handle)
        return SimpleNamespace(gpu=50, memory=20)

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:
        return SimpleNamespace(used=(8 if handle == A else 2) << 30, total=80 << 30)

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        self._whole(handle)
        return 350_500

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: str) -> int:
        self._whole(handle)
        return 701_000

    def nvmlDeviceGetTemperature(self, handle: str, kind: int) -> int:
        self._whole(handle)
        return 60

    def nvmlDeviceGetClockInfo(self, handle: str, kind: int) -> int:
        self._whole(handle)
        return 1000 + kind

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:
        return [SimpleNamespace(pid=7, usedGpuMemory=None)]


def test_readings_through_nvml_of_a_gpu_and_of_an_instance() -> None:
    fake = FakeNvml()
    nvml = gpu_probe.Nvml(fake, {A: A, MIG: A, B: B})
    for _ in range(3):
        found = nvml.read()
    assert fake.sessions == 1
    assert set(found) == {A, MIG}  # the third is gone
    whole, part = found[A], found[MIG]
    assert (whole.gpu, whole.used, whole.watts, whole.sm_clock) == (50, 8 << 30, 350.5, 1001)
    assert (part.gpu, part.used, part.watts, part.temp) == (None, 2 << 30, 350.5, 60)
    assert whole.corrected is None  # this version cannot be asked
    named = gpus.metrics([part], [7])
    assert named["gpu.process.0.memoryAllocatedBytes"] == 2 << 30  # nothing finer is known
    assert named["gpu.0.powerPercent"] == 50


def fake_smi(folder: Path, body: str) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    script = folder / "nvidia-smi"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


GPUS = [Gpu(A, "0", "H100", A), Gpu(B, "1", "H100", B), Gpu(MIG, "0:1", "H100 MIG", A)]
REPEATING = f"while :; do cat <<'.'\n{LINES}.\nsleep 0.1; done"


def test_the_agent_hears_nvidia_smi_where_there_is_no_nvml(tmp_path: Path) -> None:
    reader = GpuReader(GPUS, 0.1, fake_smi(tmp_path / "bin", REPEATING))
    reader.start()
    try:
        first = eventually(lambda: reader.latest(A))
        assert first.gpu == 93
        instance = eventually(lambda: reader.latest(MIG))
        assert (instance.gpu, instance.used, instance.temp) == (None, None, 67)
        probe = reader._process
        assert probe is not None
        children = psutil.Process(probe.pid).children()
        assert len(children) == 1
    finally:
        reader.close()
    assert probe.poll() is not None
    eventually(lambda: not any(child.is_running() for child in children))


def test_a_slots_own_gpu_is_its_gpu_0(tmp_path: Path) -> None:
    sampler = Sampler(0.1, GPUS, fake_smi(tmp_path / "bin", REPEATING))
    sampler.start()
    try:
        sampler.watch(os.getpid(), tmp_path / "a.bin", [GPUS[0]])
        sampler.watch(os.getppid(), tmp_path / "b.bin", [GPUS[1], GPUS[0]])
        on_a = eventually(
            lambda: [row for row in rows(tmp_path / "a.bin") if "system.gpu.0.gpu" in row]
        )
        on_b = eventually(
            lambda: [row for row in rows(tmp_path / "b.bin") if "system.gpu.1.gpu" in row]
        )
    finally:
        sampler.close()
    assert on_a[0]["system.gpu.0.gpu"] == 93
    assert "system.gpu.1.gpu" not in on_a[0]
    assert (on_b[0]["system.gpu.0.gpu"], on_b[0]["system.gpu.1.gpu"]) == (0, 93)


def test_a_driver_that_hangs_hangs_nobody(tmp_path: Path) -> None:
    """The readings grow old and are given no more; the agent's end does not wait."""
    body = f"cat <<'.'\n{LINES}.\ntrap '' TERM; sleep 60"
    sampler = Sampler(0.1, GPUS, fake_smi(tmp_path / "bin", body))
    sampler.start()
    try:
        sampler.watch(os.getpid(), tmp_path / "a.bin", [GPUS[0]])
        eventually(lambda: rows(tmp_path / "a.bin"))
    finally:
        began = time.monotonic()
        sampler.close()
    assert time.monotonic() - began < 5
    assert "system.cpu" in rows(tmp_path / "a.bin")[-1]


def test_an_nvidia_smi_that_falls_silent_is_believed_no_more(tmp_path: Path) -> None:
    smi = gpus.Smi(1.0, fake_smi(tmp_path / "bin", f"cat <<'.'\n{LINES}.\nsleep 60"))
    try:
        eventually(smi.poll)
        assert smi.visible("0")
        smi._heard -= 4
        assert not smi.poll()
        assert smi.visible("0") == []
    finally:
        smi.close()


def test_what_the_probe_says_last_counts_only_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = GpuReader(GPUS, 10.0)
    reader._latest, reader._heard = {A: gpus.Reading(gpu=1.0)}, time.monotonic()
    assert reader.latest(A) is not None
    reader._heard -= 27.0
    assert reader.latest(A) is None


def test_the_probe_ends_where_there_is_no_gpu(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", gpu_probe.__file__, "0.1", A],
        env={"PATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_readings_survive_their_way_between_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.gpu_metrics import _reading

    reading = gpus.Reading(gpu=3.0, processes={12: 5, 13: None})
    assert _reading(json.loads(json.dumps(reading._asdict()))) == reading


def test_cuda_numbers_the_gpus_that_a_script_may_use(tmp_path: Path) -> None:
    smi = gpus.Smi(1.0, fake_smi(tmp_path / "bin", REPEATING))
    try:
        eventually(smi.poll)
        by_uuid = smi.readings
        assert smi.visible(None) == [by_uuid[A], by_uuid[B]]
        assert smi.visible("1,0") == [by_uuid[B], by_uuid[A]]
        assert smi.visible(f"{B},7,0") == [by_uuid[B]]
        assert smi.visible("") == []
    finally:
        smi.close()
    assert smi.visible(None) == []
