"""M on every record with mails: what can be sent, the panel, the sending, and what became of it (MAIL-01 … MAIL-03, REF-09)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.errors import CstuiError
from cstui.domain.ids import Kind, new_token
from cstui.domain.live import LiveEvent, What
from cstui.domain.mails import MailKind, MailOption, MailPreview, MailRow, MailState, why_move_untold
from cstui.domain.payments import TransactionKind, TransactionRow
from cstui.domain.permissions import Permission
from cstui.domain.shipments import SENT_SHIPMENT_STATES, ShipmentRow
from cstui.domain.verification import NotVerified
from cstui.flow import call, flow, quietly
from cstui.format import moment_words
from cstui.saving import NotSaved, saving
from cstui.screens.dialogs.mail import LETTERS, MailItem, MailPanel
from cstui.screens.record_actions import RecordActions

_GIVEN_BACK = (TransactionKind.REFUND, TransactionKind.CREDIT, TransactionKind.VOID)
_TITLES = {
    Kind.ORDER: "Resend confirmation",
    Kind.TRANSACTION: "Resend refund mail",
    Kind.SHIPMENT: "Resend tracking mail",
    Kind.MAIL: "Send this mail again",
}
_OPEN = (MailState.QUEUED, MailState.SENDING)


@dataclass(frozen=True, slots=True)
class MailSpot:
    """What `M` acts on: an order, and what of it stands under the cursor (`kind` ORDER: its confirmation)."""

    order_id: int
    number: str
    kind: Kind = Kind.ORDER
    key: int = 0
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A mail whose way out is followed: the receipt changes with it."""

    mail_id: int
    order_id: int
    what: str
    state: MailState
    error: str
    receipt: str


def transaction_spot(row: TransactionRow) -> MailSpot:
    """A refund or a void has a mail of its own; any other transaction stands for its order."""
    if row.kind not in _GIVEN_BACK:
        return MailSpot(row.order_id, row.order_number)
    return MailSpot(row.order_id, row.order_number, Kind.TRANSACTION, row.id, why_move_untold(row.status))


def shipment_spot(row: ShipmentRow) -> MailSpot:
    """The mail that tells of a shipment."""
    why_not = "" if row.state in SENT_SHIPMENT_STATES else "This shipment has not left yet."
    return MailSpot(row.order_id, row.order_number, Kind.SHIPMENT, row.id, why_not)


class MailActions(RecordActions):
    """The key M. A screen says in `mail_spot()` what it acts on."""

    _followed: _Sent | None = None

    @abstractmethod
    def mail_spot(self) -> MailSpot | None:
        """The order, payment, shipment or mail under the cursor; None where there is none."""

    def mails_moved(self) -> None:
        """A mail of what is shown was queued or sent: show it, without touching an open form."""

    def why_not(self, action: str) -> str:
        """Mail needs an order, and something that may be told of."""
        why = super().why_not(action)
        if why or action != "order.mail":
            return why
        spot = self.mail_spot()
        return "There is no order to write about." if spot is None else spot.why_not

    def title_now(self, action: str) -> str:
        """What M sends for the row under the cursor."""
        spot = self.mail_spot() if action == "order.mail" else None
        return _TITLES[spot.kind] if spot is not None else super().title_now(action)

    @flow("order.mail")
    async def action_order_mail(self) -> None:
        """`M`: a mail of what stands under the cursor; a letter chooses another one, `y` sends it."""
        spot = self.mail_spot()
        if spot is not None:
            await self.ask_about_mail(spot)

    async def ask_about_mail(self, spot: MailSpot) -> None:
        """The panel about the mails of one order, with what is meant chosen."""
        items, at, preview = await call(_read, self.desk, self.actor, spot)
        if not items:
            self.tell_reason("There is no mail about this order.")
            return
        panel = MailPanel(
            f"Mail about order {spot.number}", items, at, preview, self._moment_of_mail, self._look_at_mail,
            why_no_other=self._why_no_other, why_no_override=self._why_no_override,
        )  # fmt: skip
        await self._ask_mail(panel, spot)

    async def _ask_mail(self, panel: MailPanel, spot: MailSpot) -> None:
        """Asks until it is queued or left; one save id for all tries, so that however often `y` is pressed one mail goes out."""
        save_id = new_token()
        async with self.opened(panel):
            while await panel.answer() is not None:
                item = panel.item
                again = partial(
                    self.desk.mails.resend, self.actor, item.which, save_id, to="" if panel.to == item.to else panel.to,
                    override=panel.override, desk=self.desk.token,
                )  # fmt: skip
                try:
                    row: MailRow = await saving(self, save_id, again, reread=again)
                except NotVerified as error:
                    panel.say_problem(error.in_words())
                    self.action_customer_verify()
                except NotSaved as error:
                    panel.say_problem(f"{error.message} y tries again.")
                except CstuiError as error:
                    panel.say_problem(error.in_words())
                else:
                    self._mail_asked(spot, item, row)
                    return

    @property
    def _why_no_other(self) -> str:
        return (
            ""
            if self.actor.may_somewhere(Permission.CUSTOMER_UPDATE)
            else "Your role sends to known addresses only."
        )

    @property
    def _why_no_override(self) -> str:
        return (
            ""
            if self.actor.may_somewhere(Permission.MAIL_OVERRIDE)
            else "Your role does not allow it; ask a supervisor."
        )

    def _moment_of_mail(self, at: Any) -> str:
        return moment_words(at, self.now(), self.desk_app.reader)

    def _look_at_mail(self, item: MailItem, to: str) -> None:
        self.run_worker(self._preview(item, to), description="preview", exit_on_error=False)

    async def _preview(self, item: MailItem, to: str) -> None:
        preview = await quietly(self.desk.mails.preview, self.actor, item.which, to)
        panel = self.panel
        if isinstance(panel, MailPanel):
            panel.show_preview(item, to, preview)

    # What became of it ------------------------------------------------------------------------------

    def _mail_asked(self, spot: MailSpot, item: MailItem, row: MailRow) -> None:
        again = " again" if item.sent_at is not None or row.resend_of_id is not None else ""
        what = f"{_name(row.kind)} of {spot.number}|{again} to {row.to}"
        self._followed = _Sent(row.id, spot.order_id, what, row.state, row.error, "")
        self._say_mail(row)
        self.mails_moved()

    def _say_mail(self, row: MailRow) -> None:
        """The receipt: what is known of the mail, and nothing more."""
        followed = self._followed
        if followed is None:
            return
        head, _, tail = followed.what.partition("|")
        if row.state is MailState.SENT:
            said, tone = f"{head} sent{tail}", "good"
        elif row.state in _OPEN and row.error:
            said, tone = f"{head} waits: {row.error} It is tried again by itself.", "warn"
        elif row.state in _OPEN:
            said, tone = f"{head} queued{tail}", "good"
        else:
            said, tone = f"{head} not sent: {row.error or 'it was refused.'}", "bad"
        is_shown = self.receipt in (followed.receipt, "") or not followed.receipt
        # Another receipt has taken the place of ours: only what went wrong is worth its place.
        if is_shown or tone != "good":
            self.tell(said, tone)
        self._followed = (
            _Sent(followed.mail_id, followed.order_id, followed.what, row.state, row.error, said)
            if row.state in _OPEN
            else None
        )

    def on_live(self, event: LiveEvent) -> None:
        """Something about the money or the mails of this record changed."""
        super().on_live(event)
        if event.what is What.PAYMENT and (event.kind, event.id) == (self.record_kind, self.record_id):
            self.mails_moved()
            if self._followed is not None:
                self.run_worker(self._follow(self._followed), description="mail", exit_on_error=False)

    async def _follow(self, sent: _Sent) -> None:
        rows = await quietly(self.desk.mails.for_order, self.actor, sent.order_id)
        row = next((row for row in rows or () if row.id == sent.mail_id), None)
        now = self._followed
        if (
            row is not None
            and now is not None
            and now.mail_id == row.id
            and (row.state, row.error) != (now.state, now.error)
        ):
            self._say_mail(row)

    def closed(self) -> None:
        """Another record comes onto this screen: an open panel about its mails is left."""
        self._followed = None
        if isinstance(self.panel, MailPanel):
            self.panel.settle(None)
        super().closed()


def _read(desk: Any, actor: Actor, spot: MailSpot) -> tuple[tuple[MailItem, ...], int, MailPreview | None]:
    """In a thread: the mails of an order, which of them is meant, and how that one reads."""
    options: tuple[MailOption, ...] = desk.mails.options(actor, spot.order_id)
    items = [MailItem(o.wanted, o.label, o.to, o.known, o.sent_at, o.why_not) for o in options]
    at = next((i for i, option in enumerate(options) if _is_meant(option, spot)), 0)
    if spot.kind is Kind.MAIL:
        row = next((row for row in desk.mails.for_order(actor, spot.order_id) if row.id == spot.key), None)
        if row is not None:
            known = options[0].known if options else ()
            items.insert(
                0,
                MailItem(
                    row.id,
                    f"{row.kind.words} of {row.created_at:%Y-%m-%d}: {row.subject}",
                    row.to,
                    known,
                    row.sent_at,
                ),
            )
        at = 0
    elif at >= len(LETTERS):
        # Whatever stands under the cursor has a letter.
        items.insert(0, items.pop(at))
        at = 0
    if not items:
        return (), 0, None
    try:
        preview = desk.mails.preview(actor, items[at].which, items[at].to)
    except CstuiError:
        preview = None
    return tuple(items), at, preview


def _name(kind: MailKind) -> str:
    """A mail in a receipt. “Refund sent” would sound as if money had moved."""
    words = kind.words[:1].upper() + kind.words[1:]
    return words if kind is MailKind.ORDER_CONFIRMATION else f"{words} mail"


def _is_meant(option: MailOption, spot: MailSpot) -> bool:
    wanted = option.wanted
    if spot.kind is Kind.ORDER:
        return wanted.kind is MailKind.ORDER_CONFIRMATION
    return (wanted.subject_kind, wanted.subject_id) == (spot.kind, spot.key)
