"""The GPUs and slots of one machine (signatures first; the bodies follow)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """One device that a process can be pinned to: a whole GPU or a MIG instance.

    Attributes:
        uuid: as CUDA_VISIBLE_DEVICES takes it ("GPU-…" or "MIG-…").
        label: as `--gpus` takes it: "0", or "0:1" for MIG instance 1 of GPU 0.
        name: the product's name.
    """

    uuid: str
    label: str
    name: str


class DeviceLock:
    """The claim of one agent on the GPUs of a group, against every other agent on the machine."""

    @property
    def fds(self) -> tuple[int, ...]:
        """To be handed to the trial (Supervisor.start keep_fds)."""
        raise NotImplementedError

    def try_acquire(self) -> bool:
        raise NotImplementedError

    def holder(self) -> str:
        """Who has it, for a person: "agent … (pid …)"."""
        raise NotImplementedError

    def acquire(self, stop: threading.Event, say: Callable[[str], None]) -> bool:
        """Waits until it is free (says so once through `say`). False: `stop` was set first."""
        raise NotImplementedError

    def release(self) -> None:
        """Lets go; a trial that still has the descriptors goes on holding it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Slot:
    """A place for one trial at a time.

    Attributes:
        name: "0", "1", …; unique within the agent.
        gpus: empty on a CPU slot.
        env: what pins a trial to it (CUDA_VISIBLE_DEVICES …).
        lock: shared by the slots of one device group; None without GPUs.
        device: for people: "GPU 0 (NVIDIA A100)", "CPU".
    """

    name: str
    gpus: tuple[Gpu, ...]
    env: Mapping[str, str]
    lock: DeviceLock | None
    device: str


@dataclass(frozen=True)
class Devices:
    """The slots, and sentences that the agent should show at its start."""

    slots: tuple[Slot, ...]
    notes: tuple[str, ...] = ()


def find_devices(
    *,
    gpus: str | None = None,
    gpus_per_trial: int = 1,
    slots: int | None = None,
    owner: str = "",
    environ: Mapping[str, str] | None = None,
) -> Devices:
    """The slots of this machine. Raises DeviceError.

    Args:
        gpus: "all", "none", "0,1", UUIDs; None: all that there are, or the CPU.
        gpus_per_trial: GPUs that each trial gets.
        slots: trials at a time per device group (or on the CPU); None: 1.
        owner: written into the lock files, for whoever has to wait.
    """
    raise NotImplementedError
