"""How the mails of an order read in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cstui.domain.ids import Kind
from cstui.domain.mails import MailRow, MailState
from cstui.widgets.page_model import Cell, Column, Row, Section

if TYPE_CHECKING:
    from cstui.screens.order_rows import Showing

_COLUMNS = (
    Column("When", least=9),
    Column("Mail", least=8),
    Column("To", least=10, grow=1),
    Column("State", least=6),
    Column("By", least=4, if_used=True),
)


def mails_section(rows: tuple[MailRow, ...], how: Showing) -> Section:
    """Mails newest first; Space shows the subject and what went wrong, M sends one again."""
    return Section(
        "mails", f"Mails ({len(rows)})", tuple(_mail(row, how) for row in rows), _COLUMNS,
        aside="M sends one again" if rows else "", empty="Nothing was mailed yet. M sends the confirmation.",
    )  # fmt: skip


def _mail(row: MailRow, how: Showing) -> Row:
    details = [(Cell(row.subject),)]
    if row.error:
        details.append((Cell(row.error, "bad" if row.state is MailState.FAILED else "warn"),))
    if row.next_try_at is not None and row.tries:
        details.append((Cell(f"tried {row.tries} times, again {how.moment(row.next_try_at)}", "muted"),))
    at = row.sent_at or row.created_at
    again = " (again)" if row.resend_of_id is not None else ""
    return Row(
        (Kind.MAIL, row.id),
        (
            Cell(how.moment(at), "muted", at.timestamp()),
            Cell(row.kind.words + again),
            Cell(row.to),
            how.state(row.state),
            Cell(row.requested_by, "muted"),
        ),
        tuple(details),
        copy=row.to,
    )
