"""What a charge is explained with, read together: movements, the cycles that they are, and what made them bill (decides for `Explain`)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cstui.domain.actor import Actor
from cstui.domain.audit import AuditRow
from cstui.domain.clean import clean
from cstui.domain.declines import explained as decline_of
from cstui.domain.explain import Back, Cycle, Movement, Outcome, PriceMove, Story
from cstui.domain.gateways import Operation, Why
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.order_rules import line_words
from cstui.domain.payments import AttemptState, TransactionKind, TransactionStatus
from cstui.domain.permissions import Permission
from cstui.domain.subscriptions import interval_words
from cstui.storage.queries import audit
from cstui.storage.queries import explain as queries
from cstui.storage.transaction import Transaction

_K, _S, _A = TransactionKind, TransactionStatus, AttemptState
_TAKING = (_K.SALE, _K.CAPTURE)
_GIVING = (_K.REFUND, _K.CREDIT, _K.VOID)
_OF_KIND = {
    _K.SALE: Outcome.TAKEN, _K.CAPTURE: Outcome.TAKEN, _K.AUTHORISE: Outcome.HELD, _K.REFUND: Outcome.GIVEN, _K.CREDIT: Outcome.GIVEN,
    _K.VOID: Outcome.VOIDED, _K.CHARGEBACK: Outcome.DISPUTED,
}  # fmt: skip
_OF_STATUS = {
    _S.FAILED: Outcome.FAILED, _S.PENDING: Outcome.PENDING, _S.UNKNOWN: Outcome.UNKNOWN, _S.REVERSED: Outcome.REVERSED,
}  # fmt: skip
_OF_STATE = {
    _A.WAITING_APPROVAL: Outcome.WAITING, _A.ARMED: Outcome.WAITING, _A.SENDING: Outcome.UNKNOWN, _A.UNKNOWN: Outcome.UNKNOWN,
    _A.PENDING: Outcome.PENDING, _A.DECLINED_SOFT: Outcome.DECLINED, _A.DECLINED_HARD: Outcome.DECLINED,
    _A.REJECTED: Outcome.DECLINED, _A.NOT_SENT: Outcome.FAILED, _A.WITHDRAWN: Outcome.WITHDRAWN, _A.REVERSED: Outcome.REVERSED,
}  # fmt: skip
_DECLINED = (_A.DECLINED_SOFT, _A.DECLINED_HARD, _A.REJECTED)
_ON_ITS_WAY = (_A.ARMED, _A.WAITING_APPROVAL, _A.SENDING, _A.UNKNOWN, _A.PENDING)
#: What in an event moves the price, by the path of an edit or by the column of a bill, and what it is called.
_PRICES = {
    "price.unit": "price", "unit_price": "price", "price.discount": "discount", "discount": "discount", "price.shipping": "shipping",
    "shipping": "shipping", "quantity": "quantity", "product": "product", "option": "option",
}  # fmt: skip
_MINOR = ("unit_price", "discount", "shipping")
_BILLING = "billing"
_RESUMED = ("subscription resumed", "subscription reactivated")
_MOST_EVENTS = 200
_LONGEST = 80


class Books:
    """A customer's money and subscriptions as one transaction sees them, in the stores that the actor may see."""

    def __init__(self, tx: Transaction, actor: Actor, customer_id: int) -> None:
        self._tx = tx
        self._actor = actor
        self._moves = queries.moves(tx, customer_id, actor.stores(Permission.ORDER_VIEW))
        self._tries = queries.tries(tx, customer_id, actor.stores(Permission.ORDER_VIEW))
        self._of_id = {row.id: row for row in self._tries}
        rows = queries.subscriptions(tx, customer_id, actor.stores(Permission.SUBSCRIPTION_VIEW))
        self._subscriptions = {row.id: row for row in rows}
        self._events: dict[int, tuple[AuditRow, ...]] = {}

    # Movements --------------------------------------------------------------------------------------

    def movements(self, but: int = 0) -> tuple[Movement, ...]:
        """Everything that a statement could show. A hold that was captured stands for nothing by itself, unless it is `but`."""
        made = {row.attempt_id for row in self._moves if row.attempt_id is not None}
        found = [
            self._of_move(row)
            for row in self._moves
            if row.kind in _OF_KIND and (row.id == but or not self._is_captured(row))
        ]
        open_tries = (row for row in self._tries if row.id not in made and queries.is_charge(row))
        found += [self._of_try(row) for row in open_tries if _A(row.state) in _OF_STATE]
        return tuple(found)

    def _of_move(self, row: Any) -> Movement:
        status = _S(row.status)
        outcome = _OF_KIND[_K(row.kind)] if status is _S.SUCCEEDED else _OF_STATUS[status]
        if row.kind is _K.AUTHORISE and self._is_captured(row):
            outcome = Outcome.TAKEN
        brand, last4 = row.card_brand or row.brand or "", row.card_last4 or row.last4 or ""
        return Movement(
            _K(row.kind), outcome, row.occurred_at, _day(row.occurred_at, row.zone), Money(row.amount, row.currency), _name(row.store_name),
            _card(brand, last4), last4, tuple(text for text in (row.gateway_ref, row.number) if text),
            self._parts(row), row.id, row.attempt_id, row.order_id, _name(row.number), Money(row.total, row.currency),
            row.subscription_id, row.cycle,
        )  # fmt: skip

    def _of_try(self, row: Any) -> Movement:
        state = _A(row.state)
        at = row.sent_at or row.created_at
        outcome = _OF_STATE[state]
        decline = (
            decline_of(row.response_code, row.response_text, Why(row.why), state)
            if outcome is Outcome.DECLINED
            else None
        )
        return Movement(
            _K(Operation(row.operation).value), outcome, at, _day(at, row.zone), Money(row.amount, row.currency), _name(row.store_name),
            _card(row.brand or "", row.last4 or ""), row.last4 or "", tuple(text for text in (row.gateway_ref, row.number) if text), (),
            None, row.id, row.order_id, _name(row.number or ""), Money(row.total, row.currency) if row.total else None,
            row.subscription_id, row.cycle, decline, row.requested_by,
        )  # fmt: skip

    def _is_captured(self, row: Any) -> bool:
        if row.kind is not _K.AUTHORISE:
            return False
        same = (row.gateway, row.account, row.gateway_ref)
        return any(
            other.kind is _K.CAPTURE
            and other.order_id == row.order_id
            and other.status is _S.SUCCEEDED
            and (
                other.parent_id in (row.id, None)
                or (row.gateway_ref and (other.gateway, other.account, other.gateway_ref) == same)
            )
            for other in self._moves
        )

    def _takes(self, order_id: int | None) -> list[Any]:
        return [
            row
            for row in self._moves
            if row.order_id == order_id and row.kind in _TAKING and row.status is _S.SUCCEEDED
        ]

    def _parts(self, row: Any) -> tuple[int, ...]:
        """What a caller may take for this charge: the order without tax, without shipping, without both; all of an order charged in parts."""
        if row.kind not in (*_TAKING, _K.AUTHORISE):
            return ()
        without = {row.total - row.tax, row.total - row.shipping, row.total - row.tax - row.shipping}
        if row.amount != row.total:
            without = {row.total} if len(self._takes(row.order_id)) > 1 else set()
        return tuple(sorted(amount for amount in without if amount > 0))

    # The story --------------------------------------------------------------------------------------

    def story(self, movement: Movement) -> Story:
        """What is known of a movement beside itself."""
        lines = queries.lines(self._tx, [movement.order_id]) if movement.order_id is not None else []
        takes = self._takes(movement.order_id)
        share = (
            movement.order_total
            if movement.kind in _TAKING and len(takes) > 1 and movement.amount != movement.order_total
            else None
        )
        disputed = next(
            (
                row
                for row in self._moves
                if row.kind is _K.CHARGEBACK and row.status is _S.SUCCEEDED and self._is_of(row, movement)
            ),
            None,
        )
        return Story(
            tuple(line_words(row.quantity, _name(row.name), _name(row.option)) for row in lines), self._cycles(movement),
            self._back(movement), _day(disputed.occurred_at, disputed.zone) if disputed is not None else None, share,
        )  # fmt: skip

    def _is_of(self, row: Any, movement: Movement) -> bool:
        """Whether a transaction is about the charge: it names it, or names none and the order has only this one."""
        if (
            movement.transaction_id is None
            or row.id == movement.transaction_id
            or row.order_id != movement.order_id
        ):
            return False
        if row.parent_id is not None:
            return bool(row.parent_id == movement.transaction_id)
        return movement.kind in _TAKING and len(self._takes(row.order_id)) == 1

    def _back(self, movement: Movement) -> tuple[Back, ...]:
        if movement.kind not in (*_TAKING, _K.AUTHORISE):
            return ()
        rows = [row for row in self._moves if row.kind in _GIVING and self._is_of(row, movement)]
        found = [
            Back(Money(row.amount, row.currency), _day(row.occurred_at, row.zone) if row.status is _S.SUCCEEDED else None, row.kind is _K.VOID)
            for row in reversed(rows)
            if row.status in (_S.SUCCEEDED, _S.PENDING)
        ]  # fmt: skip
        made = {row.attempt_id for row in rows}
        found += [
            Back(Money(row.amount, row.currency), None, row.operation is Operation.VOID)
            for row in self._tries
            if row.transaction_id is not None
            and row.transaction_id == movement.transaction_id
            and row.id not in made
            and _A(row.state) in _ON_ITS_WAY
        ]
        return tuple(found)

    def _cycles(self, movement: Movement) -> tuple[Cycle, ...]:
        if movement.subscription_id is not None:
            row = self._subscriptions.get(movement.subscription_id)
            is_first = row is not None and (
                movement.cycle == 1 or row.parent_order_id == movement.order_id is not None
            )
            return (self._cycle(row, movement, is_first=is_first),) if row is not None else ()
        if movement.order_id is None:
            return ()
        started = [row for row in self._subscriptions.values() if row.parent_order_id == movement.order_id]
        return tuple(self._cycle(row, movement, is_first=True) for row in started[:2])

    def _cycle(self, row: Any, movement: Movement, *, is_first: bool) -> Cycle:
        product = _name(f"{row.product} ({row.option})" if row.option else row.product)
        interval = interval_words(row.interval_unit, row.interval_count)
        ended = (
            _day(row.cancelled_at, row.zone)
            if row.cancelled_at is not None and row.cancelled_at >= movement.at
            else None
        )
        number = movement.cycle
        if is_first:
            return Cycle(
                product, interval, number, is_first_order=True, trial_ends=row.trial_ends_on, ended=ended
            )
        since = self._billed_before(row, movement)
        events = [one for one in self._events_of(row) if one.at <= movement.at]
        window = [one for one in events if since is None or one.at > since]
        trial_ended, cut_by = None, ""
        if number == 2 and (row.trial_ends_on is not None or row.trial_days):
            cut = next((one for one in window if one.action == "trial skipped"), None)
            bill = queries.period(self._tx, row.id, 2)
            trial_ended = row.trial_ends_on or (bill.bill_date if bill is not None else movement.day)
            if cut is not None:
                trial_ended, cut_by = _day(cut.at, row.zone), _name(cut.actor)
        return Cycle(
            product, interval, number, trial_ended=trial_ended, trial_cut_by=cut_by, forced=self._forced(row, movement),
            moved=_by_when(window, row.zone, _is_moved), resumed=_by_when(window, row.zone, lambda one: one.action in _RESUMED),
            declines=self._declines(row, movement), price=_price_move(events, row), ended=ended,
        )  # fmt: skip

    def _billed_before(self, row: Any, movement: Movement) -> datetime | None:
        earlier = [
            one.occurred_at
            for one in self._moves
            if one.kind in _TAKING
            and one.occurred_at < movement.at
            and (
                one.subscription_id == row.id
                or (row.parent_order_id is not None and one.order_id == row.parent_order_id)
            )
        ]
        return max(earlier, default=None)

    def _events_of(self, row: Any) -> tuple[AuditRow, ...]:
        """Its history, newest first, for those who may see it."""
        if not self._actor.may(Permission.AUDIT_VIEW, row.store_id):
            return ()
        if row.id not in self._events:
            self._events[row.id] = audit.events_of(self._tx, Kind.SUBSCRIPTION, row.id, limit=_MOST_EVENTS)
        return self._events[row.id]

    def _forced(self, row: Any, movement: Movement) -> tuple[str, date] | None:
        tried = self._of_id.get(movement.attempt_id)
        if tried is None or not tried.requested_by_id or tried.subscription_id is None:
            return None
        return _name(tried.requested_by) or "An agent", _day(tried.created_at, row.zone)

    def _declines(self, row: Any, movement: Movement) -> tuple[tuple[date, str], ...]:
        found = []
        for tried in reversed(self._tries):
            at, state = tried.sent_at or tried.created_at, _A(tried.state)
            same = (
                tried.subscription_id == row.id
                and tried.cycle == movement.cycle
                and tried.id != movement.attempt_id
            )
            if not same or state not in _DECLINED or at > movement.at:
                continue
            said = decline_of(tried.response_code, tried.response_text, Why(tried.why), state)
            found.append((_day(at, row.zone), _name(said.words if said is not None else "it was declined")))
        return tuple(found)


def _is_moved(event: AuditRow) -> bool:
    by_hand = event.action in ("billing date changed", "subscription edited")
    return by_hand and any(change.path == "next_bill_date" for change in event.changes)


def _by_when(events: list[AuditRow], zone: str, fits: Any) -> tuple[str, date] | None:
    found = next((one for one in events if fits(one)), None)
    return (_name(found.actor), _day(found.at, zone)) if found is not None else None


def _price_move(events: list[AuditRow], row: Any) -> PriceMove | None:
    """The newest change of what a bill comes to: by whom, from what to what."""
    for event in events:
        change = next(
            (one for path in _PRICES for one in event.changes if one.path == path and one.old), None
        )
        if change is None:
            continue
        old, new = (_value(change.path, value, row.currency) for value in (change.old, change.new))
        by = "" if event.actor == _BILLING else _name(event.actor)
        return PriceMove(_day(event.at, row.zone), by, _PRICES[change.path], old, new)
    return None


def _value(path: str, value: str, currency: str) -> str:
    if path in _MINOR and value.isdecimal():
        return f"{Money(int(value), currency).plain()} {currency}"
    return _name(value)


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def _card(brand: str, last4: str) -> str:
    return _name(f"{brand} …{last4}".strip()) if last4 else ""


def _name(text: str) -> str:
    return clean(text, limit=_LONGEST).strip()
