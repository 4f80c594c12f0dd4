"""The GPUs and slots of one machine: which there are, which are ours, who holds them.

GPUs are told apart by UUID, never by index: the driver's numbering may change over a reboot, and
one wrong index hides every device after it. A MIG instance is a device with a UUID of its own; a
GPU in MIG mode is none. They are listed by `nvidia-smi -L`, in the order of the PCI bus.

Slots: one for each group of `gpus_per_trial` GPUs, times `slots` (so `--gpus 0,1 --slots 3` runs
six trials at a time, three on each GPU); on the CPU `slots` in all, each with its share of the
cores for threads. An inherited CUDA_VISIBLE_DEVICES bounds what may be used. Numbers in it and in
`--gpus` are nvidia-smi's.

Each group has a lock (agent/locks.py), held for as long as anything of ours runs on it.
Must never change a device's settings, nor start anything on it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.locks import DeviceLock, lock_folder
from sweeps.errors import DeviceError

LISTING_LIMIT_S = 30.0
"""A driver that is loaded for the first time takes seconds per GPU; a broken one never answers."""
_THREADS = "OMP_NUM_THREADS"  # OpenBLAS, MKL and PyTorch all heed it
_GPU_LINE = re.compile(r"GPU (\d+): (.*?) \(UUID: (GPU-[0-9a-zA-Z-]+)\)")
_MIG_LINE = re.compile(r"\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[0-9a-zA-Z/-]+)\)")


@dataclass(frozen=True)
class Gpu:
    """One device that a process can be pinned to: a whole GPU or a MIG instance.

    Attributes:
        uuid: as CUDA_VISIBLE_DEVICES takes it ("GPU-…" or "MIG-…").
        label: as `--gpus` takes it: "0", or "0:1" for MIG instance 1 of GPU 0.
        name: the product's name, with the instance's profile.
        parent: the UUID of the GPU that it is, or is a part of.
    """

    uuid: str
    label: str
    name: str
    parent: str

    @property
    def is_mig(self) -> bool:
        return self.uuid != self.parent

    def answers_to(self, name: str) -> bool:
        """By label, by the number of its GPU, or by UUID or its beginning, as CUDA allows."""
        if name[:1].isdigit():
            return name in (self.label, self.label.partition(":")[0])
        return len(name) > 4 and (self.uuid.startswith(name) or self.parent == name)


@dataclass(frozen=True)
class Slot:
    """A place for one trial at a time.

    Attributes:
        name: "0", "1", …; unique within the agent.
        gpus: empty on a CPU slot.
        env: what pins a trial to it (CUDA_VISIBLE_DEVICES …), or gives it its share of the cores.
        lock: shared by the slots of one device group; None without GPUs.
        device: for people: "GPU 0 (NVIDIA A100-SXM4-40GB)", "CPU".
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
    """The slots of this machine.

    Args:
        gpus: "all", "none", or a list such as "0,1", "0:1" (a MIG instance), UUIDs or their
            beginnings; None: all that there are, and the CPU where there are none.
        gpus_per_trial: GPUs that each trial gets.
        slots: trials at a time on each group of GPUs (or on the CPU); None: 1.
        owner: written into the lock files, for whoever has to wait.
        environ: the agent's environment (default: os.environ).

    Raises DeviceError.
    """
    environ = os.environ if environ is None else environ
    per_group = 1 if slots is None else slots
    if per_group < 1:
        raise DeviceError(f"--slots {per_group}: an agent needs at least one slot")
    if gpus_per_trial < 1:
        raise DeviceError(
            f"--gpus-per-trial {gpus_per_trial}: at least 1; for the CPU alone give --gpus none"
        )
    wanted = None if gpus is None else gpus.strip().lower()
    if wanted in ("none", "cpu", ""):
        return Devices(_cpu_slots(per_group, environ, {"CUDA_VISIBLE_DEVICES": ""}))
    chosen, notes = _choose(gpus, environ)
    if not chosen:
        if gpus_per_trial > 1:
            raise DeviceError(
                f"--gpus-per-trial {gpus_per_trial}, but there is no GPU here"
                + (f" ({notes[0]})" if notes else "")
            )
        return Devices(_cpu_slots(per_group, environ), tuple(notes))
    groups, left = _groups(chosen, gpus_per_trial)
    if left:
        names = ", ".join(gpu.label for gpu in left)
        notes.append(
            f"GPU {names} stays unused: {len(chosen)} GPUs do not divide by {gpus_per_trial}"
        )
    folder = lock_folder(environ)
    made: list[Slot] = []
    for group in groups:
        lock = DeviceLock({gpu.uuid: gpu.label for gpu in group}, owner, folder)
        env = {
            "CUDA_VISIBLE_DEVICES": ",".join(gpu.uuid for gpu in group),
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        }
        products = ", ".join(sorted({gpu.name for gpu in group}))
        device = f"GPU {','.join(gpu.label for gpu in group)} ({products})"
        for _ in range(per_group):
            made.append(Slot(str(len(made)), group, env, lock, device))
    return Devices(tuple(made), tuple(notes))


def _cpu_slots(
    count: int, environ: Mapping[str, str], env: Mapping[str, str] | None = None
) -> tuple[Slot, ...]:
    env = dict(env or {})
    if count > 1 and not environ.get(_THREADS):
        # Each trial's BLAS would take every core, and all of them wait for one another.
        env[_THREADS] = str(max(1, len(os.sched_getaffinity(0)) // count))
    return tuple(Slot(str(i), (), env, None, "CPU") for i in range(count))


def _groups(gpus: Sequence[Gpu], size: int) -> tuple[list[tuple[Gpu, ...]], list[Gpu]]:
    """Neighbours together: they have the shortest way to each other on the usual boards."""
    if size > len(gpus):
        raise DeviceError(f"--gpus-per-trial {size}, but only {len(gpus)} can be used here")
    if size > 1 and any(gpu.is_mig for gpu in gpus):
        raise DeviceError(
            f"--gpus-per-trial {size}: CUDA gives a process one MIG instance at most; leave it out"
        )
    whole = len(gpus) - len(gpus) % size
    groups = [tuple(gpus[i : i + size]) for i in range(0, whole, size)]
    return groups, list(gpus[whole:])


# -- which GPUs -----------------------------------------------------------------------------------


def _choose(asked: str | None, environ: Mapping[str, str]) -> tuple[list[Gpu], list[str]]:
    """The GPUs to use, in nvidia-smi's order, and what to say about it."""
    notes: list[str] = []
    try:
        there = list_gpus(environ)
    except DeviceError as error:
        if asked is not None:
            raise
        return [], [f"{error}; trials run on the CPU"]
    if there is None:
        if asked is None:
            return [], notes
        raise DeviceError(
            f"--gpus {asked}, but this machine has no nvidia-smi, so no GPU can be found; "
            "for the CPU give --gpus none"
        )
    bound = environ.get("CUDA_VISIBLE_DEVICES")
    visible = there if bound is None else _visible(bound, there)
    hidden = f" (CUDA_VISIBLE_DEVICES is {bound!r})" if bound is not None else ""
    if asked is None or asked.strip().lower() == "all":
        if visible:
            return visible, notes
        if asked is None:
            hides = bool(there) and bool(hidden)
            return [], ["CUDA_VISIBLE_DEVICES hides all GPUs: CPU"] if hides else []
        raise DeviceError(f"--gpus all, but there is no GPU to use{hidden}")
    chosen: list[Gpu] = []
    for name in filter(None, (part.strip() for part in asked.split(","))):
        fits = [gpu for gpu in there if gpu.answers_to(name)]
        if not fits:
            have = ", ".join(gpu.label for gpu in there) or "none"
            raise DeviceError(f"--gpus {asked}: there is no GPU {name}; this machine has {have}")
        if not name[:1].isdigit() and len({gpu.parent for gpu in fits}) > 1:
            raise DeviceError(f"--gpus {asked}: {name} fits several GPUs; give more of the UUID")
        usable = [gpu for gpu in fits if gpu in visible]
        if not usable:
            raise DeviceError(f"--gpus {asked}: GPU {name} may not be used here{hidden}")
        chosen += [gpu for gpu in usable if gpu not in chosen]
    if not chosen:
        raise DeviceError(f"--gpus {asked!r} names no GPU: give all, none, or numbers such as 0,1")
    return chosen, notes


def _visible(bound: str, there: Sequence[Gpu]) -> list[Gpu]:
    """What CUDA_VISIBLE_DEVICES leaves; as in CUDA, the first wrong entry ends the list."""
    visible: list[Gpu] = []
    for name in (part.strip() for part in bound.split(",")):
        fits = [gpu for gpu in there if gpu.answers_to(name)]
        if not fits:
            break
        visible += [gpu for gpu in fits if gpu not in visible]
    return visible


def list_gpus(environ: Mapping[str, str]) -> list[Gpu] | None:
    """All GPUs and MIG instances of the machine, in nvidia-smi's order.

    None: there is no nvidia-smi. Raises DeviceError when it fails, hangs, or speaks in tongues.
    """
    text = _ask(["nvidia-smi", "-L"], environ)
    if text is None:
        return None
    gpus = _parse(text)
    if not gpus and text.strip() and "No devices" not in text:
        raise DeviceError(f"nvidia-smi -L answers what nobody can read: {text.strip()[:100]!r}")
    with contextlib.suppress(DeviceError):  # an old driver does not know the question
        query = ["nvidia-smi", "--query-gpu=uuid,mig.mode.current", "--format=csv,noheader"]
        for line in (_ask(query, environ) or "").splitlines():
            uuid, _, mode = (part.strip() for part in line.partition(","))
            if mode == "Enabled":  # with no instance made on it, nothing can run there
                gpus = [gpu for gpu in gpus if gpu.uuid != uuid]
    return gpus


def _parse(listing: str) -> list[Gpu]:
    found: list[Gpu] = []
    whole: Gpu | None = None
    for line in listing.splitlines():
        if match := _GPU_LINE.match(line):
            whole = Gpu(match[3], match[1], match[2], match[3])
            found.append(whole)
        elif (match := _MIG_LINE.match(line)) and whole is not None:
            if whole in found:  # it is in MIG mode: its instances stand for it
                found.remove(whole)
            name = f"{whole.name} MIG {match[1]}"
            found.append(Gpu(match[3], f"{whole.label}:{match[2]}", name, whole.uuid))
    return found


def _ask(argv: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """What a listing tool says. None: it is not installed. Raises DeviceError."""
    called = " ".join(argv)
    try:
        process = subprocess.Popen(
            argv,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DeviceError(f"{called} could not be run: {error.strerror}") from error
    try:
        said, _ = process.communicate(timeout=LISTING_LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        if process.stdout:
            process.stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)  # one that waits for the driver does not even die
        raise DeviceError(
            f"{called} gave no answer within {LISTING_LIMIT_S:.0f} s: the GPU driver hangs"
        ) from None
    if process.returncode != 0:
        line = " ".join(said.split())[:200]
        raise DeviceError(f"{called} failed (exit code {process.returncode}): {line}")
    return said
