"""What NVIDIA GPUs do: W&B's metrics of a reading, and readings from nvidia-smi.

`gpu.0` is the first GPU that the run may use, as CUDA numbers them in the script, so that trials
on different GPUs can be laid over each other. nvidia-smi runs as one process that repeats itself;
it is read without waiting, so that a driver that hangs costs the GPU metrics and nothing else.
Neighbours: sampling.py; agent/gpu_probe.py reads NVML instead.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from typing import Any, Collection, Mapping, NamedTuple, Sequence

_MB = 1 << 20


class Reading(NamedTuple):
    """One GPU (or MIG instance) at one moment; None for what it does not tell.

    Bytes, °C, watts, MHz, percent; `processes`: the bytes that each process holds on it.
    """

    gpu: float | None = None
    memory: float | None = None
    used: float | None = None
    total: float | None = None
    temp: float | None = None
    watts: float | None = None
    limit_watts: float | None = None
    sm_clock: float | None = None
    memory_clock: float | None = None
    graphics_clock: float | None = None
    corrected: float | None = None
    uncorrected: float | None = None
    processes: Mapping[int, int | None] = {}


# W&B's name -> how a reading says it.
_NAMES = {
    "gpu": "gpu",
    "memory": "memory",
    "memoryAllocatedBytes": "used",
    "temp": "temp",
    "powerWatts": "watts",
    "enforcedPowerLimitWatts": "limit_watts",
    "smClock": "sm_clock",
    "memoryClock": "memory_clock",
    "graphicsClock": "graphics_clock",
    "correctedMemoryErrors": "corrected",
    "uncorrectedMemoryErrors": "uncorrected",
}
_OF_A_PROCESS = ("gpu", "memory", "temp", "powerWatts", "enforcedPowerLimitWatts", "powerPercent")


def metrics(readings: Sequence[Reading | None], pids: Collection[int] = ()) -> dict[str, float]:
    """W&B's metrics: `gpu.<i>.…` of each reading, `gpu.process.<i>.…` where one of `pids` is on
    that GPU (what it does as a whole, and the memory that these processes hold)."""
    found: dict[str, float] = {}
    for index, reading in enumerate(readings):
        if reading is None:
            continue
        whole = _metrics(reading)
        found.update({f"gpu.{index}.{name}": value for name, value in whole.items()})
        ours = [held for pid, held in reading.processes.items() if pid in pids]
        if ours:
            known = [held for held in ours if held is not None]
            held = float(sum(known)) if known else reading.used
            used = _metrics(reading._replace(used=held))
            for name in (*_OF_A_PROCESS, "memoryAllocated", "memoryAllocatedBytes"):
                if name in used:
                    found[f"gpu.process.{index}.{name}"] = used[name]
    return found


def _metrics(reading: Reading) -> dict[str, float]:
    found = {}
    for name, field in _NAMES.items():
        value = getattr(reading, field)
        if value is not None:
            found[name] = value
    if reading.used is not None and reading.total:
        found["memoryAllocated"] = round(100 * reading.used / reading.total, 3)
    if reading.watts is not None and reading.limit_watts:
        found["powerPercent"] = round(100 * reading.watts / reading.limit_watts, 3)
    return found


_QUERY = (
    "uuid,index,utilization.gpu,utilization.memory,memory.used,memory.total,temperature.gpu,"
    "power.draw,enforced.power.limit,clocks.sm,clocks.mem,clocks.gr,"
    "ecc.errors.corrected.volatile.total,ecc.errors.uncorrected.volatile.total"
)


def parse(line: str) -> tuple[str, str, Reading] | None:
    """(UUID, index, reading) of a line of nvidia-smi's answer to our query; None: it is none."""
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != _QUERY.count(",") + 1 or not fields[0].startswith("GPU-"):
        return None
    numbers = [_number(field) for field in fields[2:]]
    numbers[2:4] = [n if n is None else n * _MB for n in numbers[2:4]]
    told: dict[str, Any] = dict(zip(Reading._fields, numbers))
    return fields[0], fields[1], Reading(**told)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None  # "[N/A]", "[Not Supported]", "[Unknown Error]"


class Smi:
    """nvidia-smi, repeating itself every `interval_s`; `poll` what it has said. One thread.

    It ends when `close` is called, or, should this process be killed, with its next line.
    """

    def __init__(self, interval_s: float, environ: Mapping[str, str] | None = None) -> None:
        self.readings: dict[str, Reading] = {}  # by UUID, as of the last round
        self.order: dict[str, str] = {}  # UUID -> nvidia-smi's index
        self._text = b""
        self._patience_s = 3 * max(1.0, interval_s)
        self._heard = time.monotonic()
        environ = os.environ if environ is None else environ
        program = shutil.which("nvidia-smi", path=environ.get("PATH"))
        self._process: subprocess.Popen[bytes] | None = None
        if program is None:
            return
        argv = [program, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
        argv += ["--loop-ms", str(max(1000, int(interval_s * 1000)))]
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=dict(environ),
                start_new_session=True,  # Ctrl-C is for the script
            )

    @property
    def runs(self) -> bool:
        return self._process is not None

    def poll(self) -> bool:
        """Takes in what it has said; False: nothing new. Never waits.

        When it has been silent for long, its last readings are none any more.
        """
        news = False
        process = self._process
        while process is not None and process.stdout is not None:
            if not select.select([process.stdout], [], [], 0)[0]:
                break
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:  # no GPU, or a driver that does not answer
                self.close()
                break
            *lines, self._text = (self._text + data).split(b"\n")
            for line in lines:
                parsed = parse(line.decode("utf-8", "replace"))
                if parsed is not None:
                    uuid, index, reading = parsed
                    self.readings[uuid], self.order[uuid] = reading, index
                    news = True
        if news:
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > self._patience_s:
            self.readings, self.order = {}, {}
        return news

    def visible(self, bound: str | None) -> list[Reading | None]:
        """The readings in CUDA's order: of CUDA_VISIBLE_DEVICES, if that is set."""
        by_index = {index: uuid for uuid, index in self.order.items()}
        if bound is None:
            uuids = sorted(self.order, key=lambda uuid: int(self.order[uuid] or 0))
            return [self.readings.get(uuid) for uuid in uuids]
        found: list[Reading | None] = []
        for name in (part.strip() for part in bound.split(",")):
            fits = [uuid for uuid in self.order if len(name) > 4 and uuid.startswith(name)]
            if name in by_index:
                fits = [by_index[name]]
            if name.startswith("MIG-"):
                found.append(None)  # nvidia-smi tells nothing of an instance
                continue
            if not fits:
                break  # as in CUDA, the first wrong entry ends the list
            found.append(self.readings[fits[0]])
        return found

    def forked(self) -> None:
        """In a forked child: it is the parent's, and must not outlive that for the child's sake."""
        process, self._process = self._process, None
        if process is not None and process.stdout is not None:
            process.stdout.close()

    def close(self) -> None:
        """Ends it; one that hangs in the driver is left to the kernel."""
        process, self._process = self._process, None
        self.readings, self.order = {}, {}
        if process is None:
            return
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdout is not None:
            process.stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
