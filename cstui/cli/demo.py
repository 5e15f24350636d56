"""`cstui demo`: a seeded SQLite file with people to sign in as."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cstui.cli.session import Session
from cstui.domain.errors import Conflict, CstuiError, UsageError

if TYPE_CHECKING:
    from cstui.services.demo import DemoSummary

_WORDS = (
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jetty", "kayak", "larch", "maple", "north",
    "ocean", "pearl", "quill", "river", "slate", "thyme",
)  # fmt: skip


def run_demo(session: Session, *, fresh: bool, directory: Path | None, user: str, no_ui: bool) -> int:
    """Seeds where needed, says the password once, opens the desk signed in as `user`; returns the exit code."""
    folder = directory or session.data_folder
    file, kept = folder / "demo.db", folder / "demo.password"
    if fresh:
        _remove(file)
    url = f"sqlite:///{file.absolute()}"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        password = _new_password(kept)
        _say(session, url, password, _seed(url, file, password))
    elif no_ui:
        session.printer.answer({"database": url}, lambda: f"The demo is at {file}. “--fresh” seeds it again.")
    return 0 if no_ui else _open(session, url, user, _kept_password(kept))


def _say(session: Session, url: str, password: str, summary: DemoSummary) -> None:
    session.printer.answer(
        {
            "database": url, "password": password, "staff": summary.staff, "stores": summary.stores,
            "customers": summary.customers, "orders": summary.orders,
            "to_try": [{"what": each.words, "ref": each.ref, "shown": each.shown} for each in summary.to_try],
        },
        lambda: "\n".join(
            (
                f"Seeded {url}: {summary.stores} stores, {summary.customers:,} customers, {summary.orders:,} orders.",
                f"Sign in as {', '.join(summary.staff)}; the password of all is: {password}",
                "Worth a look:",
                *(f"  {each.shown:<22} {each.words}" for each in summary.to_try),
            )
        ),
    )  # fmt: skip


def _seed(url: str, file: Path, password: str) -> DemoSummary:
    from cstui.bootstrap import Desk

    desk = Desk(url, durable=False)
    try:
        desk.schema.make()
        return desk.demo.seed(datetime.now(UTC).date(), password)
    except BaseException:
        desk.close()
        _remove(file)
        raise
    finally:
        desk.close()


def _open(session: Session, url: str, user: str, password: str) -> int:
    from cstui.bootstrap import Desk
    from cstui.config import load
    from cstui.services.sign_in import terminal_name
    from cstui.start import desk_options, run_desk

    settings = load(session.everywhere.config or None, url)
    options = replace(desk_options(settings), is_demo=True)
    desk = Desk(url)
    try:
        desk.schema.upgrade()
        desk.demo.refresh()
        signed_in = desk.sign_in.sign_in(user, password, terminal_name())
    except CstuiError as error:
        raise UsageError(
            f"{user} cannot sign in: {error.message}", "Use --user ann, bob, sue or adam, or --fresh."
        ) from None
    finally:
        desk.close()
    return run_desk(settings, options, signed_in.actor)


def _new_password(kept: Path) -> str:
    """The demo's password: made up once and kept beside its file, readable by its owner only."""
    password = "-".join(secrets.choice(_WORDS) for _ in range(3)) + f"-{secrets.randbelow(90) + 10}"
    kept.unlink(missing_ok=True)
    kept.touch(mode=0o600)
    kept.write_text(password + "\n")
    return password


def _kept_password(kept: Path) -> str:
    try:
        return kept.read_text().strip()
    except OSError:
        raise UsageError(f"The demo's password is not at {kept}.", "Run “cstui demo --fresh”.") from None


def _remove(file: Path) -> None:
    for ending in ("", "-wal", "-shm", ".queue"):
        try:
            file.with_name(file.name + ending).unlink(missing_ok=True)
        except OSError as error:
            raise Conflict(f"{file} could not be removed.", str(error)) from None
