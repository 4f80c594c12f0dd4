"""Handing alerts on: to chat rooms, mail boxes and web hooks, through apprise.

Each address has a thread of its own, so that one that hangs or fails holds up no other; what it
did not take is tried again, ever more slowly, for a day. Which address has what is in the database,
under a digest of the address: a restart tells nobody twice. The addresses hold passwords: they are
never logged, printed or stored. Neighbours: store/alerts.py (the books), server/alerts_api.py.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from controller.store.records import AlertRecord
from sweeps.errors import OpensweepError

if TYPE_CHECKING:
    from controller.store.store import Store

log = logging.getLogger(__name__)

GIVE_UP_S = 86_400.0
"""What no address took for so long is given up."""
FIRST_S = 5.0
"""How long an address that failed is left alone at first; twice as long each time."""
_LONGEST_S = 600.0
_PAGE = 100
_FAILURES = 3  # in a row: the address is down, not a single message at fault
_ADDRESS = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_KINDS = {"INFO": "info", "WARN": "warning", "ERROR": "failure"}  # apprise's


def split_addresses(text: str) -> list[str]:
    """Apprise's addresses (slack://…, mailto://…, json://…) out of a text in which blanks, commas
    or line ends part them; lines that begin with # are left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found = _ADDRESS.split(" ".join(lines).strip())
    return [address.rstrip(", ") for address in found if address.strip(", ")]


class Alerts:
    """Delivers what is due in a store, from `start` to `close`.

    Args:
        addresses: as apprise writes them; none: nobody is told.
        first_s: how long an address that failed is left alone at first.

    Attributes:
        addresses: how many are told.
        problem: why not all can be; "" when they can, or there are none.
    """

    def __init__(self, addresses: Sequence[str] = (), *, first_s: float = FIRST_S) -> None:
        self.problem = ""
        fit: dict[str, Any] = {}
        if addresses and importlib.util.find_spec("apprise") is None:
            self.problem = "one more package is needed: pip install 'opensweep[alerts]'"
        elif addresses:
            opened = {address: _open(address) for address in addresses}
            fit = {_digest(address): each for address, each in opened.items() if each is not None}
            if len(fit) < len(opened):
                wrong = len(opened) - len(fit)
                self.problem = f"{wrong} of {len(opened)} addresses in OPENSWEEP_ALERTS are wrong"
        if self.problem:
            log.warning("alerts: %s", self.problem)
        self.addresses = len(fit)
        self._couriers = [_Courier(list(fit), *each, first_s) for each in fit.items()]

    def start(self, store: Store) -> None:
        for courier in self._couriers:
            courier.store = store
            courier.start()

    def wake(self) -> None:
        """There is a new alert."""
        for courier in self._couriers:
            courier.awake.set()

    def close(self) -> None:
        """Ends; what is still due is delivered after the next start."""
        for courier in self._couriers:
            courier.over = True
            courier.awake.set()
        for courier in self._couriers:
            if courier.is_alive():
                courier.join(timeout=2)  # a hanging address does not hold up the end


class _Courier(threading.Thread):
    """Tells one address.

    Args:
        everybody: the digests of all addresses.
        digest: of this one.
        address: apprise's object.
    """

    store: Store

    def __init__(self, everybody: list[str], digest: str, address: Any, first_s: float) -> None:
        super().__init__(name="alerts", daemon=True)
        self._everybody = everybody
        self._digest = digest
        self._address = address
        self._first_s = first_s
        self.awake = threading.Event()
        self.over = False

    def run(self) -> None:
        wait_s = self._first_s
        while not self.over:
            self.awake.clear()
            if self._deliver():
                wait_s = self._first_s
                self.awake.wait()
            else:
                self.awake.wait(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_S)

    def _deliver(self) -> bool:
        """Tells what is due; False: something is left for later."""
        failures = 0
        try:
            self.store.fail_alerts(GIVE_UP_S)
            due = self.store.due_alerts(self._digest, _PAGE)
            for alert in due:
                if self.over or failures == _FAILURES:
                    return False
                if self._tell(alert):
                    self.store.alert_told(alert, self._digest, self._everybody)
                else:
                    failures += 1
        except OpensweepError as error:
            log.warning("alerts: %s", error)
            return False
        return not failures and len(due) < _PAGE

    def _tell(self, alert: AlertRecord) -> bool:
        where = f"{alert.project}/{alert.run_id}" if alert.project else alert.run_id
        try:
            done = self._address.notify(
                title=f"{alert.level}: {alert.title}",
                body=f"{alert.text}\n\nrun {where}".strip(),
                notify_type=_KINDS.get(alert.level, "info"),
            )
        except Exception as error:  # whatever a plugin raises; its text may hold the address
            log.warning("alerts: an address failed (%s); it is tried again", type(error).__name__)
            return False
        if not done:
            log.warning("alerts: an address did not take one; it is tried again")
        return bool(done)


def _open(address: str) -> Any | None:
    """Apprise's object for an address; None: it is none."""
    import apprise

    for name in ("apprise", "urllib3.connectionpool"):  # they log addresses, and paths with tokens
        logging.getLogger(name).disabled = True
    opened = apprise.Apprise()
    return opened if opened.add(address) else None


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]
