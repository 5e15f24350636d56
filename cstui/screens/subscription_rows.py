"""How a subscription reads: the sections of each tab, and what will be billed when, in lines (SUB-14, SUB-19, SUB-20)."""

from __future__ import annotations

from collections.abc import Callable

from cstui.domain.declines import DeclineClass
from cstui.domain.ids import Kind
from cstui.domain.subscription_changes import BillPreview
from cstui.domain.subscriptions import PeriodRow, SubscriptionAttempt, SubscriptionView, interval_words
from cstui.format import Reader, day_words, money_words, name_words
from cstui.screens.history_rows import history_section
from cstui.screens.mail_rows import mails_section
from cstui.screens.order_rows import SIDE_BY_SIDE, Showing
from cstui.widgets.page_model import Cell, Column, Row, Section

#: The tabs in their order (SUB-20).
TABS = ("Overview", "Billing history", "Changes", "Mails")
_PARTS = {"goods": "Goods", "discount": "Discount", "shipping": "Shipping", "tax": "Tax"}
_AGAIN = {
    DeclineClass.HARD: "never again on this card",
    DeclineClass.SOFT: "may succeed later",
    DeclineClass.DATA: "only with new card data",
    DeclineClass.TECHNICAL: "being looked up first",
    DeclineClass.AMBIGUOUS: "an earlier success is looked for first",
    DeclineClass.CONFIGURATION: "a fault of the account, not of the card",
}


def sections_of(tab: int, view: SubscriptionView, how: Showing) -> list[Section]:
    """What one tab shows."""
    built: tuple[Callable[[SubscriptionView, Showing], list[Section]], ...] = (
        _overview, _billing, _changes, _mails,
    )  # fmt: skip
    return built[tab](view, how)


def product_words(view: SubscriptionView) -> str:
    """`Tea, large`: what the sentences call a subscription."""
    return f"{view.row.product}, {view.row.option}" if view.row.option else view.row.product


def again_words(again: DeclineClass | None) -> str:
    """Whether a declined charge may be tried again, in words; empty where it was not declined."""
    return _AGAIN[again] if again is not None else ""


def preview_lines(preview: BillPreview, reader: Reader) -> list[str]:
    """What will be billed when: the next bill with its build-up, the three after it, and what is to be minded."""
    lines = [preview.words]
    if preview.date is not None:
        lines.append(f"{_sum_words(preview, reader)} to {preview.card or 'no card'}")
    if preview.following:
        then = " · ".join(
            f"{day_words(day, weekday=False)} {money_words(total, reader)}"
            for day, total in preview.following
        )
        lines.append(f"Then {then}")
    if preview.ends_on is not None and preview.date is not None:
        lines.append(f"Ends on {day_words(preview.ends_on)}.")
    return [*lines, *preview.warnings]


def _sum_words(preview: BillPreview, reader: Reader) -> str:
    said = []
    for part in preview.parts:
        if part.name == "goods":
            said.append(part.words)
        elif part.amount.minor:
            sign, amount = ("−", -part.amount) if part.amount.minor < 0 else ("+", part.amount)
            words = part.words if part.words and part.words != "off" else part.name
            said.append(f"{sign} {money_words(amount, reader)} {words}")
    return f"{' '.join(said)} = {money_words(preview.total, reader)}"


def _fact(label: str, *cells: Cell, key: object = None, copy: str = "") -> Row:
    said = [cells[0], *(Cell(f"  {cell.text}", cell.tone) for cell in cells[1:])]
    return Row(key or ("fact", label), (Cell(label, "muted"), *said), copy=copy or cells[0].text)


# Overview -----------------------------------------------------------------------------------------


def _overview(view: SubscriptionView, how: Showing) -> list[Section]:
    row = view.row
    facts = [
        _fact("Product", Cell(product_words(view), "strong"), Cell(view.sku, "muted")),
        _fact("Status", how.state(row.status), *_status_cells(view)),
        _fact(
            "Customer",
            Cell(name_words(view.customer_name), "strong"),
            Cell("Enter opens the profile", "muted"),
            key=(Kind.CUSTOMER, row.customer_id),
            copy=view.customer_name,
        ),
        *_next_rows(view, how),
        _fact("Interval", Cell(_interval(view))),
        _fact("Cycle", Cell(_cycle(view))),
        *_card_rows(view),
    ]
    if view.trial_days or row.trial_ends_on:
        facts.append(_fact("Trial", Cell(_trial(view))))
    facts += [
        _fact("Planned", Cell(said, "warn"), key=("planned", said)) for said in planned_words(view, how)
    ]
    if view.parent_order_id is not None:
        facts.append(
            _fact(
                "First order",
                Cell(view.parent_number or "–", "accent"),
                Cell("Enter opens it", "muted"),
                key=(Kind.ORDER, view.parent_order_id),
            )
        )
    if view.last_bill_date is not None:
        facts.append(_fact("Last bill", Cell(day_words(view.last_bill_date))))
    store = f"{view.store_name} ({view.store_code})" + (" TEST STORE" if view.is_test else "")
    facts.append(_fact("Store", Cell(store, "warn" if view.is_test else "")))
    head = Section(
        "subscription", f"Subscription of {name_words(view.customer_name)}", tuple(facts), number=3,
        aside=f"version {row.version}",
    )  # fmt: skip
    return [head, _price(view, how)]


def _status_cells(view: SubscriptionView) -> list[Cell]:
    said = []
    if view.retry_on is not None:
        said.append(Cell(f"tried again {day_words(view.retry_on)}, {view.tries} so far", "warn"))
    if view.cancelled_at is not None:
        said.append(Cell(f"{view.cancelled_at:%d %b %Y} {view.cancel_reason}".strip(), "muted"))
    return said


def _next_rows(view: SubscriptionView, how: Showing) -> list[Row]:
    coming = view.next
    if coming is None or coming.date is None:
        return [_fact("Next bill", Cell(coming.words if coming else "No bill is planned.", "muted"))]
    when = "today" if coming.date == view.today else day_words(coming.date)
    at = f" at {view.bill_time}" if view.bill_time else ""
    said = [_fact("Next bill", Cell(f"{when}{at}", "strong"), Cell(how.money(coming.total)))]
    if coming.following:
        wide = how.width >= SIDE_BY_SIDE
        then = " · ".join(f"{day_words(day, wide)} {how.money(total)}" for day, total in coming.following)
        said.append(_fact("Then", Cell(then, "muted")))
    said += [
        _fact("", Cell(words, "warn"), key=("warning", words))
        for words in coming.warnings
        if words != view.card_warning
    ]
    return said


def _interval(view: SubscriptionView) -> str:
    words = interval_words(view.row.interval_unit, view.row.interval_count)
    return f"{words}, on day {view.anchor_day}" if view.anchor_day else words


def _cycle(view: SubscriptionView) -> str:
    return f"{view.row.cycle} of {view.final_cycle}" if view.final_cycle else str(view.row.cycle)


def _card_rows(view: SubscriptionView) -> list[Row]:
    if not view.card:
        return [_fact("Card", Cell("no card", "bad"), key=(Kind.CARD, 0))]
    expires = f"expires {view.card_expires:%m/%y}" if view.card_expires else ""
    rows = [_fact("Card", Cell(view.card), Cell(expires, "muted"), key=(Kind.CARD, view.card_id or 0))]
    if view.card_warning:
        rows.append(_fact("", Cell(view.card_warning, "bad"), key="card-warning"))
    return rows


def _trial(view: SubscriptionView) -> str:
    days = f"{view.trial_days} days" if view.trial_days else ""
    ends = f"ends {day_words(view.row.trial_ends_on)}" if view.row.trial_ends_on else ""
    return ", ".join(part for part in (days, ends) if part)


def planned_words(view: SubscriptionView, how: Showing) -> list[str]:
    """What is planned, each in a sentence."""
    said = []
    if view.pause_on is not None and view.row.status != "paused":
        said.append(f"Pauses on {day_words(view.pause_on)}.")
    if view.resume_on is not None:
        said.append(f"Resumes by itself on {day_words(view.resume_on)}.")
    if view.cancel_on is not None:
        until = "" if view.keep_billing else ", not billed before"
        said.append(f"Ends on {day_words(view.cancel_on)}{until}.")
    if view.cancel_after_next:
        said.append("Ends after the next bill that goes through.")
    if view.regular is not None:
        left = "1 bill" if view.price_cycles_left == 1 else f"{view.price_cycles_left} bills"
        said.append(f"This price holds for {left}, then {how.money(view.regular.total)}.")
    return said


def _price(view: SubscriptionView, how: Showing) -> Section:
    coming = view.next
    if coming is None:
        return Section("price", "Price", empty="No price is known.")
    rows = [
        (_PARTS.get(part.name, part.name.capitalize()), part.words, how.money(part.amount), "")
        for part in coming.parts
        if part.name == "goods" or part.amount.minor
    ]
    rows.append(("Total", "each cycle", how.money(coming.total), "strong"))
    room = max(len(amount) for _, _, amount, _ in rows)
    return Section(
        "price", "Price",
        tuple(
            _fact(label, Cell(amount.rjust(room), tone), Cell(words, "muted"), copy=amount)
            for label, words, amount, tone in rows
        ),
    )  # fmt: skip


# Billing history ----------------------------------------------------------------------------------

_CHARGES = (
    Column("When", least=9),
    Column("Cycle", least=3, right=True),
    Column("Amount", least=8, right=True),
    Column("Answer", least=14, grow=1),
    Column("Card", least=8, wide_only=True),
    Column("By", least=4, wide_only=True),
)
_CYCLES = (
    Column("Cycle", least=3, right=True),
    Column("Date", least=10),
    Column("State", least=8),
    Column("Amount", least=8, right=True),
    Column("", grow=1),
)


def _billing(view: SubscriptionView, how: Showing) -> list[Section]:
    charges = tuple(_charge(row, how) for row in view.attempts)
    cycles = tuple(_cycle_row(row, how) for row in view.periods)
    return [
        Section(
            "charges", f"Charges ({len(charges)})", charges, _CHARGES, number=6, aside="Space unfolds, Enter opens the order",
            empty="Nothing was charged from here yet.",
        ),
        Section("cycles", f"Cycles ({len(cycles)})", cycles, _CYCLES, empty="No cycle was billed yet."),
    ]  # fmt: skip


def _charge(row: SubscriptionAttempt, how: Showing) -> Row:
    state = how.state(row.state)
    details: list[tuple[Cell, ...]] = [(Cell(f"{how.money(row.amount)} to {row.card or 'no card'}"),)]
    if row.code or row.text:
        details.append((Cell("the gateway said:", "muted"), Cell(f"{row.code} {row.text}".strip())))
    for words in (row.advice, again_words(row.again).capitalize()):
        if words:
            details.append((Cell(words.rstrip(".") + "."),))
    if row.requested_by:
        details.append((Cell(f"asked for by {row.requested_by}", "muted"),))
    said = row.said or state.text
    return Row(
        ("charge", row.id, row.order_id or 0),
        (
            Cell(how.moment(row.at), "muted", row.at.timestamp()),
            Cell(str(row.cycle or ""), "", row.cycle or 0),
            Cell(how.money(row.amount), "", row.amount.minor),
            Cell(f"{state.text.split(' ')[0]} {said}", state.tone),
            Cell(row.card, "muted"),
            Cell(row.requested_by, "muted"),
        ),
        tuple(details),
        copy=f"{row.code} {row.text}".strip(),
    )


def _cycle_row(row: PeriodRow, how: Showing) -> Row:
    return Row(
        ("cycle", row.cycle, row.order_id or 0),
        (
            Cell(str(row.cycle), "", row.cycle),
            Cell(day_words(row.bill_date), "", str(row.bill_date)),
            how.state(row.state),
            Cell(how.money(row.amount), "", row.amount.minor),
            Cell("Enter opens its order" if row.order_id else "", "muted"),
        ),
    )


# Changes, mails -----------------------------------------------------------------------------------


def _changes(view: SubscriptionView, how: Showing) -> list[Section]:
    return [history_section(view.events, how.reader, how.now, title=f"Changes ({len(view.events)})")]


def _mails(view: SubscriptionView, how: Showing) -> list[Section]:
    return [mails_section(view.mails, how)]
