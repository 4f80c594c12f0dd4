"""Reads GPUs for the agent, in a process of its own: a driver that hangs must hang nobody else.

    python gpu_probe.py INTERVAL DEVICE …    DEVICE: UUID, or UUID=PARENT for a MIG instance

Prints a line of JSON every INTERVAL seconds, {UUID: reading} (logging_core.gpus.Reading), until its
input ends: that is when the agent does. Through NVML, or nvidia-smi where that cannot be loaded.
Ends at once, printing nothing, where there is neither. Only reads; changes no setting of a device.
Neighbour: gpu_metrics.py starts it and listens.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
from collections.abc import Callable, Generator, Mapping
from typing import Any

# Started by path and isolated, the folder that holds our packages has to be named.
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from logging_core.gpus import Reading, Smi


class Nvml:
    """Readings through one NVML session. `module` is pynvml; raises its NVMLError."""

    def __init__(self, module: Any, devices: Mapping[str, str]) -> None:
        self._nvml = module
        module.nvmlInit()
        self._devices = devices
        self._handles: dict[str, Any] = {}

    def read(self) -> dict[str, Reading]:
        found = {}
        for uuid, parent in self._devices.items():
            handle, whole = self._handle(uuid), self._handle(parent)
            if handle is not None and whole is not None:
                found[uuid] = self._reading(handle, whole)
        return found

    def _handle(self, uuid: str) -> Any:
        if uuid not in self._handles:
            self._handles[uuid] = self._ask("nvmlDeviceGetHandleByUUID", uuid)
        return self._handles[uuid]

    def _reading(self, handle: Any, whole: Any) -> Reading:
        """A MIG instance has memory and processes of its own; the rest is the whole GPU's."""
        nvml, ask = self._nvml, self._ask
        rates = ask("nvmlDeviceGetUtilizationRates", handle)
        memory = ask("nvmlDeviceGetMemoryInfo", handle)
        watts = ask("nvmlDeviceGetPowerUsage", whole)
        limit = ask("nvmlDeviceGetEnforcedPowerLimit", whole)
        volatile = nvml.NVML_VOLATILE_ECC

        def clock(kind: int) -> float | None:
            return _float(ask("nvmlDeviceGetClockInfo", whole, kind))

        def errors(kind: int) -> float | None:
            return _float(ask("nvmlDeviceGetTotalEccErrors", whole, kind, volatile))

        return Reading(
            gpu=_float(getattr(rates, "gpu", None)),
            memory=_float(getattr(rates, "memory", None)),
            used=_float(getattr(memory, "used", None)),
            total=_float(getattr(memory, "total", None)),
            temp=_float(ask("nvmlDeviceGetTemperature", whole, nvml.NVML_TEMPERATURE_GPU)),
            watts=None if watts is None else watts / 1000,
            limit_watts=None if limit is None else limit / 1000,
            sm_clock=clock(nvml.NVML_CLOCK_SM),
            memory_clock=clock(nvml.NVML_CLOCK_MEM),
            graphics_clock=clock(nvml.NVML_CLOCK_GRAPHICS),
            corrected=errors(nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED),
            uncorrected=errors(nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
            processes={
                one.pid: one.usedGpuMemory
                for one in ask("nvmlDeviceGetComputeRunningProcesses", handle) or ()
            },
        )

    def _ask(self, function: str, *arguments: Any) -> Any:
        """None for what this device, driver or pynvml does not tell."""
        try:
            return getattr(self._nvml, function)(*arguments)
        except (self._nvml.NVMLError, AttributeError):
            return None


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def readings(
    interval_s: float, devices: Mapping[str, str]
) -> Generator[dict[str, Reading], None, None]:
    """A round of readings, each time that it is asked for one; ends where there are none."""
    try:
        import pynvml

        nvml = Nvml(pynvml, devices)
    except Exception:  # no such module, no library, no driver, or another version of one
        yield from _smi_readings(interval_s, devices)
        return
    while found := nvml.read():
        yield found


def _smi_readings(
    interval_s: float, devices: Mapping[str, str]
) -> Generator[dict[str, Reading], None, None]:
    smi = Smi(interval_s)
    try:
        while smi.runs:
            smi.poll()
            found = {}
            for uuid, parent in devices.items():
                reading = smi.readings.get(parent)
                if reading is not None and uuid != parent:  # of the instance itself nothing is told
                    reading = reading._replace(gpu=None, memory=None, used=None, total=None)
                if reading is not None:
                    found[uuid] = reading
            yield found
    finally:
        smi.close()


def main(arguments: list[str], input_ended: Callable[[float], bool]) -> None:
    interval_s = float(arguments[0])
    devices = {}
    for name in arguments[1:]:
        uuid, _, parent = name.partition("=")
        devices[uuid] = parent or uuid
    with contextlib.closing(readings(interval_s, devices)) as rounds:
        for found in rounds:
            if found:
                said = {uuid: reading._asdict() for uuid, reading in found.items()}
                sys.stdout.write(json.dumps(said) + "\n")
                sys.stdout.flush()
            if input_ended(interval_s if found else min(0.2, interval_s)):
                return


def _input_ended(wait_s: float) -> bool:
    """Waits so long at most; whatever comes in means the same: the agent is gone."""
    return bool(select.select([sys.stdin], [], [], wait_s)[0])


if __name__ == "__main__":
    try:
        main(sys.argv[1:], _input_ended)
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more
