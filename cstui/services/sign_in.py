"""Signing in: passwords, back-off and lock-out, sessions, the lock screen. Resuming a kept sign-in is light (no SQLAlchemy).

A wrong name and a wrong password are told apart by nothing: same words, same work, same waits, same lock-out.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cstui.domain.actor import Actor
from cstui.domain.clean import clean
from cstui.domain.errors import DatabaseAway, InvalidInput, NotSignedIn, SignInRefused
from cstui.domain.ids import Kind
from cstui.domain.passwords import LONGEST, normalised, require_fit
from cstui.domain.staff import SignedIn, Tries, folded_name
from cstui.services.password_hash import DECOY, fits, hashed, is_outdated
from cstui.services.settings import Settings
from cstui.storage.database import Database
from cstui.storage.queries.sign_in_view import kept_sign_in
from cstui.storage.reader import Interrupted, Reader

if TYPE_CHECKING:
    from cstui.storage.queries.sign_in import Account
    from cstui.storage.transaction import Transaction

_TOKEN_BYTES: Final = 32
_LONGEST_TERMINAL: Final = 60
_WRONG: Final = "The name or the password is wrong."
_WRONG_ADVICE: Final = "Type both again; the wait grows with each try."


class SignIn:
    """Who is at the desk."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def sign_in(self, name: str, password: str, terminal: str) -> SignedIn:
        """Checks name and password and opens a session.

        Errors: `SignInRefused` (facts: `wait_seconds`, `locked`), `DatabaseAway`.
        """
        from secrets import token_urlsafe

        account = self._required(self._begin_try(folded=folded_name(name)), password, terminal, _WRONG)
        return self._open(account, password, token_urlsafe(_TOKEN_BYTES), terminal)

    def resume(self, token: str, terminal: str) -> Actor:
        """The person behind a kept session token: one query, nothing written. Errors: `NotSignedIn`, `DatabaseAway`."""
        return resumed(self._database.reader, token, terminal)

    def seen(self, actor: Actor) -> None:
        """Notes that the session is in use; called now and then, never while somebody waits. Errors: `DatabaseAway`."""
        from cstui.storage.queries import sign_in

        if actor.session_id:
            with self._database.write() as tx:
                sign_in.seen(tx, actor.session_id, actor.terminal)

    def sign_out(self, actor: Actor) -> None:
        """Ends the session of this desk; harmless when it has ended already. Errors: `DatabaseAway`."""
        from cstui.storage.queries import sign_in

        with self._database.write() as tx:
            if sign_in.end_session(tx, actor.session_id, actor.staff_id):
                _note(tx, actor, actor.staff_id, "signed out")

    def unlock(self, actor: Actor, password: str) -> Actor:
        """Opens the lock screen again, with the grants of this moment; wrong passwords count as at sign-in.

        Errors: `SignInRefused`, `NotSignedIn` (the session was ended or the account disabled meanwhile), `DatabaseAway`.
        """
        from cstui.storage.queries import sign_in

        found = self._begin_try(staff_id=actor.staff_id)
        account = self._required(found, password, actor.terminal, "The password is wrong.")
        with self._database.write() as tx:
            self._require_unchanged(tx, account)
            if sign_in.is_ended(tx, actor.session_id, actor.staff_id):
                raise NotSignedIn("This sign-in was ended meanwhile.", "Sign in again.")
            sign_in.remember_tries(tx, account.id, Tries())
            sign_in.extend_session(tx, actor.session_id, tx.now + self._session_length())
            grants = () if account.must_change_password else sign_in.grants_of(tx, account.id)
            _note(tx, actor, actor.staff_id, "screen unlocked")
        return replace(actor, name=account.shown, grants=grants, zone=account.zone, locale=account.locale)

    def change_password(self, actor: Actor, old: str, new: str) -> Actor:
        """Sets one's own password and ends one's other sessions; the returned actor has the grants.

        Errors: `SignInRefused` (the old one is wrong), `InvalidInput` (the new one is unfit; never holds it), `DatabaseAway`.
        """
        from cstui.storage.queries import sign_in

        found = self._begin_try(staff_id=actor.staff_id)
        account = self._required(found, old, actor.terminal, "The present password is wrong.")
        self._forget_tries(account)
        fit = require_fit(new, f"{account.name} {account.display_name}")
        if fit == normalised(old):
            raise InvalidInput("password", "", "The new password is the old one.", "Choose another one.")
        new_hash = hashed(fit)
        with self._database.write() as tx:
            self._require_unchanged(tx, account)
            sign_in.set_password(tx, account.id, new_hash, must_change=False)
            sign_in.end_sessions(tx, account.id, but=actor.session_id)
            grants = sign_in.grants_of(tx, account.id)
            _note(tx, actor, account.id, "password changed")
        return replace(actor, grants=grants)

    def _begin_try(self, *, folded: str = "", staff_id: int = 0) -> Account | None:
        """Counts a try as failed before it is looked at, so that tries at the same moment cannot slip past the wait.

        Returns the account; None for a name that nobody has, which is counted all the same. Errors: `SignInRefused`.
        """
        from cstui.storage.queries import sign_in

        failures = self._settings.whole("sign_in.failures")
        lockout = timedelta(minutes=self._settings.whole("sign_in.lockout_minutes"))
        with self._database.write() as tx:
            account = sign_in.account_of(tx, staff_id) if staff_id else sign_in.account_named(tx, folded)
            tries = account.tries if account else sign_in.tries_of_nobody(tx, folded)
            _require_may_try(tries, tx.now)
            counted = tries.with_failure(tx.now, failures, lockout)
            if account is not None:
                sign_in.remember_tries(tx, account.id, counted)
                return replace(account, tries=counted)
            sign_in.remember_tries_of_nobody(tx, folded, counted)
            return None

    def _required(self, account: Account | None, password: str, terminal: str, said: str) -> Account:
        """The account where the password is its own and it is not disabled.

        Without an account the same work is done: one hash, one write. Errors: `SignInRefused` with what was `said`.
        """
        password = password if len(password) <= LONGEST else ""
        right = fits(account.password_hash if account else DECOY, password)
        if account is not None and right and not account.is_disabled:
            return account
        self._note_failure(account, terminal, right)
        if account is not None and right:
            raise SignInRefused("This account is disabled.", "Ask an administrator.", locked=False)
        raise SignInRefused(said, _WRONG_ADVICE, locked=False)

    def _note_failure(self, account: Account | None, terminal: str, right: bool) -> None:
        """Writes a refused sign-in down. A name that nobody has is not kept: it may be a password typed into the wrong field."""
        unproven = Actor(0, "sign-in", clean(terminal, limit=_LONGEST_TERMINAL), 0, ())
        with self._database.write() as tx:
            if account is None:
                _note(tx, unproven, 0, "sign-in failed", "no such name")
                return
            why = "account disabled" if right else f"wrong password, {account.tries.failed} in a row"
            _note(tx, unproven, account.id, "sign-in failed", why)
            if account.tries.locked_until is not None:
                _note(tx, unproven, account.id, "account locked", "too many wrong passwords")

    def _forget_tries(self, account: Account) -> None:
        from cstui.storage.queries import sign_in

        with self._database.write() as tx:
            sign_in.remember_tries(tx, account.id, Tries())

    def _open(self, account: Account, password: str, token: str, terminal: str) -> SignedIn:
        from cstui.storage.queries import sign_in

        better = hashed(password) if is_outdated(account.password_hash) else ""
        terminal = clean(terminal, limit=_LONGEST_TERMINAL)
        with self._database.write() as tx:
            self._require_unchanged(tx, account)
            sign_in.remember_tries(tx, account.id, Tries())
            if better:
                sign_in.improve_hash(tx, account.id, account.password_hash, better)
            session = sign_in.open_session(
                tx, account.id, token_hash(token), terminal, tx.now + self._session_length()
            )
            grants = () if account.must_change_password else sign_in.grants_of(tx, account.id)
            actor = Actor(account.id, account.shown, terminal, session, grants, account.zone, account.locale)
            _note(tx, actor, account.id, "signed in")
        return SignedIn(actor, token, account.must_change_password)

    @staticmethod
    def _require_unchanged(tx: Transaction, account: Account) -> None:
        """Passes where password and account are still those that were checked outside this transaction. Errors: `SignInRefused`."""
        from cstui.storage.queries import sign_in

        now = sign_in.account_of(tx, account.id)
        if now is None or now.is_disabled or now.password_hash != account.password_hash:
            raise SignInRefused(
                "The account was changed at this very moment.", "Sign in again.", locked=False
            )

    def _session_length(self) -> timedelta:
        return timedelta(hours=self._settings.whole("session.hours"))


def resumed(reader: Reader, token: str, terminal: str) -> Actor:
    """The person behind a kept session token, by one driver query.

    Errors: `NotSignedIn`, `DatabaseAway`.
    """
    if not token:
        raise NotSignedIn("Nobody is signed in here.", "Sign in first: “cstui login”.")
    for _ in range(5):
        try:
            kept = kept_sign_in(reader, token_hash(token))
            break
        except Interrupted:
            continue
    else:
        raise DatabaseAway("The sign-in could not be read.", "Try again in a moment.")
    if kept is None or kept.is_over:
        raise NotSignedIn("The sign-in has ended.", "Sign in again.")
    if kept.is_disabled:
        raise NotSignedIn("This account is disabled.", "Ask an administrator.")
    if kept.must_change_password:
        raise NotSignedIn("The password must be changed first.", "Sign in again and choose a new one.")
    return Actor(
        kept.staff_id, kept.name, clean(terminal, limit=_LONGEST_TERMINAL), kept.session_id, kept.grants, kept.zone, kept.locale
    )  # fmt: skip


def token_hash(token: str) -> str:
    """What is stored of a session token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def terminal_name() -> str:
    """Where this process runs, as colleagues see it beside a lock: `ann@desk3/pts/4`, or the process number without a terminal."""
    import getpass

    user = "?"
    with suppress(Exception):  # getpass raises what the platform raises: OSError, KeyError or ImportError
        user = getpass.getuser()
    host = os.uname().nodename.partition(".")[0] or "?"
    place = f"process {os.getpid()}"
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError, AttributeError):
            if stream is not None and stream.isatty():
                place = os.ttyname(stream.fileno()).removeprefix("/dev/")
                break
    return clean(f"{user}@{host}/{place}", limit=_LONGEST_TERMINAL)


def _require_may_try(tries: Tries, now: datetime) -> None:
    if tries.is_locked(now) and tries.locked_until is not None:
        minutes = math.ceil((tries.locked_until - now).total_seconds() / 60)
        raise SignInRefused(
            f"Too many wrong passwords: locked for {minutes} more {'minute' if minutes == 1 else 'minutes'}.",
            "Wait, or ask a supervisor to unlock the account.",
            locked=True,
            wait_seconds=math.ceil((tries.locked_until - now).total_seconds()),
        )
    at = tries.may_try_at()
    if at is not None and now < at:
        seconds = math.ceil((at - now).total_seconds())
        raise SignInRefused(
            f"Wait {seconds} s before the next try.",
            "Then type the password again.",
            locked=False,
            wait_seconds=seconds,
        )


def _note(tx: Transaction, actor: Actor, staff_id: int, action: str, reason: str = "") -> None:
    from cstui.storage.queries import audit

    audit.append(tx, audit.NewEvent(actor, audit.ORGANISATION, Kind.STAFF, staff_id, action, reason=reason))
