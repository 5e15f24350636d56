"""What a refund choice comes to: how much, made of what, out of which charges and by which route (D-07).

The order of decisions: what can go back at all, what it is made of, what the store keeps, out of which charges, and for each of them a void, a
refund, waiting for settlement, a credit or a mere record. Nothing here asks a gateway or a clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cstui.domain.gateways import Operation
from cstui.domain.money import Money
from cstui.domain.payments import AllocationKind, RefundMethod, TransactionKind
from cstui.domain.refund_routes import RECORDED, route_of, spread, why_not_void
from cstui.domain.refund_shares import (
    given,
    of_everything,
    of_goodwill,
    of_lines,
    of_percent,
    restocking_fee,
    split,
    with_fee,
)
from cstui.domain.refunds import (
    Allocation,
    Charge,
    RefundBasis,
    RefundChoice,
    RefundPart,
    RefundPlan,
    Route,
    Share,
)

_MANUAL = "Use a manual refund."


@dataclass(frozen=True, slots=True)
class _Purse:
    """The charges that this choice can take from, what they hold, and those that no gateway gives back from."""

    charges: tuple[Charge, ...]
    barred: tuple[Charge, ...] = ()

    @property
    def remaining(self) -> int:
        return sum(charge.remaining for charge in self.charges)


def plan(basis: RefundBasis, choice: RefundChoice, now: datetime) -> RefundPlan:
    """The plan of a choice: either parts that add up to its total exactly, or `why_not` in words for the agent.

    Full means all that remains (C-08). A total in a refused plan is what was asked for, for the eye. `choice.transaction_id` with an
    authorisation and `only` void plans the void of it, as `void_plan` does.
    """
    target = _target(basis, choice.transaction_id)
    if choice.transaction_id is not None and target is None:
        return _refused(basis, "That charge is not part of this order any more. Reload the order.")
    if target is not None and target.kind is TransactionKind.AUTHORISE:
        return _authorisation_voided(basis, choice, target)
    why_not = basis.blocked or _why_not_allowed(basis, choice) or _why_not_now(basis, target)
    if why_not:
        return _refused(basis, why_not)
    purse = _purse(basis, choice, target)
    if not purse.remaining:
        return _refused(basis, _why_nothing(basis, _in_question(basis, target), purse))
    allocations, why_not = _allocated(basis, choice, purse.remaining)
    if why_not:
        return _refused(basis, why_not)
    fee = restocking_fee(basis, allocations) if choice.with_fee else 0
    allocations = with_fee(allocations, fee)
    total = given(allocations)
    why_not = _why_not_total(basis, purse, total, fee)
    if why_not:
        return replace(_refused(basis, why_not, total), allocations=allocations, fee=fee)
    return _spread_out(basis, choice, purse, allocations, now)


def void_plan(basis: RefundBasis, transaction_id: int, now: datetime) -> RefundPlan:
    """The plan to void one charge as a whole: an authorisation that was not captured, or a charge that is neither settled nor touched (REF-01).

    Voiding an authorisation gives no money back, so its plan has no allocations. Everything else is refused with the reason (REF-03).
    """
    return plan(basis, RefundChoice(transaction_id=transaction_id, only=Operation.VOID), now)


def _target(basis: RefundBasis, transaction_id: int | None) -> Charge | None:
    return next((charge for charge in basis.charges if charge.transaction_id == transaction_id), None)


def _refused(basis: RefundBasis, why_not: str, total: int = 0) -> RefundPlan:
    return RefundPlan(Money(total, basis.currency), why_not=why_not)


def _said(basis: RefundBasis, amount: int) -> str:
    return f"{Money(amount, basis.currency).plain()} {basis.currency}"


def _over_limit(basis: RefundBasis, total: int) -> bool:
    return basis.limit is not None and total > basis.limit


def _authorisation_voided(basis: RefundBasis, choice: RefundChoice, charge: Charge) -> RefundPlan:
    captured = bool(charge.gateway_ref) and any(
        other.kind is not TransactionKind.AUTHORISE
        and (other.gateway, other.account, other.gateway_ref)
        == (charge.gateway, charge.account, charge.gateway_ref)
        for other in basis.charges
    )
    if captured:
        why_not = "This authorisation has been captured. Void or refund what it brought."
    elif choice.only is not Operation.VOID or choice.share is not Share.FULL:
        why_not = "An authorisation has taken nothing: it is voided as a whole, never refunded."
    elif not charge.is_untouched or not charge.amount:
        why_not = "This authorisation holds nothing any more."
    else:
        why_not = basis.blocked or _why_not_now(basis, charge) or _sentence(charge.blocked)
    if why_not:
        return _refused(basis, why_not)
    return RefundPlan(
        Money(charge.amount, basis.currency),
        parts=(RefundPart(charge, charge.amount, Route.VOID, ()),),
        needs_approval=_over_limit(basis, charge.amount),
        remarks=("Nothing was taken yet: the hold on the customer's card is lifted.",),
    )


def _why_not_allowed(basis: RefundBasis, choice: RefundChoice) -> str:
    if choice.share is Share.AMOUNT and not basis.may_goodwill:
        return "A free amount is a goodwill refund, which is a right of its own. Choose lines, or ask a supervisor."
    if choice.share is Share.AMOUNT and choice.amount <= 0:
        return "A refund of 0 is not possible. Give an amount above 0."
    if choice.share is Share.PERCENT and not 1 <= choice.percent <= 100:
        return f"{choice.percent} % is not possible. Give 1 to 100."
    if choice.method in RECORDED and not basis.may_record:
        return "Recording a refund made by other means is a right of its own. Ask a supervisor."
    if choice.method is not RefundMethod.OTHER_CARD:
        return ""
    if not basis.may_other_card:
        return f"Refunding to another card is a right of its own. {_MANUAL}"
    if choice.card_id is None:
        return "Choose the card that it goes to, or use a manual refund."
    if choice.card_id not in dict(basis.cards):
        return "That card is not on file any more. Choose another, or use a manual refund."
    return ""


def _why_not_now(basis: RefundBasis, target: Charge | None) -> str:
    """Whoever is at it already: one at a time, and nothing on top of an outcome that nobody knows (C-01, C-04)."""
    charges = _in_question(basis, target)
    if any(charge.is_unknown for charge in charges):
        # Whoever asked for it is no longer at it: only the gateway knows.
        return "The outcome of an earlier refund is still being checked. Nothing more goes back until it is known."
    by = next((charge.in_flight for charge in charges if charge.in_flight), "")
    if by and target and target.kind is TransactionKind.AUTHORISE:
        return f"{by} is at work on this authorisation right now. Wait for the outcome."
    return f"{by} is refunding this order right now. Wait for the outcome." if by else ""


def _captured(basis: RefundBasis) -> tuple[Charge, ...]:
    return tuple(charge for charge in basis.charges if charge.kind is not TransactionKind.AUTHORISE)


def _in_question(basis: RefundBasis, target: Charge | None) -> tuple[Charge, ...]:
    return (target,) if target else _captured(basis)


def _purse(basis: RefundBasis, choice: RefundChoice, target: Charge | None) -> _Purse:
    charges = [charge for charge in _in_question(basis, target) if charge.remaining > 0]
    if choice.method in RECORDED:
        return _Purse(tuple(charges))
    to_other_card = choice.method is RefundMethod.OTHER_CARD
    usable = [c for c in charges if not c.blocked and (c.gives_credits or not to_other_card)]
    return _Purse(tuple(usable), tuple(c for c in charges if c not in usable))


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}." if text else ""


def _why_barred(charges: Iterable[Charge]) -> str:
    reasons = dict.fromkeys(
        _sentence(charge.blocked)
        or f"{charge.gateway or 'The gateway'} cannot credit a card that it did not charge."
        for charge in charges
    )
    return " ".join(reasons)


def _why_nothing(basis: RefundBasis, charges: tuple[Charge, ...], purse: _Purse) -> str:
    if purse.barred:
        return f"{_why_barred(purse.barred)} {_MANUAL}"
    if not charges:
        held = any(charge.remaining for charge in basis.charges)
        rest = ": void the authorisation instead" if held else " for this order"
        return f"Nothing was taken{rest}."
    sums = (
        (sum(charge.refunded + charge.voided for charge in charges), "has gone back"),
        (sum(charge.pending + charge.queued for charge in charges), "is on its way"),
        (sum(charge.disputed for charge in charges), "is disputed"),
    )
    away = ", ".join(f"{_said(basis, amount)} {words}" for amount, words in sums if amount)
    disputes = _why_barred(charge for charge in charges if charge.disputed and charge.blocked)
    return f"Nothing remains to be refunded{': ' if away else ''}{away}. {disputes}".rstrip()


def _allocated(
    basis: RefundBasis, choice: RefundChoice, remaining: int
) -> tuple[tuple[Allocation, ...], str]:
    if choice.share is Share.FULL:
        return of_everything(basis, remaining), ""
    if choice.share is Share.PERCENT:
        return of_percent(basis, remaining, choice.percent), ""
    if choice.share is Share.AMOUNT:
        return of_goodwill(choice.amount), ""
    return of_lines(basis, choice.lines, choice.with_shipping)


def _why_not_total(basis: RefundBasis, purse: _Purse, total: int, fee: int) -> str:
    if total <= 0 and fee:
        return "The restocking fee leaves nothing to refund. Choose more, or leave the fee out."
    if total <= 0:
        return "This comes to 0, and a refund of 0 is not possible. Choose something that was paid for."
    if total <= purse.remaining:
        return ""
    remains = _said(basis, purse.remaining)
    if purse.barred:
        return f"This comes to {_said(basis, total)}; only {remains} can go back this way. {_why_barred(purse.barred)} {_MANUAL}"
    return f"This comes to {_said(basis, total)}; {remains} remains. “Full” gives back all of it."


def _spread_out(
    basis: RefundBasis,
    choice: RefundChoice,
    purse: _Purse,
    allocations: tuple[Allocation, ...],
    now: datetime,
) -> RefundPlan:
    total = given(allocations)
    fee = sum(part.amount for part in allocations if part.kind is AllocationKind.FEE)
    taken = spread(purse.charges, total, choice, now)
    parts: list[RefundPart] = []
    for (charge, amount), made_of in zip(
        taken, split(allocations, [amount for _, amount in taken]), strict=True
    ):
        route, why_not = route_of(charge, amount, choice, now)
        if why_not:
            return replace(_refused(basis, why_not, total), allocations=allocations, fee=fee)
        parts.append(RefundPart(charge, amount, route, made_of))
    plain = RefundPlan(
        total=Money(total, basis.currency),
        allocations=allocations,
        parts=tuple(parts),
        fee=fee,
        needs_approval=_over_limit(basis, total),
    )
    return replace(plain, remarks=_remarks(basis, choice, purse, plain))


def _remarks(basis: RefundBasis, choice: RefundChoice, purse: _Purse, made: RefundPlan) -> tuple[str, ...]:
    remarks: list[str] = []
    if len(made.parts) > 1:
        parts = ", ".join(
            f"{_said(basis, part.amount)} {_whither(basis, choice, part)}" for part in made.parts
        )
        remarks.append(f"Goes back in {len(made.parts)} parts: {parts}.")
    remarks += dict.fromkeys(_route_remark(part) for part in made.parts)
    if choice.with_fee and not made.fee:
        remarks.append("No restocking fee: the store keeps none of this.")
    goodwill = sum(a.amount for a in made.allocations if a.kind is AllocationKind.GOODWILL)
    if goodwill and choice.share is not Share.AMOUNT:
        remarks.append(
            f"{_said(basis, goodwill)} belongs to no line, tax or shipping: it counts as goodwill."
        )
    if purse.barred and choice.share in (Share.FULL, Share.PERCENT):
        barred = _said(basis, sum(charge.remaining for charge in purse.barred))
        remarks.append(f"{barred} more cannot go back this way. {_why_barred(purse.barred)}")
    return tuple(remark for remark in remarks if remark)


def _whither(basis: RefundBasis, choice: RefundChoice, part: RefundPart) -> str:
    if part.route is Route.CREDIT:
        return f"to {dict(basis.cards).get(choice.card_id or 0, 'the other card')}"
    return f"{'of' if part.route is Route.RECORD else 'to'} {part.charge.card}"


def _route_remark(part: RefundPart) -> str:
    charge = part.charge
    if part.route is Route.VOID and charge.void_until is not None:
        return "Voided until the cut-off; nothing appears on the statement."
    if part.route is Route.VOID:
        return "A void is tried first; where the charge has settled, it is refunded."
    if part.route is Route.RECORD:
        return "Only recorded: no gateway is asked."
    if part.route is Route.CREDIT:
        return "A credit stands by itself: the charge stays as it is at the gateway."
    if part.route is not Route.WAIT:
        return ""
    asked = "A part" if part.amount < charge.amount else "A charge"
    can = (
        " Voiding the whole charge is possible until then."
        if not why_not_void(charge, charge.amount, False)
        else ""
    )
    return f"{asked} cannot be refunded before settlement; it is sent after the cut-off by itself.{can}"
