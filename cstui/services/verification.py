"""Verifying a caller: two ticks, kept for the call, asked for before what a setting guards (D-11)."""

from __future__ import annotations

from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.customers import VERIFY_TOKENS, Verification
from cstui.domain.errors import InvalidInput
from cstui.domain.ids import Kind
from cstui.domain.notes import checked_free_text
from cstui.domain.permissions import Permission
from cstui.domain.verification import NotVerified, checked_token, is_guarded
from cstui.services.customer_access import permitted_customer
from cstui.storage.database import Database
from cstui.storage.queries import audit, customers, verification
from cstui.storage.queries.verification import OpenVerification
from cstui.storage.transaction import Transaction

#: The setting that says what is guarded.
REQUIRED = "verify.required"
_LONGEST_REASON = 500


class Verifications:
    """Ticks per customer and desk; they count for the person who ticked, until the call is over or for an hour at most."""

    def __init__(self, database: Database, settings: Any = None) -> None:
        self._database = database
        self._settings = settings

    def current(self, actor: Actor, customer_id: int, desk: str) -> Verification:
        """What the caller has been verified by at this desk so far."""
        with self._database.read() as tx:
            return _as_shown(verification.open_ones(tx, actor, customer_id, desk))

    def tick(self, actor: Actor, customer_id: int, desk: str, token: str) -> Verification:
        """Notes that the caller gave this token. Errors: `InvalidInput`, `NotFound`, `NotPermitted`."""
        return self._change(actor, customer_id, desk, checked_token(token), ticked=True)

    def untick(self, actor: Actor, customer_id: int, desk: str, token: str) -> Verification:
        """Takes a tick back. Errors: as `tick`."""
        return self._change(actor, customer_id, desk, checked_token(token), ticked=False)

    def forget(self, desk: str, customer_id: int | None = None) -> None:
        """The call is over: what was ticked at this desk counts no more."""
        with self._database.write() as tx:
            verification.end(tx, desk, customer_id)

    def override(self, actor: Actor, customer_id: int, desk: str, reason: str) -> Verification:
        """A supervisor lets changes through without two ticks, and says why.

        Errors: `InvalidInput` (no reason), `NotFound`, `NotPermitted`.
        """
        why = checked_free_text(reason, "reason", _LONGEST_REASON)
        with self._database.write() as tx:
            permitted_customer(tx, actor, customer_id, Permission.VERIFY_OVERRIDE)
            verification.add(tx, actor, customer_id, _named(desk), (), why)
            now = _as_shown(verification.open_ones(tx, actor, customer_id, desk))
            _tell(tx, actor, customer_id, "verification overridden", (), why)
        return now

    def require_verified(self, tx: Transaction, actor: Actor, customer_id: int, desk: str, what: str) -> None:
        """Passes where nothing guards `what` (address, email, card, money), or the caller has been verified at this desk.

        Errors: `NotVerified`.
        """
        if not self._is_guarded(tx, customer_id, what):
            return
        if not _as_shown(verification.open_ones(tx, actor, customer_id, desk)).is_enough:
            raise NotVerified(what)

    def _is_guarded(self, tx: Transaction, customer_id: int, what: str) -> bool:
        """Whether the organisation, or any store that knows the customer, asks for it."""
        if self._settings is None:
            return False
        stores: tuple[int | None, ...] = customers.stores_of(tx, customer_id) or (None,)
        return any(is_guarded(self._settings.value(REQUIRED, store_id), what) for store_id in stores)

    def _change(self, actor: Actor, customer_id: int, desk: str, token: str, *, ticked: bool) -> Verification:
        with self._database.write() as tx:
            permitted_customer(tx, actor, customer_id, Permission.CALL_LOG)
            before = verification.open_ones(tx, actor, customer_id, _named(desk))
            own = next((row for row in before if not row.override), None)
            old = own.tokens if own else ()
            new = tuple(t for t in VERIFY_TOKENS if t in {*old, token} and (ticked or t != token))
            if new == old:
                return _as_shown(before)
            if own is None:
                verification.add(tx, actor, customer_id, desk, new)
            else:
                verification.write_tokens(tx, own.id, new)
            now = _as_shown(verification.open_ones(tx, actor, customer_id, desk))
            # One tick proves nothing yet: the record begins with the set that is enough.
            if max(len(old), len(new)) >= 2:
                action = "caller verified" if len(new) >= 2 else "verification taken back"
                _tell(tx, actor, customer_id, action, (Change("verified_by", _words(old), _words(new)),))
        return now


def _named(desk: str) -> str:
    if not desk:
        raise InvalidInput(
            "desk", "", "A verification belongs to a desk, and none was named.", "Open the profile again."
        )
    return desk


def _words(tokens: tuple[str, ...]) -> str:
    return ", ".join(VERIFY_TOKENS[token] for token in tokens) if len(tokens) >= 2 else ""


def _as_shown(rows: tuple[OpenVerification, ...]) -> Verification:
    if not rows:
        return Verification()
    given = {token for row in rows for token in row.tokens}
    return Verification(
        tuple(token for token in VERIFY_TOKENS if token in given),
        rows[-1].staff_name,
        rows[0].at,
        next((row.override for row in reversed(rows) if row.override), ""),
    )


def _tell(
    tx: Transaction,
    actor: Actor,
    customer_id: int,
    action: str,
    changes: tuple[Change, ...],
    reason: str = "",
) -> None:
    audit.append(
        tx,
        audit.NewEvent(
            actor,
            audit.ORGANISATION,
            Kind.CUSTOMER,
            customer_id,
            action,
            changes,
            reason,
            customer_id=customer_id,
        ),
    )
