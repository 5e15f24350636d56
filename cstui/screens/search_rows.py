"""How found rows read: who, why it matched, and what tells two people alike apart."""

from __future__ import annotations

from datetime import datetime

from cstui.domain.ids import Kind
from cstui.domain.search import Found, Hit
from cstui.format import Reader, count_words, moment_words, money_words, phone_words
from cstui.widgets.page_model import Cell, Column, Row, Section

COLUMNS = (
    Column("Name", least=16, grow=2),
    Column("Order", least=7, if_used=True),
    Column("Phone", least=15, if_used=True),
    Column("E-mail", least=0, grow=2, if_used=True),
    Column("Postcode", least=8, if_used=True),
    Column("Last order", least=12),
    Column("Orders", least=6, right=True),
    Column("Store", least=4, wide_only=True),
    Column("Matched", least=7),
)


def hit_section(found: Found, reader: Reader, now: datetime) -> Section:
    """The results as one section; the title says what was read and whether there is more."""
    read_as = ", ".join(found.read_as)
    title = f"{count_words(len(found.hits), 'match', 'matches', reader)}{' – more, type on' if found.more else ''}"
    return Section(
        "results", title if found.hits else "", tuple(_row(hit, reader, now) for hit in found.hits), COLUMNS,
        aside=f"read as {read_as}" if read_as else "", empty=found.hint or "Nothing found.",
    )  # fmt: skip


def _row(hit: Hit, reader: Reader, now: datetime) -> Row:
    last = moment_words(hit.last_order_at, now, reader) if hit.last_order_at else ""
    number = hit.number
    if hit.kind is Kind.ORDER and hit.total is not None:
        number = f"{hit.number} {money_words(hit.total, reader)}"
    return Row(
        hit,
        (
            Cell(hit.label, "strong"),
            Cell(number, "accent"),
            Cell(phone_words(hit.phone) if hit.phone else ""),
            Cell(hit.email, "muted"),
            Cell(hit.postcode),
            Cell(last, "muted", hit.last_order_at.timestamp() if hit.last_order_at else 0),
            Cell(str(hit.order_count) if hit.order_count else "", "", hit.order_count),
            Cell(hit.store, "muted"),
            Cell(hit.matched, "good"),
        ),
        copy=hit.email or hit.phone or hit.label,
    )
