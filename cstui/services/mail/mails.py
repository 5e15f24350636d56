"""Mails as agents meet them: what was sent, what can be sent again (MAIL-01, MAIL-02, MAIL-03), and who gets none."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.clean import clean
from cstui.domain.errors import NotFound, NotPermitted, NotPossibleNow
from cstui.domain.ids import Kind, public_id
from cstui.domain.mails import (
    RESENDABLE,
    MailKind,
    MailOption,
    MailPreview,
    MailRow,
    MailState,
    MailWanted,
    Suppression,
    SuppressionReason,
    SuppressionScope,
    checked_recipient,
    why_suppressed,
)
from cstui.domain.permissions import Permission
from cstui.services.access import current_grants, not_permitted, require, require_somewhere
from cstui.services.mail import offers, outbox
from cstui.services.mail.outbox import NewMail
from cstui.services.mail.rendering import Rendered
from cstui.services.settings import value_in
from cstui.services.verification import Verifications
from cstui.storage.database import Database
from cstui.storage.queries import audit, mail_facts, mails
from cstui.storage.transaction import Transaction

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Source:
    """A mail that somebody wants: in words, with the first one of its sort where there is one."""

    wanted: MailWanted
    mail: NewMail
    words: Rendered
    first: Any
    order_id: int
    known: tuple[str, ...]


class Mails:
    """What was mailed about an order, sending it again, and suppressed addresses."""

    def __init__(
        self, database: Database, settings: object = None, verification: Verifications | None = None
    ) -> None:
        self._database = database
        self._verification = verification or Verifications(database, settings)

    def for_order(self, actor: Actor, order_id: int, limit: int = 100) -> tuple[MailRow, ...]:
        """The mails of an order, newest first. Errors: `NotFound`."""
        with self._database.read() as tx:
            _seen_order(tx, actor, order_id)
            return mails.rows(tx, order_id=order_id, limit=limit)

    def all(self, actor: Actor, state: MailState | None = None, limit: int = 100) -> tuple[MailRow, ...]:
        """The mails of every store that the actor sees, newest first, in one state where one is named."""
        with self._database.read() as tx:
            require_somewhere(tx, actor, Permission.ORDER_VIEW)
            present = replace(actor, grants=current_grants(tx, actor))
            return mails.rows(tx, state=state, stores=present.stores(Permission.ORDER_VIEW), limit=limit)

    def options(self, actor: Actor, order_id: int) -> tuple[MailOption, ...]:
        """What can be sent for an order, the likely one first; the rest say why not. Errors: `NotFound`."""
        with self._database.read() as tx:
            _seen_order(tx, actor, order_id)
            return offers.offers(tx, order_id)

    def preview(self, actor: Actor, which: int | MailWanted, to: str = "") -> MailPreview:
        """The mail as it would arrive: one that was sent (by its id), or one that can be. Errors: `NotFound`, `InvalidInput`."""
        with self._database.read() as tx:
            source = _source(tx, actor, which)
            address = checked_recipient(to) if to else source.mail.to
            found = mails.suppressions_of(tx, address)
            return MailPreview(
                source.wanted.kind, address, source.words.subject, source.words.text, source.words.html,
                why_suppressed(source.wanted.kind.mail_class, found),
            )  # fmt: skip

    def resend(
        self,
        actor: Actor,
        which: int | MailWanted,
        save_id: str,
        to: str = "",
        override: bool = False,
        desk: str = "",
    ) -> MailRow:
        """Queues a mail again, in the words and with the facts of the first time; `to` names another address.

        An address that neither the order nor the profile knows needs the right to change customers, and a verified caller where that is
        asked for. `override` sends to a suppressed address all the same. Errors: `NotFound`, `NotPermitted`, `NotVerified`, `InvalidInput`,
        `NotPossibleNow` (a refund that has not succeeded, too often, on its way already, suppressed).
        """
        with self._database.write(save_id) as tx:
            repeated = mails.with_key(tx, f"resend:{save_id}")
            source = _source(tx, actor, which, lock=True)
            require(tx, actor, Permission.MAIL_RESEND, source.mail.store_id)
            if repeated is not None:
                return mails.row(tx, repeated)
            _require_tellable(tx, source)
            address = self._address(tx, actor, source, to, desk)
            _require_not_waiting(source, address)
            _require_reachable(tx, actor, source, address, override)
            _require_seldom(tx, source)
            again = replace(
                source.mail, to=address, dedupe_key=f"resend:{save_id}", requested_by=actor.name, override=override,
                resend_of_id=source.first.id if source.first is not None else None,
            )  # fmt: skip
            mail_id = outbox.store(tx, again, source.words)
            if mail_id is None:
                raise NotPossibleNow("This mail is being sent again already.", "Look at the list of mails.")
            _tell(tx, actor, source, mail_id, address, save_id, override)
            mails.tell(tx, mail_id)
            return mails.row(tx, mail_id)

    def _address(self, tx: Transaction, actor: Actor, source: _Source, to: str, desk: str) -> str:
        if not to:
            return checked_recipient(source.mail.to)
        address = checked_recipient(to)
        if address.casefold() not in {known.casefold() for known in source.known}:
            require(tx, actor, Permission.CUSTOMER_UPDATE, source.mail.store_id)
            if source.mail.customer_id is not None:
                self._verification.require_verified(tx, actor, source.mail.customer_id, desk, "email")
        return address

    # Suppressed addresses -------------------------------------------------------------------------

    def suppressions(self, actor: Actor) -> tuple[Suppression, ...]:
        """The addresses that get no mail, or no advertising, newest first. Errors: `NotPermitted`."""
        with self._database.read() as tx:
            require_somewhere(tx, actor, Permission.MAIL_RESEND)
            return mails.suppressions(tx)

    def suppress(
        self,
        actor: Actor,
        address: str,
        reason: SuppressionReason = SuppressionReason.AGENT_REQUEST,
        scope: SuppressionScope = SuppressionScope.ALL,
        save_id: str = "",
    ) -> tuple[Suppression, ...]:
        """Keeps mail back from an address from now on; returns all that stands against it. Errors: `InvalidInput`, `NotPermitted`."""
        wanted = checked_recipient(address)
        with self._database.write(save_id) as tx:
            require_somewhere(tx, actor, Permission.CUSTOMER_UPDATE)
            if mails.suppress(tx, wanted, scope, reason, actor.name):
                change = Change(f"mail_suppression.{scope}", "", wanted)
                _tell_setting(tx, actor, "address suppressed", (change,), save_id, reason.value)
            return mails.suppressions_of(tx, wanted)

    def unsuppress(
        self, actor: Actor, address: str, scope: SuppressionScope | None = None, save_id: str = ""
    ) -> int:
        """Lets mail reach an address again: in one scope, or in all; returns how many entries were lifted.

        Errors: `InvalidInput`, `NotPermitted`.
        """
        wanted = checked_recipient(address)
        with self._database.write(save_id) as tx:
            require_somewhere(tx, actor, Permission.MAIL_OVERRIDE)
            lifted = mails.unsuppress(tx, wanted, (scope,) if scope else tuple(SuppressionScope))
            if lifted:
                change = Change(f"mail_suppression.{scope or 'any'}", wanted, "")
                _tell_setting(tx, actor, "address no longer suppressed", (change,), save_id)
            return lifted


# What a resend is made from -----------------------------------------------------------------------


def _seen_order(tx: Transaction, actor: Actor, order_id: int) -> None:
    reached = mail_facts.reached_by_order(tx, order_id)
    present = replace(actor, grants=current_grants(tx, actor))
    if (
        reached is None
        or reached.store_id is None
        or not present.may(Permission.ORDER_VIEW, reached.store_id)
    ):
        raise NotFound("There is no such order here.", "Check the number, or ask for access to its store.")


def _source(tx: Transaction, actor: Actor, which: int | MailWanted, *, lock: bool = False) -> _Source:
    """The mail that is wanted: as it was written the first time, else as the facts are now. Errors: `NotFound`."""
    wanted, chosen = (which, None) if isinstance(which, MailWanted) else _stored(tx, which)
    first = mails.newest_about(tx, wanted, lock=lock)
    if chosen is not None and chosen.resend_of_id is None:
        # Of two mails about one record, such as two refunds that came back, the one that was pointed at counts.
        first = chosen
    mail = _first_mail(first) if first is not None else offers.fresh(tx, wanted)
    if mail is None:
        raise NotFound("There is no such mail here.", "“mail list” shows what was sent.")
    if mail.order_id is None:
        _require_seen(tx, actor, mail.store_id)
        return _Source(wanted, mail, _words(tx, mail, first), first, 0, (mail.to,))
    _seen_order(tx, actor, mail.order_id)
    reached = mail_facts.reached_by_order(tx, mail.order_id)
    known = (mail.to, *(offers.known_addresses(reached) if reached else ()))
    return _Source(wanted, mail, _words(tx, mail, first), first, mail.order_id, known)


def _stored(tx: Transaction, mail_id: int) -> tuple[MailWanted, Any]:
    row = mails.stored(tx, mail_id)
    if row is None:
        raise NotFound("There is no such mail here.", "“mail list” shows what was sent.")
    return mails.subject_of(row), row


def _require_seen(tx: Transaction, actor: Actor, store_id: int | None) -> None:
    present = replace(actor, grants=current_grants(tx, actor))
    if not (
        present.may(Permission.ORDER_VIEW, store_id)
        if store_id
        else present.may_somewhere(Permission.ORDER_VIEW)
    ):
        raise NotFound("There is no such mail here.", "“mail list” shows what was sent.")


def _first_mail(row: Any) -> NewMail:
    return NewMail(
        MailKind(row.kind), row.to_address, row.subject_kind, row.subject_id, json.loads(row.payload).get("facts", {}), row.store_id,
        row.customer_id, row.order_id,
    )  # fmt: skip


def _words(tx: Transaction, mail: NewMail, first: Any) -> Rendered:
    if first is not None:
        return Rendered(first.subject, first.body_text, first.body_html)
    return outbox.words_for(tx, mail.kind, mail.store_id, mail.facts)


# What stands against it ---------------------------------------------------------------------------


def _require_tellable(tx: Transaction, source: _Source) -> None:
    """Passes for a mail that may be sent again as things stand now. Errors: `NotPossibleNow`."""
    kind = source.wanted.kind
    if kind not in RESENDABLE:
        raise NotPossibleNow(
            f"A mail of this kind ({kind.words}) is not sent again.", "Do again what it tells of."
        )
    if kind is MailKind.REFUND_RETURNED:
        return
    option = next((o for o in offers.offers(tx, source.order_id) if o.wanted == source.wanted), None)
    if option is None:
        raise NotPossibleNow("This mail does not fit the order any more.", "Reload the order.")
    if option.why_not:
        raise NotPossibleNow(option.why_not, "Tell the customer once it is so.")


def _require_not_waiting(source: _Source, address: str) -> None:
    first = source.first
    if (
        first is not None
        and first.state in (MailState.QUEUED, MailState.SENDING)
        and first.to_address.casefold() == address.casefold()
    ):
        raise NotPossibleNow(
            "This mail has not left yet; it is tried by itself.", "Look at the list of mails."
        )


def _require_reachable(tx: Transaction, actor: Actor, source: _Source, address: str, override: bool) -> None:
    stopped = why_suppressed(source.wanted.kind.mail_class, mails.suppressions_of(tx, address))
    if not stopped:
        return
    if not override:
        raise NotPossibleNow(stopped, "Send it to another address, or ask a supervisor.", suppressed=address)
    try:
        require(tx, actor, Permission.MAIL_OVERRIDE, source.mail.store_id)
    except NotPermitted:
        raise not_permitted(Permission.MAIL_OVERRIDE) from None


def _require_seldom(tx: Transaction, source: _Source) -> None:
    most = int(value_in(tx, "mail.resends_per_hour", source.mail.store_id))
    if mails.sent_again_since(tx, source.wanted, tx.now - _HOUR) >= most:
        raise NotPossibleNow(
            f"This mail has been sent again {most} times within the hour.", "Ask the customer to look into the spam folder."
        )  # fmt: skip


def _tell(
    tx: Transaction, actor: Actor, source: _Source, mail_id: int, address: str, save_id: str, override: bool
) -> None:
    mail = source.mail
    changes = (
        Change(f"mails.{public_id(Kind.MAIL, mail_id)}", "", f"{mail.kind.words} to {clean(address)}"),
    )
    record = (Kind.ORDER, source.order_id)
    audit.append(
        tx,
        audit.NewEvent(
            actor, mail.store_id or audit.ORGANISATION, *record, "mail sent again", changes,
            "although the address is suppressed" if override else "", customer_id=mail.customer_id, save_id=save_id,
        ),
    )  # fmt: skip


def _tell_setting(
    tx: Transaction, actor: Actor, action: str, changes: tuple[Change, ...], save_id: str, reason: str = ""
) -> None:
    audit.append(
        tx,
        audit.NewEvent(actor, audit.ORGANISATION, Kind.SETTING, 0, action, changes, reason, save_id=save_id),
    )
