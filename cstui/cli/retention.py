"""Commands about retention: what is offered for a reason to cancel, and how wishes to cancel ended."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cstui.cli.printing import table
from cstui.cli.session import Session
from cstui.domain.errors import UsageError

if TYPE_CHECKING:
    from cstui.domain.retention import OfferKind, OfferRow

#: How far a report goes back where nothing is said, in days.
_BACK = 30
StoreOption = Annotated[str | None, typer.Option("--store", help="Store code; none: for all stores.")]
KindArgument = Annotated[str, typer.Argument(metavar="KIND", help="percent, pause or downgrade.")]


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""
    retention = typer.Typer(help="What is offered to somebody who wants to cancel.", no_args_is_help=True)
    app.add_typer(retention, name="retention")
    _add_settings(retention, session)
    _add_report(retention, session)


def _add_settings(app: typer.Typer, session: Session) -> None:
    @app.command("offers")
    def offers(store: StoreOption = None) -> None:
        """What is offered for each reason: in force in a store, or all that you may see."""
        rows = session.desk.retention.offers(session.actor, session.store_id(store))
        session.printer.answer(
            [offer_facts(row) for row in rows],
            lambda: table(
                ("Store", "Reason", "Code", "Kind", "Offer"),
                [(row.store or "all", row.reason, row.reason_code, row.kind, row.words) for row in rows],
                "Nothing is offered yet. “cstui retention set” does.",
            ),
        )

    @app.command("set")
    def set_offer(
        reason: Annotated[str, typer.Argument(help="A code of the list of reasons to cancel.")],
        kind: KindArgument,
        percent: Annotated[int, typer.Option("--percent", help="percent: so much off, 1 to 100.")] = 0,
        cycles: Annotated[int, typer.Option("--cycles", help="percent: for so many bills, 1 to 24.")] = 0,
        days: Annotated[int, typer.Option("--days", help="pause: for so many days, 1 to 365.")] = 0,
        product: Annotated[
            str, typer.Option("--product", help="downgrade: the stock number of a cheaper product.")
        ] = "",
        option: Annotated[
            str | None, typer.Option("--option", help="downgrade: which option of that product.")
        ] = None,
        label: Annotated[str, typer.Option("--label", help="What it is called; else what it does.")] = "",
        store: StoreOption = None,
    ) -> None:
        """Sets what is offered for a reason; it takes the place of the former offer of that kind."""
        from cstui.domain.retention import NewOffer

        desk, actor, store_id = session.desk, session.actor, session.store_id(store)
        product_id = None
        if product:
            if store_id is None:
                raise UsageError("A cheaper product is one of a store's own.", "Add --store CODE.")
            product_id = desk.retention.product_named(actor, store_id, product, option)
        new = NewOffer(reason, _kind(kind), percent, cycles, days, product_id, label, store_id)
        row = desk.retention.set_offer(actor, new)
        session.printer.answer(
            offer_facts(row),
            lambda: f"Offered for “{row.reason}” in {row.store or 'all stores'}: {row.words}.",
        )

    @app.command("remove")
    def remove_offer(reason: str, kind: KindArgument, store: StoreOption = None) -> None:
        """Takes an offer away; what was counted with it stays."""
        row = session.desk.retention.remove_offer(session.actor, reason, _kind(kind), session.store_id(store))
        session.printer.answer(
            offer_facts(row), lambda: f"No longer offered for “{row.reason_code}”: {row.words}."
        )


def _add_report(app: typer.Typer, session: Session) -> None:
    @app.command("report")
    def report(
        since: Annotated[
            str, typer.Option("--since", metavar="DATE", help="From this day on, UTC; else 30 days back.")
        ] = "",
        store: StoreOption = None,
    ) -> None:
        """How wishes to cancel ended, per reason. A save counts where the subscription lives or was billed after it."""
        began = _instant(since) if since else datetime.now(UTC) - timedelta(days=_BACK)
        rows = session.desk.retention.counts(session.actor, began, session.store_id(store))
        session.printer.answer(
            {
                "since": began,
                "reasons": [
                    {"store": row.store, "reason": row.reason, "saved": row.saved, "declined": row.declined, "cancelled": row.cancelled}
                    for row in rows
                ],
            },
            lambda: table(
                ("Store", "Reason", "Saved", "Offer declined", "Cancelled without an offer"),
                [(row.store, row.reason, str(row.saved), str(row.declined), str(row.cancelled)) for row in rows],
                "Nobody has wanted to cancel.",
            ),
        )  # fmt: skip


def offer_facts(row: OfferRow) -> dict[str, Any]:
    """An offer as JSON."""
    return {
        "store": row.store or None, "reason": row.reason_code, "reason_label": row.reason, "kind": row.kind, "percent": row.percent,
        "cycles": row.cycles, "days": row.days, "product": row.product or None, "label": row.label or None, "words": row.words,
    }  # fmt: skip


def _kind(word: str) -> OfferKind:
    from cstui.domain.retention import OfferKind

    try:
        return OfferKind(word)
    except ValueError:
        raise UsageError(f"“{word}” is no kind of offer.", f"Write one of {', '.join(OfferKind)}.") from None


def _instant(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise UsageError(f"“{text}” is not a date.", "Write it as 2026-12-31.") from None
