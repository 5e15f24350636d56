"""Sending what was recorded, and looking up what became of it: one attempt, one worker, one answer at a time (3.2).

Between any two steps the process may die: what is committed says what may have happened, and nothing is ever sent twice on a guess.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from cstui.domain.attempts import REFUSED, SEND_WITHIN, absence_counts
from cstui.domain.cards import TypedCard
from cstui.domain.errors import CstuiError, DatabaseAway
from cstui.domain.gateways import Answer, Capabilities, Finding, Operation, Seen, Settlement, Why
from cstui.domain.payments import AttemptState
from cstui.services import ledger_refresh, outcomes
from cstui.services.gateways.base import GatewayAway
from cstui.services.refund_basis import SettingsRead
from cstui.storage.database import Database
from cstui.storage.queries import attempts
from cstui.storage.queries.attempts import Claimed

if TYPE_CHECKING:
    from cstui.services.gateways.base import Gateway

_LOG = logging.getLogger("cstui.money")
#: How often an answer that could not be stored is tried again, and the longest pause between two tries, in seconds.
_STORE_TRIES = 8
_LONGEST_PAUSE = 30.0


class Line(Protocol):
    """Where adapters come from."""

    def of(self, gateway: str, account: str, *, checked: bool = False, closed_too: bool = False) -> Gateway:
        """The adapter of an account. Errors: `CstuiError` where it cannot be used."""
        ...

    def capabilities(self, gateway: str, account: str) -> Capabilities:
        """What it can do; needs no key."""
        ...


def awake_ticks() -> float:
    """Seconds of a clock that nobody can set and that goes on while the machine is suspended, where the system has one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Sending:
    """The hands of one worker, or of a desk that sends a typed card; `token` names it. `point` is called between steps and may kill the
    process in a test.
    """

    def __init__(
        self,
        database: Database,
        gateways: Line,
        settings: SettingsRead,
        token: str,
        *,
        point: Callable[[str], None] = lambda _name: None,
        ticks: Callable[[], float] = awake_ticks,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._gateways = gateways
        self._settings = settings
        self.token = token
        self._point = point
        self._ticks = ticks
        self._sleep = sleep
        self._claimed_at: dict[int, float] = {}

    def claim(self) -> Claimed | None:
        """Takes the next due attempt: `sending` is committed before anything else happens."""
        began = self._ticks()
        with self._database.write() as tx:
            claimed = attempts.claim_due(tx, self.token)
        if claimed is not None:
            self._claimed_at[claimed.id] = began
        self._point("claimed")
        return claimed

    def send(self, claimed: Claimed, card: TypedCard | None = None) -> Answer:
        """Sends what was claimed and stores the answer; returns it. A typed card comes along in memory only."""
        began = self._claimed_at.pop(claimed.id, None)
        began = self._ticks() if began is None else began
        answer = self._ask(claimed, began, card)
        self._point("answered")
        self._store(lambda: self._record(claimed.id, answer), claimed, answer)
        self._point("recorded")
        return answer

    def store_answer(self, claimed: Claimed, answer: Answer) -> None:
        """Stores an answer that was come by otherwise: a card that could not be handed over was certainly not sent."""
        self._store(lambda: self._record(claimed.id, answer), claimed, answer)

    def look(self) -> bool:
        """Looks one open outcome up and stores what is known then, or reads what has gone back of a charge whose refund was refused for it
        (W20); False where none is due.
        """
        with self._database.write() as tx:
            claimed = attempts.claim_check(tx, self.token)
        if claimed is None:
            return False
        self._point("looking")
        if claimed.state in REFUSED:
            ledger_refresh.refresh(self._database, self._gateways, claimed)
            return True
        finding = self._find(claimed)
        self._point("found")
        self._store(lambda: self._settle(claimed, finding), claimed, finding.answer)
        return True

    def find_orphans(self) -> int:
        """Turns what dead workers left behind to unknown; returns how many."""
        with self._database.write() as tx:
            found = attempts.orphaned(tx)
        return len(found)

    def settlement_of(self, gateway: str, account: str, ref: str) -> Settlement:
        """Where a charge stands; unknown also where the account cannot be asked."""
        try:
            return self._gateways.of(gateway, account).settlement(ref)
        except CstuiError:
            return Settlement.UNKNOWN

    def _ask(self, claimed: Claimed, began: float, card: TypedCard | None) -> Answer:
        try:
            adapter = self._gateways.of(claimed.gateway, claimed.account, checked=True)
        except CstuiError as error:
            # Nothing has been sent: no key, closed, live where test was said, or the gateway is not there to say which.
            why = Why.NOT_SENT if isinstance(error, GatewayAway | DatabaseAway) else Why.ACCOUNT
            return Answer(AttemptState.NOT_SENT, why, text=error.message)
        if self._ticks() - began > SEND_WITHIN.total_seconds():
            # This process stood still (a suspended machine): others may have found it orphaned by now.
            return Answer(AttemptState.NOT_SENT, Why.NOT_SENT, text="Not sent: the worker stood still.")
        self._point("sending")
        try:
            if claimed.ask.operation is Operation.VAULT_REMOVE:
                return adapter.drop_card(claimed.ask)
            if claimed.ask.operation is Operation.VAULT_ADD:
                return adapter.keep_card(claimed.ask, card)
            return adapter.send(claimed.ask)
        except Exception as error:  # whatever an adapter does wrong, money may have moved
            _LOG.error("an adapter failed on %s: %s", claimed.ask.operation, type(error).__name__)
            return Answer(AttemptState.UNKNOWN, Why.NO_ANSWER, text="No usable answer.")

    def _find(self, claimed: Claimed) -> Finding:
        try:
            adapter = self._gateways.of(claimed.gateway, claimed.account, closed_too=True)
            return adapter.look_up(claimed.ask)
        except CstuiError as error:
            return Finding(Seen.UNREACHABLE, None, error.message)
        except Exception as error:
            _LOG.error("looking up %s failed: %s", claimed.ask.operation, type(error).__name__)
            return Finding(Seen.UNREACHABLE, None, "No usable answer.")

    def _record(self, attempt_id: int, answer: Answer) -> None:
        with self._database.write() as tx:
            outcomes.record(tx, attempt_id, answer, self._settings)

    def _settle(self, claimed: Claimed, finding: Finding) -> None:
        with self._database.write() as tx:
            if finding.seen is Seen.DECIDED and finding.answer is not None:
                outcomes.record(tx, claimed.id, finding.answer, self._settings, looked=True)
            elif finding.seen is Seen.UNDONE or self._is_absent(claimed, finding, tx.now):
                outcomes.not_executed(
                    tx, claimed.id, finding.text or "The gateway knows nothing of it.", self._settings
                )
            elif finding.seen is Seen.CONFLICT:
                attempts.change(
                    tx, claimed.id, why=Why.MISMATCH, next_check_at=None, checks=claimed.checks + 1, response_text=finding.text
                )  # fmt: skip
            else:
                text = finding.text
                outcomes.record(
                    tx, claimed.id, Answer(AttemptState.UNKNOWN, Why.NO_ANSWER, text=text), self._settings, looked=True
                )  # fmt: skip

    def _is_absent(self, claimed: Claimed, finding: Finding, now: datetime) -> bool:
        """Whether an empty look may be taken as proof now: after the quiet time, where the gateway's list is whole."""
        if finding.seen is not Seen.ABSENT or claimed.state is not AttemptState.UNKNOWN:
            return False
        if claimed.why is Why.ALREADY_DONE:
            # The gateway itself refused it; that it knows nothing of ours only says whose doing it was.
            return True
        sent_at = claimed.ask.sent_at
        # A card moves no money and is looked for under a name that we chose: not there after the quiet time, it was not kept.
        proves = claimed.ask.operation is Operation.VAULT_ADD
        proves = proves or self._gateways.capabilities(claimed.gateway, claimed.account).absence_proves
        return proves and sent_at is not None and absence_counts(sent_at, claimed.checks + 1, now)

    def _store(self, write: Callable[[], None], claimed: Claimed, answer: Answer | None) -> None:
        """Stores an answer, again and again while the database is away: an answer in hand is never let go lightly (W11).

        Where it cannot be stored at all, the attempt stays `sending` and is looked up later; the log keeps what was known, without secrets.
        """
        pause = 0.25
        for turn in range(_STORE_TRIES):
            try:
                write()
                return
            except CstuiError as error:
                said = answer.state if answer is not None else "nothing new"
                _LOG.warning(
                    "the answer to %s could not be stored yet (%s): %s %s",
                    claimed.ask.key, error.code, said, answer.ref if answer else "",
                )  # fmt: skip
                if turn + 1 < _STORE_TRIES:
                    self._sleep(pause)
                    pause = min(_LONGEST_PAUSE, pause * 2)
        _LOG.error("the answer to %s was not stored; it will be looked up", claimed.ask.key)
