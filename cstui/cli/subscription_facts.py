"""A subscription as JSON and in words: what it is, what is billed next, and what became of each cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cstui.cli.facts import subscription_row_facts
from cstui.domain.ids import Kind, public_id
from cstui.domain.subscriptions import SubscriptionAttempt, SubscriptionView, interval_words

if TYPE_CHECKING:
    from datetime import date

    from cstui.domain.subscription_changes import BillPreview


def facts(view: SubscriptionView) -> dict[str, Any]:
    """`show subscription` as JSON."""
    found = subscription_row_facts(view.row)
    found["price"] |= {
        "discount_kind": view.discount_kind, "discount_value": view.discount_value, "cycles_left": view.price_cycles_left,
        "regular": view.regular,
    }  # fmt: skip
    if found["card"] is not None:
        found["card"] |= {
            "id": public_id(Kind.CARD, view.card_id) if view.card_id else None, "expires": view.card_expires,
            "warning": view.card_warning or None,
        }  # fmt: skip
    if found["trial"] is not None:
        found["trial"] |= {"days": view.trial_days}
    return {
        **found,
        "store": view.store_code, "version": view.version, "sku": view.sku,
        "order_id": public_id(Kind.ORDER, view.parent_order_id) if view.parent_order_id else None,
        "last_bill_date": view.last_bill_date, "final_cycle": view.final_cycle, "tries": view.tries, "retry_on": view.retry_on,
        "planned": {
            "pause_on": view.pause_on, "resume_on": view.resume_on, "cancel_on": view.cancel_on, "keep_billing": view.keep_billing,
            "cancel_after_next": view.cancel_after_next,
        },
        "cancelled_at": view.cancelled_at, "cancel_reason": view.cancel_reason or None,
        "next": preview_facts(view.next) if view.next else None,
        "why_not": {action.value: reason for action, reason in view.why_not.items()},
        "history": [
            {
                "cycle": period.cycle, "bill_date": period.bill_date, "state": period.state, "amount": period.amount,
                "order_id": public_id(Kind.ORDER, period.order_id) if period.order_id else None,
                "tries": [_try_facts(tried) for tried in view.attempts if tried.cycle == period.cycle],
            }
            for period in view.periods
        ],
    }  # fmt: skip


def preview_facts(preview: BillPreview) -> dict[str, Any]:
    """What will be billed when, as JSON."""
    return {
        "date": preview.date, "total": preview.total, "cycle": preview.cycle, "status": preview.status, "card": preview.card or None,
        "parts": [{"name": part.name, "words": part.words, "amount": part.amount} for part in preview.parts],
        "following": [{"date": day, "total": total} for day, total in preview.following],
        "ends_on": preview.ends_on, "warnings": list(preview.warnings), "words": preview.words,
    }  # fmt: skip


def _try_facts(tried: SubscriptionAttempt) -> dict[str, Any]:
    return {
        "id": public_id(Kind.ATTEMPT, tried.id), "at": tried.at, "amount": tried.amount, "state": tried.state, "card": tried.card or None,
        "code": tried.code or None, "text": tried.text, "said": tried.said, "advice": tried.advice, "requested_by": tried.requested_by,
    }  # fmt: skip


def words(view: SubscriptionView) -> str:
    """`show subscription` in words."""
    from cstui.cli.printing import table
    from cstui.format import day_words, money_words, state_words

    row = view.row
    lines = [
        f"{row.product} {row.option}".strip()
        + f" ({public_id(Kind.SUBSCRIPTION, row.id)}), {state_words(row.status)}: "
        f"{money_words(row.price.total)} {interval_words(row.interval_unit, row.interval_count)}, cycle {row.cycle}",
        f"{view.customer_name} ({public_id(Kind.CUSTOMER, row.customer_id)}) – {view.store_name}, {view.card or 'no card'}",
    ]
    if view.next is not None:
        lines.append(preview_words(view.next))
    for said, day in _plans(view):
        lines.append(f"{said} {day_words(day)}.")
    if view.cancel_reason:
        lines.append(f"Cancelled: {view.cancel_reason}")
    tries = {tried.cycle: tried for tried in reversed(view.attempts)}
    cycles = [
        (
            str(period.cycle), period.bill_date.isoformat(), state_words(period.state), money_words(period.amount),
            tries[period.cycle].said if period.cycle in tries else "",
        )
        for period in view.periods
    ]  # fmt: skip
    return "\n".join(
        [
            *lines,
            "",
            table(("Cycle", "Bill date", "State", "Amount", "Last answer"), cycles, "Nothing billed yet."),
        ]
    )


def preview_words(preview: BillPreview) -> str:
    """What will be billed when, in words: the next bill, its build-up, what follows, and what to know about it."""
    from cstui.format import day_words, money_words

    lines = [preview.words]
    if preview.date is not None:
        parts = [
            f"{part.name} {part.words} {money_words(part.amount)}".replace("  ", " ")
            for part in preview.parts
            if part.amount or part.name == "goods"
        ]
        lines.append("  " + ", ".join(parts))
    if preview.following:
        lines.append(
            "  then "
            + ", ".join(f"{day_words(day)} {money_words(total)}" for day, total in preview.following)
        )
    return "\n".join([*lines, *(f"  {warning}" for warning in preview.warnings)])


def _plans(view: SubscriptionView) -> list[tuple[str, date]]:
    planned = (
        ("Paused from", view.pause_on if view.resume_on or view.row.status != "paused" else None),
        ("Resumes on", view.resume_on),
        ("Ends on", view.cancel_on),
        ("Tried again on", view.retry_on),
    )
    return [(said, day) for said, day in planned if day is not None]
