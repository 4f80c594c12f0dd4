"""Loaded by every Python process of a test's world: leases of 4 s where `sweep` runs, not of 15.

For tests alone: what is measured with real leases is in `benchmarks/faults.py`.
"""

import sys

if any(word.endswith("/sweep") for word in sys.orig_argv[:3]):
    from sweeps.protocol import live

    live.LEASE_S, live.BEAT_S = 4.0, 1.0  # before anybody imports them
    live.Live.__init__.__defaults__ = (live.LEASE_S,)

import os
import socket
import time

if _host := os.environ.get("FAULT_HOST"):  # a machine of its own
    socket.gethostname = lambda: _host

if _clock := os.environ.get("FAULT_CLOCK"):  # a file with seconds: this process's clock is wrong
    _true = time.time

    def _wrong() -> float:
        with open(_clock) as file:
            return _true() + float(file.read())

    time.time = _wrong
