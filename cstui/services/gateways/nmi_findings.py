"""What NMI's records say of an operation whose outcome is open; decided on everything that was asked, never on a key alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cstui.domain.gateways import Answer, Ask, Finding, GivenBack, Operation, Seen, Settlement, Verdict, Why
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, TransactionKind
from cstui.services.gateways.nmi_query import Action, Record
from cstui.services.gateways.nmi_replies import DECLINED, FAILED, checks_of, minor_of, refusal_of

#: What NMI calls an operation.
TYPES = {
    Operation.VERIFY: "validate",
    Operation.AUTHORISE: "auth",
    Operation.CAPTURE: "capture",
    Operation.SALE: "sale",
    Operation.VOID: "void",
    Operation.REFUND: "refund",
    Operation.CREDIT: "credit",
}
_SETTLEMENTS = {
    "pending": Settlement.AUTHORISED,
    "pendingsettlement": Settlement.WAITING,
    "complete": Settlement.SETTLED,
    "canceled": Settlement.VOIDED,
    "failed": Settlement.FAILED,
    "abandoned": Settlement.FAILED,
}
#: By so much NMI's clock may be behind ours, where only a time tells two refunds apart.
_CLOCKS_DIFFER = timedelta(seconds=60)


def settlement_of(record: Record) -> Settlement:
    """Where a charge stands. Its condition counts, not its actions: one that waits may show a settlement already."""
    if record.condition == "pendingsettlement" and record.has_done("void"):
        return Settlement.VOIDED
    return _SETTLEMENTS.get(record.condition, Settlement.UNKNOWN)


def void_of(record: Record, currency: str) -> GivenBack | None:
    """The void of a charge, over all that it held; None for one that stands, and where amount or time cannot be read."""
    if settlement_of(record) is not Settlement.VOIDED or record.currency not in ("", currency):
        return None
    done = [action for action in record.actions if action.succeeded]
    held = next(
        (action for kind in ("capture", "sale", "auth") for action in done if action.kind == kind), None
    )
    void = next((action for action in done if action.kind == "void"), held)
    minor = None if held is None else minor_of(held.amount, currency)
    if minor is None or void is None or void.at is None:
        return None
    return GivenBack(record.ref, TransactionKind.VOID, Money(minor, currency), void.at)


def found_by_key(ask: Ask, records: Sequence[Record]) -> Finding:
    """What became of a charge, a credit, a check or a refund, from what NMI lists under its key.

    Rows of other keys are passed over. More than one success is a conflict, as is one of another amount, currency or card.
    """
    ours = [record for record in records if record.order == ask.key]
    wanted = TYPES[ask.operation]
    done = [record for record in ours if record.has_done(wanted)]
    if len(done) > 1:
        return Finding(Seen.CONFLICT, text=f"NMI lists {len(done)} of these under one key.")
    if done:
        return _success(ask, done[0])
    if not ours:
        return Finding(Seen.ABSENT)
    return _failure(ask, ours[0])


def _success(ask: Ask, record: Record) -> Finding:
    action = _done(record, TYPES[ask.operation])
    # A check of a card asks for no amount, so NMI writes whatever it likes there.
    minor = None if ask.operation is Operation.VERIFY else minor_of(action.amount, ask.amount.currency)
    is_same = ask.operation is Operation.VERIFY or minor == ask.amount.minor
    is_taken_back = record.condition == "canceled" or record.has_done("void")
    is_less = minor is not None and 0 < minor < ask.amount.minor
    if is_taken_back and is_less and ask.operation in (Operation.SALE, Operation.AUTHORISE):
        text = f"Only {action.amount} was approved; it was let go."
        return _decided(
            Answer(AttemptState.DECLINED_HARD, Why.PARTIAL, record.ref, action.code or "100", text)
        )
    if not (is_same and record.currency in ("", ask.amount.currency) and _is_same_card(ask, record)):
        return Finding(Seen.CONFLICT, text="NMI lists this key with another amount, currency or card.")
    if is_taken_back:
        return Finding(Seen.CONFLICT, text="It was approved, and voided afterwards.")
    if record.condition in ("unknown", "abandoned", "failed"):
        return Finding(Seen.CONFLICT, text=f"NMI calls it {record.condition}.")
    state = AttemptState.PENDING if record.condition == "in_progress" else AttemptState.SUCCEEDED
    return _decided(_answer(state, record, action))


def _is_same_card(ask: Ask, record: Record) -> bool:
    return ask.card is None or record.vault in ("", ask.card.vault)


def _failure(ask: Ask, record: Record) -> Finding:
    if record.condition in ("unknown", "in_progress"):
        return Finding(Seen.CONFLICT, text=f"NMI calls it {record.condition}.")
    action = next((action for action in record.actions if action.kind == TYPES[ask.operation]), None)
    if action is None or action.succeeded:
        return Finding(Seen.CONFLICT, text="NMI lists this key with another operation.")
    # A report does not say whether the issuer or the gateway refused; the code's first digit does.
    state, why = refusal_of(DECLINED if action.code.startswith("2") else FAILED, action.code, action.text)
    if state in (AttemptState.UNKNOWN, AttemptState.NOT_SENT):
        return Finding(Seen.ABSENT, text=f"NMI lists a try that failed: {action.text}")
    return _decided(Answer(state, why, record.ref, action.code, action.text))


def found_on_charge(ask: Ask, record: Record) -> Finding:
    """What became of a void or a capture, from the charge that it was to change."""
    return _found_void(record) if ask.operation is Operation.VOID else _found_capture(ask, record)


def _found_void(record: Record) -> Finding:
    stands = settlement_of(record)
    if stands is Settlement.VOIDED or record.has_done("void"):
        return _decided(_answer(AttemptState.SUCCEEDED, record))
    if stands in (Settlement.WAITING, Settlement.AUTHORISED):
        return Finding(Seen.UNDONE, text="It still waits for settlement.")
    if stands is Settlement.SETTLED:
        return _decided(
            Answer(AttemptState.REJECTED, Why.SETTLED, record.ref, text="It has settled, unvoided.")
        )
    return Finding(Seen.CONFLICT, text=f"NMI calls the charge {record.condition}.")


def _found_capture(ask: Ask, record: Record) -> Finding:
    if record.has_done("capture"):
        action = _done(record, "capture")
        if minor_of(action.amount, ask.amount.currency) != ask.amount.minor:
            return Finding(Seen.CONFLICT, text=f"It was captured with {action.amount}.")
        return _decided(_answer(AttemptState.SUCCEEDED, record, action))
    stands = settlement_of(record)
    if stands in (Settlement.WAITING, Settlement.SETTLED):
        return Finding(Seen.CONFLICT, text="It is captured, and NMI does not say by what.")
    if stands in (Settlement.AUTHORISED, Settlement.VOIDED, Settlement.FAILED):
        return Finding(Seen.UNDONE, text="It is not captured.")
    return Finding(Seen.CONFLICT, text=f"NMI calls the charge {record.condition}.")


def found_nameless(ask: Ask, records: Sequence[Record], original: Record | None) -> Finding:
    """What became of a refund that NMI does not list under its key: a refund of the same amount, since it was sent, without any key.

    One such refund of the same card is it. One from just before, or a trace on the charge alone, may be another's: that is a conflict, for a
    person to see.
    """
    since = ask.sent_at
    if since is None:
        return Finding(Seen.ABSENT)
    nameless = [
        record
        for record in records
        if not record.order
        and record.currency in ("", ask.amount.currency)
        and any(_is_like(ask, action, since - _CLOCKS_DIFFER) for action in record.actions)
    ]
    if len(nameless) > 1:
        return Finding(Seen.CONFLICT, text=f"NMI lists {len(nameless)} refunds like it, without a key.")
    moment = since.replace(microsecond=0)
    if nameless:
        if not any(_is_like(ask, action, moment) for action in nameless[0].actions):
            return Finding(Seen.CONFLICT, text="NMI lists a refund like it, from just before it was sent.")
        return _decided(_answer(AttemptState.SUCCEEDED, nameless[0], _done(nameless[0], "refund")))
    if original is not None and any(_is_like(ask, action, moment) for action in original.actions):
        return Finding(Seen.CONFLICT, text="The charge shows a refund like it, and NMI does not say whose.")
    return Finding(Seen.ABSENT)


def _is_like(ask: Ask, action: Action, since: datetime) -> bool:
    return (
        action.succeeded
        and action.kind == "refund"
        and minor_of(action.amount, ask.amount.currency) == ask.amount.minor
        and action.at is not None
        and action.at >= since
    )


def _done(record: Record, kind: str) -> Action:
    return next(action for action in record.actions if action.succeeded and action.kind == kind)


def _decided(answer: Answer) -> Finding:
    return Finding(Seen.DECIDED, answer, answer.text if answer.verdict is Verdict.REFUSED else "")


def _answer(state: AttemptState, record: Record, action: Action | None = None) -> Answer:
    facts = checks_of(record.avs, record.cvv)
    if record.auth_code:
        facts["auth_code"] = record.auth_code
    code, text = (action.code or "100", action.text) if action is not None else ("100", "")
    return Answer(state, Why.NONE, record.ref, code, text, facts=facts)
