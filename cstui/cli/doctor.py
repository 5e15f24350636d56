"""`cstui doctor`: what is wrong on this machine, in words, with the command that mends it. Shows no secret, waits for nothing long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cstui.cli import doctor_machine
from cstui.cli.finding import Finding, State
from cstui.cli.session import Session
from cstui.domain.errors import Conflict, CstuiError, NotSignedIn, SchemaNotCurrent

if TYPE_CHECKING:
    from cstui.config import Config

#: How far the machine's clock may be from the database's before times read wrongly.
_CLOCK_SECONDS = 30
_LEAST_FREE_MEGABYTES = 50
#: How long the database may take for all its checks; with the keyring's own bound the doctor ends within ten seconds.
_DATABASE_SECONDS = 8.0
#: How long may be spent on looking for gateways' keys: a keyring may take five seconds for each.
_KEY_SECONDS = 1.0

_Look = Callable[[Session], Iterable[Finding]]


def examined(session: Session) -> list[Finding]:
    """Everything looked at, in the order in which one would mend it."""
    findings = list(doctor_machine.terminal())
    try:
        config = session.config
        findings += doctor_machine.configuration(config)
    except CstuiError as error:
        # Every other check would repeat the same fault.
        return [*findings, _broken("configuration", error)]
    findings += _looked("keys", lambda _: doctor_machine.key_table(config), session)
    findings += doctor_machine.folders(config)
    findings += doctor_machine.keyring()
    findings += _within(_DATABASE_SECONDS, lambda: _whole_database(session))
    findings += _mail(config)
    return findings


@dataclass
class _Part:
    name: str
    look: _Look


def _whole_database(session: Session) -> list[Finding]:
    """Stops at the first thing without which the next cannot be asked."""
    findings: list[Finding] = []
    for part in (_Part("database", _schema), _Part("staff", _people), _Part("clocks", _clocks), _Part("disk", _disk),
                 _Part("settings", _settings), _Part("sign-in", _sign_in), _Part("locks", _locks),
                 _Part("gateways", _gateways), _Part("worker", _worker)):  # fmt: skip
        findings += _looked(part.name, part.look, session)
        if findings and findings[-1].state is State.BROKEN:
            break
    return findings


def _looked(name: str, look: _Look, session: Session) -> list[Finding]:
    try:
        return list(look(session))
    except CstuiError as error:
        return [_broken(name, error)]


def _broken(name: str, error: CstuiError) -> Finding:
    return Finding(name, State.BROKEN, error.message, error.advice)


def _within(seconds: float, look: Callable[[], list[Finding]]) -> list[Finding]:
    """What `look` finds; a finding of its own where the database does not answer in time."""
    found: list[list[Finding]] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            found.append(look())
        except BaseException as error:  # told below, in the thread that can tell it
            faults.append(error)

    thread = threading.Thread(target=run, name="cstui-doctor", daemon=True)
    thread.start()
    thread.join(seconds)
    if faults:
        raise faults[0]
    if found:
        return found[0]
    return [
        Finding(
            "database",
            State.BROKEN,
            f"no answer within {seconds:.0f} s",
            "Check network and server, then again.",
        )
    ]


def _schema(session: Session) -> Iterator[Finding]:
    shown = session.config.database.shown
    kind = "SQLite" if session.config.database.is_sqlite else "PostgreSQL"
    try:
        session.bare_desk.schema.check()
    except SchemaNotCurrent as error:
        fix = "pip install --upgrade cstui" if "newer" in error.message else "cstui db upgrade"
        yield Finding("schema", State.BROKEN, error.message, fix)
        return
    except Conflict:
        raise
    except CstuiError as error:
        yield Finding(
            "database", State.BROKEN, error.message, doctor_machine.way_to(session.config.database, error)
        )
        return
    yield Finding("database", State.OK, f"{kind} at {shown}")
    yield Finding("schema", State.OK, "current")


def _people(session: Session) -> Iterator[Finding]:
    if not session.bare_desk.schema.has_people():
        yield Finding(
            "staff", State.BROKEN, "nobody can sign in: there is no staff yet", "cstui init --admin NAME"
        )


def _clocks(session: Session) -> Iterator[Finding]:
    away = session.bare_desk.schema.clock_difference()
    found = f"{away:+.1f} s from the database's"
    if abs(away) > _CLOCK_SECONDS:
        yield Finding("clocks", State.DOUBTFUL, found, "timedatectl set-ntp true")
    else:
        yield Finding("clocks", State.OK, found)


def _disk(session: Session) -> Iterator[Finding]:
    free = session.bare_desk.schema.free_megabytes()
    if free is None:
        return
    if free < _LEAST_FREE_MEGABYTES:
        folder = session.config.database.path
        yield Finding("disk", State.BROKEN, f"{free:,} MB free", f"Free space beside {folder}.")
    else:
        yield Finding("disk", State.OK, f"{free:,} MB free")


def _settings(session: Session) -> Iterator[Finding]:
    faults = session.bare_desk.settings.faults()
    for fault in faults:
        yield Finding("settings", State.DOUBTFUL, fault, "cstui settings set KEY --reset")
    if not faults:
        yield Finding("settings", State.OK, "all understood")


def _worker(session: Session) -> Iterator[Finding]:
    from cstui.services.money_looks import MoneyLooks

    looks = MoneyLooks(session.bare_desk.database)
    names, (unknown, overdue) = looks.workers(), looks.waiting()
    if names:
        yield Finding("worker", State.OK, ", ".join(names))
    elif session.config.worker_inside and not overdue:
        yield Finding("worker", State.OK, "none now; an open desk sends by itself")
    else:
        waits = f"; {overdue} to be sent" if overdue else ""
        yield Finding("worker", State.DOUBTFUL, f"none is running{waits}", "cstui worker")
    if unknown:
        yield Finding(
            "attempts", State.DOUBTFUL, f"{unknown} without a known outcome", "cstui attempts --state unknown"
        )


def _mail(config: Config) -> Iterator[Finding]:
    server = config.mail
    found = f"{server.host}, port {server.port}" if server.host else "no server configured: mails wait"
    yield Finding("mail", State.OK, found)


def _sign_in(session: Session) -> Iterator[Finding]:
    if not session.everywhere.acting_as and not session.login.kept():
        yield Finding("sign-in", State.DOUBTFUL, "nobody is signed in", "cstui login NAME")
        return
    try:
        yield Finding("sign-in", State.OK, f"signed in as {session.actor.name}")
    except NotSignedIn as error:
        yield Finding("sign-in", State.DOUBTFUL, error.message, "cstui login NAME")


def _locks(session: Session) -> Iterator[Finding]:
    try:
        actor = session.actor
    except NotSignedIn:
        yield Finding("locks", State.DOUBTFUL, "not looked at: nobody is signed in", "cstui login NAME")
        return
    rows = session.desk.locks.all(actor)
    stale = [row for row in rows if row.stale]
    found = f"{len(rows)} held, {len(stale)} stale"
    if stale:
        number = stale[0].number.lstrip("#")
        fix = f"cstui locks release {number} --store {stale[0].store} --reason TEXT"
        yield Finding("locks", State.DOUBTFUL, found, fix)
    else:
        yield Finding("locks", State.OK, found)


def _gateways(session: Session) -> Iterator[Finding]:
    """Which accounts there are, and where their keys come from here; asks no gateway. A desk that leaves sending to a worker needs no key."""
    if not session.everywhere.acting_as and not session.login.kept():
        return
    gateways = session.bare_desk.gateways
    rows = [row for row in gateways.rows() if row.is_open]
    until = time.monotonic() + _KEY_SECONDS
    told: list[str] = []
    for row in rows:
        source = gateways.key_source(row.account) if time.monotonic() < until else "not looked for"
        told.append(
            f"{row.gateway} {row.name} ({'test' if row.is_test else 'live'}), key: {source or 'none here'}"
        )
    yield Finding("gateways", State.OK, "; ".join(told) or "no accounts yet")
