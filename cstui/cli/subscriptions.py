"""`cstui subscription ACTION REF …`: cancel, pause, resume, skip, bill, trial, reactivate, keep, and what is offered to stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cstui.cli import missed_bills, subscription_edits
from cstui.cli.session import Session
from cstui.cli.subscription_steps import (
    WAIT,
    DryRun,
    Wait,
    Yes,
    answer,
    charged,
    confirm,
    day,
    opened,
    previewed,
    stored,
)
from cstui.domain.errors import NotPossibleNow, UsageError

if TYPE_CHECKING:
    from cstui.domain.retention import OfferPreview
    from cstui.domain.subscriptions import SubscriptionView

Reason = Annotated[str, typer.Option("--reason", help="A code of the list of reasons to cancel.")]
On = Annotated[str | None, typer.Option("--on", metavar="DATE", help="On that day, such as 2026-12-31.")]


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""
    subscription = typer.Typer(help="What can be done with a subscription.", no_args_is_help=True)
    app.add_typer(subscription, name="subscription")
    _add_cancel(subscription, session)
    _add_offer(subscription, session)
    _add_pauses(subscription, session)
    _add_bill(subscription, session)
    _add_lives(subscription, session)
    subscription_edits.add(subscription, session)
    missed_bills.add(subscription, session)


def _add_cancel(app: typer.Typer, session: Session) -> None:
    @app.command("cancel")
    def cancel(
        ref: str,
        reason: Reason,
        note: Annotated[str, typer.Option("--note", help="Why, in words.")] = "",
        when: Annotated[
            str, typer.Option("--when", help="now, after-next (bill), before-next (bill) or on-date.")
        ] = "now",
        on: On = None,
        stop_billing: Annotated[
            bool, typer.Option("--stop-billing", help="With a date: bill nothing until then.")
        ] = False,
        refund_last: Annotated[
            bool, typer.Option("--refund-last", help="Refund what remains of the last charge.")
        ] = False,
        declined: Annotated[
            bool, typer.Option("--declined", help="The offer to stay was read out and declined.")
        ] = False,
        yes: Yes = False,
        dry_run: DryRun = False,
    ) -> None:
        """Cancels it: now, after the next bill, instead of it, or on a day. Ends with 1 where it was cancelled but a wanted refund not asked for."""
        from cstui.domain.subscription_changes import Cancel, CancelWhen

        ends = day(on)
        if when not in tuple(CancelWhen):
            raise UsageError(f"“{when}” is no time to cancel.", f"Use one of {', '.join(CancelWhen)}.")
        at_end = CancelWhen.ON_DATE if ends is not None and when == CancelWhen.NOW else CancelWhen(when)
        if (at_end is CancelWhen.ON_DATE) != (ends is not None):
            raise UsageError("A day belongs to --when on-date.", "Add --on 2026-12-31, or leave it out.")
        at = opened(session, ref)
        if dry_run:
            previewed(at, Cancel(at_end, ends, not stop_billing))
            return
        made = session.desk.subscriptions.preview(
            session.actor, at.id, Cancel(at_end, ends, not stop_billing)
        )
        confirm(at, yes, [f"Cancelled {_when_words(at_end, on)}. {made.words}"])
        offer = session.desk.retention.offer_for(session.actor, at.id, reason) if declined else None
        view = stored(
            at,
            lambda grip, save_id: session.desk.subscriptions.cancel(
                session.actor, at.id, grip, reason_code=reason, note=note, when=at_end, on=ends, keep_billing=not stop_billing,
                refund_last=refund_last, declined_offer_id=offer.offer.id if offer else None, save_id=save_id,
            ),
        )  # fmt: skip
        answer(at, view, f"{at.name} is cancelled {_when_words(at_end, on)}.")


def _when_words(when: str, on: str | None) -> str:
    words = {"now": "now", "after-next": "after the next bill", "before-next": "instead of the next bill"}
    return words.get(when, f"on {on}")


def _add_offer(app: typer.Typer, session: Session) -> None:
    @app.command("offer")
    def offer(
        ref: str,
        reason: Reason,
        accept: Annotated[bool, typer.Option("--accept", help="The customer takes it: do it.")] = False,
    ) -> None:
        """The one offer to stay that fits a reason, with what it saves; --accept does it."""
        at = opened(session, ref)
        found = session.desk.retention.offer_for(session.actor, at.id, reason)
        if not accept:
            session.printer.answer(
                {"offer": _offer_facts(found)}, lambda: found.words if found else "Nothing fits."
            )
            return
        if found is None:
            raise NotPossibleNow("There is no offer that fits.", "Cancel it, or ask for another reason.")
        view = stored(
            at,
            lambda grip, save_id: session.desk.retention.accept(
                session.actor, at.id, grip, found.offer.id, reason, save_id
            ),
        )
        answer(at, view, f"{at.name}: {found.offer.words}.")


def _offer_facts(found: OfferPreview | None) -> dict[str, object] | None:
    from cstui.cli.retention import offer_facts

    if found is None:
        return None
    return offer_facts(found.offer) | {
        "read": found.words, "saves": found.saves, "next_bill_date": found.next_bill_date, "next_total": found.next_total,
    }  # fmt: skip


def _add_pauses(app: typer.Typer, session: Session) -> None:
    @app.command("pause")
    def pause(
        ref: str,
        until: Annotated[
            str | None,
            typer.Option("--until", metavar="DATE", help="It resumes by itself then; else by hand."),
        ] = None,
        on: On = None,
        dry_run: DryRun = False,
    ) -> None:
        """Pauses it now, or from a day on."""
        from cstui.domain.subscription_changes import Pause

        ends, starts = day(until), day(on)
        at = opened(session, ref)
        if dry_run:
            previewed(at, Pause(ends, starts))
            return
        view = stored(
            at,
            lambda grip, save_id: session.desk.subscriptions.pause(
                session.actor, at.id, grip, ends, save_id, on=starts
            ),
        )
        answer(at, view, f"{at.name} is paused{f' from {on} on' if on else ''}.")

    @app.command("resume")
    def resume(ref: str, on: On = None, dry_run: DryRun = False) -> None:
        """Goes on billing: on the next date of its rhythm, or on a day."""
        from cstui.domain.subscription_changes import Resume

        at, starts = opened(session, ref), day(on)
        if dry_run:
            previewed(at, Resume(starts))
            return
        view = stored(
            at,
            lambda grip, save_id: session.desk.subscriptions.resume(
                session.actor, at.id, grip, save_id, on=starts
            ),
        )
        answer(at, view, f"{at.name} goes on.")

    @app.command("skip")
    def skip(ref: str, dry_run: DryRun = False) -> None:
        """Leaves the next charge out; the date moves one cycle on."""
        from cstui.domain.subscription_changes import Skip

        at = opened(session, ref)
        if dry_run:
            previewed(at, Skip())
            return
        view = stored(
            at, lambda grip, save_id: session.desk.subscriptions.skip(session.actor, at.id, grip, save_id)
        )
        answer(at, view, f"The next charge of {at.name} is left out.")


def _add_bill(app: typer.Typer, session: Session) -> None:
    @app.command("bill")
    def bill(
        ref: str,
        yes: Yes = False,
        undo: Annotated[
            int | None,
            typer.Option(
                "--undo",
                min=0,
                max=60,
                help="Seconds in which it can be taken back; else as the setting says.",
            ),
        ] = None,
        wait: Wait = WAIT,
    ) -> None:
        """Charges the next cycle now, and waits for the gateway's answer."""
        from cstui.domain.subscription_rules import SubscriptionAction

        at = opened(session, ref)
        reason = at.view.why_not.get(SubscriptionAction.BILL)
        if reason:
            raise NotPossibleNow(reason, "")
        confirm(at, yes, _bill_lines(at.view))
        receipt = stored(
            at,
            lambda grip, save_id: session.desk.billing.force(session.actor, at.id, grip, save_id, undo),
        )
        charged(at, receipt, wait)


def _bill_lines(view: SubscriptionView) -> list[str]:
    from cstui.format import money_words

    lines = [f"Charges {money_words(view.row.price.total)} now to {view.card or 'no card'}."]
    last = view.attempts[0] if view.attempts else None
    if last is not None and last.state.value.startswith("declined"):
        lines.append(f"Last time it was declined: {last.said} {last.advice}".rstrip())
    return lines


def _add_lives(app: typer.Typer, session: Session) -> None:
    @app.command("trial")
    def trial(
        ref: str,
        move: Annotated[str, typer.Argument(metavar="MOVE", help="restart, skip or stop.")],
        now: Annotated[bool, typer.Option("--now", help="stop: at once, not at the trial's end.")] = False,
        yes: Yes = False,
        dry_run: DryRun = False,
        wait: Wait = WAIT,
    ) -> None:
        """Begins the trial anew, goes straight to cycle 2 (billed now), or ends it without a charge."""
        from cstui.domain.subscription_changes import Trial, TrialMove

        if move not in tuple(TrialMove):
            raise UsageError(
                f"“{move}” is nothing to do with a trial.", f"Use one of {', '.join(TrialMove)}."
            )
        step = Trial(TrialMove(move), now)
        at = opened(session, ref)
        if dry_run:
            previewed(at, step)
            return
        if step.move is not TrialMove.RESTART:
            made = session.desk.subscriptions.preview(session.actor, at.id, step)
            confirm(at, yes, [made.words])
        view = stored(
            at,
            lambda grip, save_id: session.desk.subscriptions.trial(
                session.actor, at.id, grip, step.move, save_id, now=now
            ),
        )
        if view.receipt is not None:
            charged(at, view.receipt, wait)
        else:
            answer(at, view, f"Trial of {at.name}: {move}.")

    @app.command("reactivate")
    def reactivate(ref: str, on: On = None, dry_run: DryRun = False) -> None:
        """Brings back what was cancelled, has stopped or is past due; billed on a day, else today."""
        from cstui.domain.subscription_changes import Reactivate

        at, starts = opened(session, ref), day(on)
        if dry_run:
            previewed(at, Reactivate(starts))
            return
        view = stored(
            at,
            lambda grip, save_id: session.desk.subscriptions.reactivate(
                session.actor, at.id, grip, save_id, on=starts
            ),
        )
        answer(at, view, f"{at.name} is active again.")

    @app.command("keep")
    def keep(ref: str, dry_run: DryRun = False) -> None:
        """Takes a planned cancellation or pause back."""
        from cstui.domain.subscription_changes import SubscriptionChange

        at = opened(session, ref)
        planned = at.view.cancel_on or at.view.cancel_after_next
        paused = at.view.pause_on and at.view.row.status != "paused"
        if not (planned or paused):
            raise NotPossibleNow("Neither an end nor a pause is planned.", "It goes on as it is.")
        change = SubscriptionChange(drop_cancel=bool(planned), drop_pause=bool(paused))
        if dry_run:
            previewed(at, change)
            return
        view = stored(
            at,
            lambda grip, save_id: session.desk.subscriptions.save(
                session.actor, at.id, grip, change, save_id
            ),
        )
        answer(at, view, f"{at.name} goes on.")
