"""Settings: defaults, organisation, store; who may change them; what is refused; and the copy that answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cstui.domain.actor import system_actor
from cstui.domain.audit import Change
from cstui.domain.errors import DatabaseAway, InvalidInput, NotFound, NotPermitted
from cstui.domain.ids import Kind
from cstui.domain.locking import LockRules
from cstui.domain.permissions import Role
from cstui.domain.settings import REGISTRY, Origin, UnknownSetting, ValueType, settings_markdown
from cstui.services.settings import KEPT_FOR, Settings
from cstui.storage.database import Database
from cstui.storage.queries.audit import events_of
from cstui.storage.reader import Interrupted
from cstui.storage.tables.audit import AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import Setting
from tests.factories import add_staff, add_store, count

ROOT = system_actor("test")
ROOT_FOLDER = Path(__file__).parent.parent.parent


class Ticks:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def settings(db: Database) -> Settings:
    return Settings(db)


def test_nothing_set_means_the_defaults(settings: Settings) -> None:
    rows = settings.all()
    assert [row.key for row in rows] == list(REGISTRY)
    assert all(row.value == REGISTRY[row.key].default and row.origin is Origin.DEFAULT for row in rows)
    assert settings.lock_rules() == LockRules()


def test_a_store_goes_before_the_organisation_and_that_before_the_default(
    db: Database, settings: Settings
) -> None:
    shop, other = add_store(db, "shop"), add_store(db, "other")
    settings.set(ROOT, "money.undo_seconds", 20)
    settings.set(ROOT, "money.undo_seconds", 0, shop)
    assert settings.whole("money.undo_seconds", shop) == 0
    assert settings.whole("money.undo_seconds", other) == 20
    assert settings.whole("money.undo_seconds") == 20
    assert settings.row("money.undo_seconds", shop).origin is Origin.STORE
    assert settings.row("money.undo_seconds", other).origin is Origin.ORGANISATION
    settings.reset(ROOT, "money.undo_seconds", shop)
    assert settings.whole("money.undo_seconds", shop) == 20
    settings.reset(ROOT, "money.undo_seconds")
    assert settings.row("money.undo_seconds").origin is Origin.DEFAULT
    assert count(db, Setting) == 0


@pytest.mark.parametrize(
    ("key", "typed", "value", "shown"),
    [
        ("locking.lease", " 240 ", 240, "240"),
        ("search.strict", "Yes", True, "yes"),
        ("search.strict", "off", False, "no"),
        ("locking.stale_takeover", "AGENT", "agent", "agent"),
        ("refund.approval_limit", "250.00", "250.00", "250.00"),
        ("refund.approval_limit", "none", "", "none"),
    ],
)
def test_a_typed_text_is_read_and_comes_back_typed(
    db: Database, settings: Settings, key: str, typed: str, value: Any, shown: str
) -> None:
    settings.set(ROOT, key, typed)
    row = Settings(db).row(key)
    assert row.value == value and type(row.value) is type(value)
    assert row.shown == shown


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("locking.lease", "29"),
        ("locking.lease", "3601"),
        ("locking.lease", "two minutes"),
        ("locking.lease", "1e3"),
        ("locking.lease", "٣٠٠"),
        ("locking.lease", True),
        ("locking.lease", 12.5),
        ("search.strict", "maybe"),
        ("search.strict", 1),
        ("locking.stale_takeover", "anybody"),
        ("refund.approval_limit", "-1"),
        ("refund.approval_limit", "1,50"),
        ("money.undo_seconds", "61"),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_is(sqlite_db: Database, key: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        Settings(sqlite_db).set(ROOT, key, value)
    assert refused.value.field == key
    assert REGISTRY[key].allowed in refused.value.advice
    assert count(sqlite_db, Setting) == 0


@pytest.mark.parametrize(
    ("typed", "near"), [("locking.leese", "locking.lease"), ("Drafts.Days", "drafts.days"), ("xyz", "")]
)
def test_an_unknown_key_suggests_the_nearest(sqlite_db: Database, typed: str, near: str) -> None:
    with pytest.raises(UnknownSetting) as refused:
        Settings(sqlite_db).value(typed)
    assert refused.value.suggestion == near
    assert (near or "lists them all") in refused.value.advice


def test_settings_that_cannot_hold_together_are_refused(db: Database, settings: Settings) -> None:
    shop = add_store(db, "shop")
    with pytest.raises(InvalidInput, match="cannot keep a lease of 120 s alive"):
        settings.set(ROOT, "locking.heartbeat", 61)
    settings.set(ROOT, "locking.heartbeat", 60, shop)
    with pytest.raises(InvalidInput, match="cannot keep a lease of 100 s alive"):
        settings.set(ROOT, "locking.lease", 100)
    with pytest.raises(InvalidInput, match="never warned about"):
        settings.set(ROOT, "locking.idle_release", 300)
    settings.set(ROOT, "locking.idle_release", 360)
    assert settings.lock_rules(shop) == LockRules(heartbeat=60, idle_release=360)


def test_what_holds_for_the_organisation_is_not_set_for_a_store(db: Database, settings: Settings) -> None:
    shop = add_store(db, "shop")
    with pytest.raises(InvalidInput, match="whole organisation"):
        settings.set(ROOT, "session.hours", 8, shop)
    with pytest.raises(NotFound, match="no such store"):
        settings.set(ROOT, "locking.lease", 200, shop + 99)


def test_a_change_is_audited_with_old_and_new_in_the_chain_of_its_store(
    db: Database, settings: Settings
) -> None:
    shop = add_store(db, "shop")
    settings.set(ROOT, "locking.lease", 240, save_id="first")
    settings.set(ROOT, "locking.lease", 300, shop)
    settings.set(ROOT, "locking.lease", 300, shop)
    with db.read() as tx:
        events = table_of(AuditEvent)
        rows = tx.rows(sa.select(events.c.record_id, events.c.store_id).order_by(events.c.id))
        found = [(row.store_id, events_of(tx, Kind.SETTING, row.record_id)[0].changes) for row in rows]
    assert found == [
        (0, (Change("locking.lease", "120 (default)", "240"),)),
        (shop, (Change("locking.lease", "240 (organisation)", "300"),)),
    ]


def test_settings_are_changed_by_permission_of_that_store(db: Database, settings: Settings) -> None:
    shop, other = add_store(db, "shop"), add_store(db, "other")
    local = add_staff(db, "local", Role.ADMIN, shop)
    settings.set(local, "locking.lease", 240, shop)
    for place in (other, None):
        with pytest.raises(NotPermitted, match="change settings"):
            settings.set(local, "locking.lease", 240, place)
    sue = add_staff(db, "sue", Role.SUPERVISOR)
    with pytest.raises(NotPermitted):
        settings.set(sue, "locking.lease", 240, shop)
    with pytest.raises(NotPermitted):
        settings.reset(sue, "locking.lease", shop)


def test_the_copy_answers_for_thirty_seconds_and_another_desk_sees_a_change_then(db: Database) -> None:
    ticks = Ticks()
    mine, theirs = Settings(db, ticks), Settings(db)
    assert mine.whole("drafts.days") == 7
    theirs.set(ROOT, "drafts.days", 30)
    ticks.at = KEPT_FOR - 1
    assert mine.whole("drafts.days") == 7
    ticks.at = KEPT_FOR
    assert mine.whole("drafts.days") == 30
    theirs.set(ROOT, "drafts.days", 31)
    mine.forget()
    assert mine.whole("drafts.days") == 31
    mine.set(ROOT, "drafts.days", 32)
    assert mine.whole("drafts.days") == 32


def test_while_the_database_is_away_the_last_copy_answers(
    sqlite_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = Ticks()
    settings = Settings(sqlite_db, ticks)
    settings.set(ROOT, "drafts.days", 30)
    assert settings.whole("drafts.days") == 30
    asked: list[int] = []

    def away(*_: Any) -> Any:
        asked.append(1)
        raise DatabaseAway("gone")

    monkeypatch.setattr(sqlite_db.reader, "rows", away)
    ticks.at = 100
    assert settings.whole("drafts.days") == 30
    assert settings.whole("drafts.days") == 30
    assert len(asked) == 1
    with pytest.raises(DatabaseAway):
        Settings(sqlite_db).value("drafts.days")


def test_the_painting_thread_never_asks_the_database(
    sqlite_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = Ticks()
    settings = Settings(sqlite_db, ticks)
    settings.set(ROOT, "session.idle_minutes", 5)
    assert settings.value("session.idle_minutes") == 5
    monkeypatch.setattr(sqlite_db.reader, "rows", lambda *_: pytest.fail("asked"))
    ticks.at = 1000
    assert settings.at_hand("session.idle_minutes") == 5
    assert Settings(sqlite_db).at_hand("session.idle_minutes") == 10


def test_somebody_elses_interruption_does_not_cost_the_answer(
    sqlite_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, interruptions = sqlite_db.reader.rows, [1, 2]

    def interrupted(*args: Any) -> Any:
        if interruptions:
            interruptions.pop()
            raise Interrupted
        return real(*args)

    monkeypatch.setattr(sqlite_db.reader, "rows", interrupted)
    assert Settings(sqlite_db).value("drafts.days") == 7


@pytest.mark.parametrize("stored", ["five", "[1]", "null", "99999", '"7"', "{", "7.0"])
def test_a_stored_value_that_cannot_be_used_counts_as_not_set_and_is_reported(
    sqlite_db: Database, stored: str
) -> None:
    with sqlite_db.write() as tx:
        table = table_of(Setting)
        facts = {"store_id": None, "changed_by": "x", "changed_at": tx.now}
        tx.run(table.insert().values(key="drafts.days", value=stored, **facts))
        tx.run(table.insert().values(key="from.the.future", value="1", **facts))
    settings = Settings(sqlite_db)
    assert settings.row("drafts.days").origin is Origin.DEFAULT
    assert [fault.split("“")[0] for fault in settings.faults()] == [
        "The stored value of drafts.days cannot be used; 7 holds instead.",
        "The database holds a setting ",
    ]


def test_a_question_of_the_wrong_type_is_a_fault_of_the_program(sqlite_db: Database) -> None:
    settings = Settings(sqlite_db)
    for wrong in (
        lambda: settings.whole("search.strict"),
        lambda: settings.yes("drafts.days"),
        lambda: settings.text("drafts.days"),
    ):
        with pytest.raises(TypeError):
            wrong()


def test_every_setting_explains_itself_and_allows_its_own_default() -> None:
    for setting in REGISTRY.values():
        assert setting.explanation.endswith(".") and len(setting.explanation) > 20
        assert setting.checked(setting.default) == setting.default
        assert setting.read(setting.as_text(setting.default)) == setting.default
        if setting.type is ValueType.WHOLE:
            assert setting.unit and setting.lowest < setting.highest


def test_the_operators_handbook_lists_exactly_these_settings() -> None:
    text = (ROOT_FOLDER / "docs" / "operators.md").read_text(encoding="utf-8")
    assert settings_markdown() in text
