"""Out of which charges a refund is paid, and by which route each of them gives it back (REF-01 … REF-05, REF-19)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cstui.domain.gateways import Operation
from cstui.domain.payments import RefundMethod
from cstui.domain.refunds import Charge, RefundChoice, Route

#: Methods that no gateway hears of.
RECORDED = (RefundMethod.MANUAL, RefundMethod.EXTERNAL)


def is_settled(charge: Charge, now: datetime) -> bool:
    """Whether a charge is past its settlement: known to be, or its cut-off has passed."""
    return charge.is_settled or (charge.void_until is not None and charge.void_until <= now)


def spread(
    charges: tuple[Charge, ...], total: int, choice: RefundChoice, now: datetime
) -> list[tuple[Charge, int]]:
    """What is taken of which charge (REF-19): one that fits exactly, else one exhausted before the next, so that one at most is left in part.

    Charges that have been refunded in part already come first, then the oldest. Of a charge that gives back only as a whole now, a part is
    the last resort. A record begins with charges that no gateway gives back from: the others stay open for the card.
    """
    ordered = sorted(charges, key=lambda c: (not c.blocked, c.is_untouched, c.at, c.transaction_id))
    exact = [(charge, total) for charge in ordered if charge.remaining == total]
    if exact:
        return [min(exact, key=lambda part: _cost([part], choice, now))]
    easy = [charge for charge in ordered if not _waits_in_part(charge, choice, now)]
    hard = [charge for charge in ordered if charge not in easy]
    fitting: list[Charge] = []
    for charge in hard:
        waits = route_of(charge, charge.remaining, choice, now)[0] is Route.WAIT
        if not waits and sum(other.remaining for other in fitting) + charge.remaining <= total:
            fitting.append(charge)
    ways = ([*easy, *hard], [*fitting, *easy, *(charge for charge in hard if charge not in fitting)])
    return min((_drained(way, total) for way in ways), key=lambda way: _cost(way, choice, now))


def _drained(charges: Sequence[Charge], total: int) -> list[tuple[Charge, int]]:
    taken: list[tuple[Charge, int]] = []
    for charge in charges:
        amount = min(charge.remaining, total)
        if amount:
            taken.append((charge, amount))
            total -= amount
    return taken


def _cost(taken: list[tuple[Charge, int]], choice: RefundChoice, now: datetime) -> tuple[int, int]:
    waits = sum(route_of(charge, amount, choice, now)[0] is Route.WAIT for charge, amount in taken)
    return waits, sum(amount < charge.remaining for charge, amount in taken)


def _waits_in_part(charge: Charge, choice: RefundChoice, now: datetime) -> bool:
    by_card = choice.method is RefundMethod.ORIGINAL
    return by_card and not is_settled(charge, now) and not charge.refunds_unsettled


def route_of(charge: Charge, amount: int, choice: RefundChoice, now: datetime) -> tuple[Route, str]:
    """The route of a part, and why it is not the one that was asked for."""
    if choice.method in RECORDED:
        return Route.RECORD, ""
    if choice.method is RefundMethod.OTHER_CARD:
        return Route.CREDIT, ""
    settled = is_settled(charge, now)
    whole = charge.is_untouched and amount == charge.amount
    if choice.only is Operation.VOID:
        return Route.VOID, why_not_void(charge, amount, settled)
    if whole and not settled and charge.voids_captured and choice.only is None:
        return Route.VOID, ""
    if settled or charge.refunds_unsettled:
        return Route.REFUND, ""
    return Route.WAIT, ""


def why_not_void(charge: Charge, amount: int, settled: bool) -> str:
    """Only the whole of a charge that has not settled can be voided (REF-01, REF-03)."""
    if settled:
        return "This charge has settled and cannot be voided. Refund it instead."
    if not charge.voids_captured:
        return f"{charge.gateway or 'The gateway'} cannot void a charge that was taken. Refund it instead."
    if not charge.is_untouched:
        return "A part of this charge has gone back or is on its way, and a void takes the whole. Refund the rest."
    if amount != charge.amount:
        return "A charge cannot be voided in part. Refund the part, or void the whole."
    return ""
