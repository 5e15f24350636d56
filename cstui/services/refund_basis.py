"""What a refund of an order is planned on, gathered in one transaction (D-07): charges, lines, what went back, who may do what."""

from __future__ import annotations

from typing import Any, Protocol

from cstui.domain.actor import Actor
from cstui.domain.errors import InvalidInput
from cstui.domain.gateway_rules import capabilities_of, next_cut_off
from cstui.domain.money import minor_from_plain, shared_out
from cstui.domain.order_rules import why_not_cancelled
from cstui.domain.orders import DiscountTarget, OrderView
from cstui.domain.payments import AllocationKind, TransactionKind
from cstui.domain.permissions import Permission
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.refunds import Charge, RefundBasis, RefundLine
from cstui.domain.shipments import SENT_SHIPMENT_STATES
from cstui.storage.queries import charges, orders, refunds
from cstui.storage.queries.charges import AccountFacts, Taken
from cstui.storage.queries.settings_view import reasons
from cstui.storage.reader import Reader
from cstui.storage.transaction import Transaction


class SettingsRead(Protocol):
    """Where the business's rules are read."""

    def whole(self, key: str, store_id: int | None = None) -> int:
        """A whole number."""
        ...

    def text(self, key: str, store_id: int | None = None) -> str:
        """A text or an amount."""
        ...

    def yes(self, key: str, store_id: int | None = None) -> bool:
        """Yes or no."""
        ...


def basis_of(
    tx: Transaction, actor: Actor, order: OrderView, settings: SettingsRead, reader: Reader
) -> RefundBasis:
    """Everything that a refund of this order is planned on, as this transaction sees it."""
    store_id, currency = order.store_id, order.totals.total.currency
    served = charges.accounts(tx, store_id)
    rows = charges.of_order(tx, order.id)
    taken = charges.taken(tx, order.id, rows)
    held = tuple(
        _charge(tx, row, taken[row.id], served)
        for row in rows
        if not (row.kind is TransactionKind.AUTHORISE and taken[row.id].captured)
    )
    lines, shipping, shipping_tax = _parts(order)
    back = {
        (row.kind, row.order_line_id): (int(row.quantity), int(row.amount))
        for row in refunds.given_back(tx, order.id)
    }
    labels = reasons(reader, ReasonKind.REFUND, store_id) or STARTERS[ReasonKind.REFUND]
    return RefundBasis(
        order_id=order.id, number=order.number, store_id=store_id, customer_id=order.customer_id, version=order.version,
        currency=currency,
        lines=tuple(_line(line, paid, tax, back) for line, paid, tax in lines),
        shipping=shipping, shipping_tax=shipping_tax,
        refunded_shipping=back.get((AllocationKind.SHIPPING, None), (0, 0))[1],
        refunded_shipping_tax=back.get((AllocationKind.TAX, None), (0, 0))[1],
        charges=held, reasons=tuple((code, label) for code, label in labels), preset_reason=_likely_reason(order, labels),
        fee_minor=_amount(settings, "refund.fee_amount", store_id, currency),
        fee_percent=settings.whole("refund.fee_percent", store_id),
        limit=_limit(actor, settings, store_id, currency),
        may_goodwill=actor.may(Permission.REFUND_GOODWILL, store_id),
        may_other_card=actor.may(Permission.REFUND_OTHER_SOURCE, store_id),
        may_record=may_record(actor, settings, store_id),
        may_cancel=actor.may(Permission.ORDER_CANCEL, store_id),
        live_subscriptions=tuple(
            f"{row.product}, {row.option}" if row.option else row.product
            for row in orders.subscriptions_started_by(tx, order.id, order.customer_id)
        ),
        cancel_blocked=why_not_cancelled(order.status, order.shipments),
        cards=tuple((key, words) for key, words, _, _ in refunds.other_cards(tx, order.customer_id)),
        blocked="" if held else "Nothing was charged for this order, so nothing can be refunded.",
        undo_seconds=settings.whole("money.undo_seconds", store_id), email=order.email,
    )  # fmt: skip


def charge_now(tx: Transaction, order_id: int, store_id: int, transaction_id: int) -> Charge | None:
    """One charge of an order as this transaction sees it; None where there is none."""
    rows = charges.of_order(tx, order_id)
    taken = charges.taken(tx, order_id, rows)
    served = charges.accounts(tx, store_id)
    return next((_charge(tx, row, taken[row.id], served) for row in rows if row.id == transaction_id), None)


def may_record(actor: Actor, settings: SettingsRead, store_id: int) -> bool:
    """Whether the person may record a refund that no gateway makes (REF-13, REF-16)."""
    return actor.may(Permission.REFUND_EXTERNAL, store_id) or (
        actor.may(Permission.REFUND_REQUEST, store_id) and settings.yes("refund.external_by_agents", store_id)
    )


def account_for(served: list[AccountFacts], gateway: str, name: str) -> AccountFacts | None:
    """The account of a charge or a card: by gateway and name; where the name is not known, the only or main one of that gateway."""
    of_gateway = [facts for facts in served if facts.account.gateway == gateway]
    if name:
        return next((facts for facts in of_gateway if facts.account.name == name), None)
    main = [facts for facts in of_gateway if facts.is_main]
    return (main or of_gateway)[0] if len(main or of_gateway) == 1 else None


def _charge(tx: Transaction, row: Any, taken: Taken, served: list[AccountFacts]) -> Charge:
    facts = account_for(served, row.gateway, row.account)
    can = capabilities_of(facts.account) if facts else None
    until = next_cut_off(row.occurred_at, facts.account.cut_off, facts.account.zone) if facts else None
    return Charge(
        transaction_id=row.id, kind=TransactionKind(row.kind), at=row.occurred_at, amount=row.amount, currency=row.currency,
        refunded=taken.refunded, voided=taken.voided, pending=taken.pending, queued=taken.queued, disputed=taken.disputed,
        gateway=row.gateway, account=facts.account.name if facts else row.account, gateway_ref=row.gateway_ref, card_id=row.card_id,
        card_brand=row.card_brand, card_last4=row.card_last4, is_test=bool(row.is_test) or bool(facts and facts.account.is_test),
        is_settled=row.settled_at is not None or (until is not None and until <= tx.now), void_until=until,
        voids_captured=bool(can and can.voids_captured), refunds_unsettled=bool(can and can.refunds_unsettled),
        gives_credits=bool(can and can.credits), blocked=_blocked(row, taken, facts), in_flight=taken.in_flight,
        is_unknown=taken.is_unknown,
    )  # fmt: skip


def _blocked(row: Any, taken: Taken, facts: AccountFacts | None) -> str:
    """Why the gateway cannot give anything of this charge back; empty where it can (REF-20, B-24)."""
    if taken.disputed:
        return "The customer's bank disputes this charge; a refund now would pay twice."
    if row.gateway in ("", "external", "manual"):
        return "This charge came with an import; its gateway is not known here."
    if facts is None:
        return f"No account at {row.gateway} is set up for this store."
    if not facts.is_open:
        return f"The account {row.gateway} {facts.account.name} is closed."
    if not row.gateway_ref:
        return f"The reference of this charge at {row.gateway} is not known."
    return ""


def _parts(order: OrderView) -> tuple[list[tuple[Any, int, int]], int, int]:
    """Each line with what was paid for it and its tax, then shipping and its tax: together the order's total, as far as it is known."""
    included = order.totals.tax_included
    goods = [line.quantity * line.unit_price.minor - line.discount.minor for line in order.lines]
    on_shipping = sum(d.amount.minor for d in order.discounts if d.target is DiscountTarget.SHIPPING)
    of_lines = order.totals.discount.minor - on_shipping - sum(line.discount.minor for line in order.lines)
    if of_lines > 0 and sum(goods) > 0:
        # A discount of the whole order that no line carries lowers every line by its share.
        shares = shared_out(min(of_lines, sum(goods)), [max(0, amount) for amount in goods])
        goods = [amount - share for amount, share in zip(goods, shares, strict=True)]
    shipping = max(0, order.totals.shipping.minor - on_shipping)
    taxes = [0 if included else line.tax.minor for line in order.lines]
    rest = 0 if included else order.totals.tax.minor - sum(taxes)
    shipping_tax = 0
    weights = [max(0, amount) if line.taxable else 0 for line, amount in zip(order.lines, goods, strict=True)]
    if rest > 0 and sum(weights) > 0 and not any(taxes):
        # Only the order knows its tax: it falls on the taxed lines by what was paid for them.
        taxes = shared_out(rest, weights)
    elif rest > 0:
        shipping_tax = rest
    parts = [(line, max(0, paid), tax) for line, paid, tax in zip(order.lines, goods, taxes, strict=True)]
    return parts, shipping, shipping_tax


def _line(line: Any, paid: int, tax: int, back: dict[tuple[Any, int | None], tuple[int, int]]) -> RefundLine:
    pieces, amount = back.get((AllocationKind.LINE, line.id), (0, 0))
    tax_back = back.get((AllocationKind.TAX, line.id), (0, 0))[1]
    name = f"{line.name}, {line.option}" if line.option else line.name
    return RefundLine(line.id, name, line.quantity, paid, tax, pieces, amount, tax_back)


def _likely_reason(order: OrderView, labels: Any) -> str:
    codes = [code for code, _ in labels]
    sent = any(parcel.state in SENT_SHIPMENT_STATES for parcel in order.shipments)
    likely = "returned" if sent else "cancelled"
    return likely if likely in codes else (codes[0] if codes else "")


def _limit(actor: Actor, settings: SettingsRead, store_id: int, currency: str) -> int | None:
    if actor.may(Permission.REFUND_APPROVE, store_id):
        return None
    text = settings.text("refund.approval_limit", store_id)
    return None if not text else _amount(settings, "refund.approval_limit", store_id, currency)


def _amount(settings: SettingsRead, key: str, store_id: int, currency: str) -> int:
    text = settings.text(key, store_id)
    if not text:
        return 0
    try:
        return minor_from_plain(text, currency, key)
    except InvalidInput:
        # More decimals than this currency has: the whole part holds.
        return minor_from_plain(text.partition(".")[0], currency, key)
