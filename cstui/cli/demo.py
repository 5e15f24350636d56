"""`cstui demo`: a seeded database with people to sign in as."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cstui.cli.session import Session
from cstui.domain.errors import Conflict, SignInRefused, UsageError
from cstui.domain.mails import MailServer

if TYPE_CHECKING:
    from cstui.bootstrap import Desk
    from cstui.domain.staff import SignedIn
    from cstui.services.demo import DemoSummary

_WORDS = (
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jetty", "kayak", "larch", "maple", "north",
    "ocean", "pearl", "quill", "river", "slate", "thyme",
)  # fmt: skip

#: How often, and for how many seconds at most, one desk waits for another that signs in at the same moment.
_TRIES = 3
_LONGEST_WAIT = 4


@dataclass(frozen=True)
class _Place:
    """Where the demo lives: `file` is the demo's own, None for a database that was named with `--db` and is never thrown away.

    `kept` holds its password, readable by its owner only.
    """

    url: str
    shown: str
    file: Path | None
    kept: Path


def run_demo(session: Session, *, fresh: bool, directory: Path | None, user: str, no_ui: bool) -> int:
    """Seeds where needed, says the password once, opens the desk signed in as `user`; returns the exit code."""
    place = _place(session, directory)
    if fresh:
        _remove(place)
    if not _is_seeded(place):
        place.kept.parent.mkdir(parents=True, exist_ok=True)
        password = _made_up_password()
        summary = _seed(session, place, password)
        _keep(place.kept, password)
        _say(session, place.shown, password, summary)
    elif no_ui:
        session.printer.answer(
            {"database": place.shown},
            lambda: f"The demo is at {place.shown}. “cstui demo --fresh” seeds it again.",
        )
    return 0 if no_ui else _open(session, place, user)


def _place(session: Session, directory: Path | None) -> _Place:
    """A file in the user's data folder, or in `directory`; with `--db`, that database."""
    folder = (directory or session.data_folder).expanduser().absolute()
    if not session.everywhere.database:
        file = folder / "demo.db"
        return _Place(f"sqlite:///{file}", f"sqlite:///{file}", file, folder / "demo.password")
    database = session.config.database
    mark = hashlib.sha256(database.shown.encode()).hexdigest()[:12]
    return _Place(database.text, database.shown, None, folder / f"demo-{mark}.password")


def _is_seeded(place: _Place) -> bool:
    if place.file is not None:
        return place.file.exists()
    if not place.kept.exists():
        return False
    from cstui.bootstrap import Desk

    desk = Desk(place.url)
    try:
        # The database may have been dropped and created since.
        return desk.schema.has_people()
    finally:
        desk.close()


def _say(session: Session, shown: str, password: str, summary: DemoSummary) -> None:
    session.printer.answer(
        {
            "database": shown, "password": password, "staff": summary.staff, "stores": summary.stores,
            "customers": summary.customers, "orders": summary.orders,
            "to_try": [{"what": each.words, "ref": each.ref, "shown": each.shown} for each in summary.to_try],
        },
        lambda: "\n".join(
            (
                f"Seeded {shown}: {summary.stores} stores, {summary.customers:,} customers, {summary.orders:,} orders.",
                f"Sign in as {', '.join(summary.staff)}; the password of all is: {password}",
                "Worth a look:",
                *(f"  {each.shown:<22} {each.words}" for each in summary.to_try),
            )
        ),
    )  # fmt: skip


def _seed(session: Session, place: _Place, password: str) -> DemoSummary:
    from cstui.bootstrap import Desk
    from cstui.services.schema import require_driver

    require_driver(place.url.startswith("sqlite:"))
    desk = Desk(place.url, durable=False)
    try:
        desk.schema.make()
        session.printer.hint("Seeding the demo, a few seconds …")
        return desk.demo.seed(datetime.now(UTC).date(), password)
    except BaseException:
        desk.close()
        if place.file is not None:
            _remove(place)
        raise
    finally:
        desk.close()


def _open(session: Session, place: _Place, user: str) -> int:
    from cstui.bootstrap import Desk
    from cstui.config import load
    from cstui.start import desk_options, run_desk

    settings = load(session.everywhere.config or None, place.url)
    # Nobody must get a mail of the demo: each becomes a file beside its database.
    mails = MailServer(host=f"folder:{place.kept.parent / 'mails'}", sender="desk@demo.example")
    options = replace(desk_options(settings), is_demo=True, mail=mails)
    desk = Desk(place.url)
    try:
        desk.schema.upgrade()
        desk.demo.refresh()
        signed_in = _signed_in(desk, user, _kept_password(place.kept))
    except SignInRefused as error:
        raise UsageError(
            f"{user} cannot sign in: {error.message}", "Use --user ann, bob, sue or adam, or --fresh."
        ) from None
    finally:
        desk.close()
    return run_desk(settings, options, signed_in.actor)


def _made_up_password() -> str:
    return "-".join(secrets.choice(_WORDS) for _ in range(3)) + f"-{secrets.randbelow(90) + 10}"


def _keep(kept: Path, password: str) -> None:
    from cstui.services.secrets import write_private

    try:
        write_private(kept, password)
    except OSError as error:
        raise Conflict(f"{kept} could not be written.", str(error.strerror)) from None


def _kept_password(kept: Path) -> str:
    from cstui.services.secrets import read_private

    return read_private(kept)


def _remove(place: _Place) -> None:
    if place.file is None:
        raise UsageError(
            "A database named with --db is never thrown away.", "Drop and create it, then leave --fresh out."
        )
    parts = [place.file.with_name(place.file.name + end) for end in ("", "-wal", "-shm", ".queue")]
    for file in (*parts, place.kept):
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise Conflict(f"{file} could not be removed.", str(error.strerror)) from None


def _signed_in(desk: Desk, user: str, password: str) -> SignedIn:
    """Signs in; two desks of the demo opened at one moment wait for each other instead of being refused."""
    import time

    from cstui.domain.errors import SignInRefused
    from cstui.services.sign_in import terminal_name

    for _ in range(_TRIES):
        try:
            return desk.sign_in.sign_in(user, password, terminal_name())
        except SignInRefused as error:
            wait = int(error.facts.get("wait_seconds") or 0)
            if error.facts.get("locked") or not 0 < wait <= _LONGEST_WAIT:
                raise
            time.sleep(wait)
    return desk.sign_in.sign_in(user, password, terminal_name())
