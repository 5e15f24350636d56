"""Settings of the business: read by every part of the program, changed by permission, audited.

Reading is light (no SQLAlchemy) and answers from a copy that is at most 30 seconds old.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.errors import DatabaseAway, InvalidInput
from cstui.domain.ids import Kind
from cstui.domain.locking import LockRules
from cstui.domain.permissions import Permission
from cstui.domain.settings import (
    REGISTRY,
    BusinessSetting,
    Origin,
    SettingRow,
    SettingValue,
    setting_of,
    why_together_refused,
)
from cstui.storage.database import Database
from cstui.storage.queries.settings_view import stored_settings
from cstui.storage.reader import Interrupted

if TYPE_CHECKING:
    from cstui.storage.transaction import Transaction

#: How old the copy that answers may be, in seconds.
KEPT_FOR = 30.0
_Stored = Mapping[tuple[str, int | None], SettingValue]


@dataclass(frozen=True, slots=True)
class _Copy:
    values: _Stored
    faults: tuple[str, ...]
    read_at: float


class Settings:
    """Values in force, per organisation and store."""

    def __init__(self, database: Database, ticks: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._ticks = ticks
        self._copy: _Copy | None = None
        self._reading = threading.Lock()

    def value(self, key: str, store_id: int | None = None) -> SettingValue:
        """The value in force: the store's own, else the organisation's, else the default.

        While the database is away the last copy answers. Errors: `UnknownSetting`, `DatabaseAway` (never read before).
        """
        return _in_force(setting_of(key), self._values(), store_id)[0]

    def at_hand(self, key: str, store_id: int | None = None) -> SettingValue:
        """As `value`, from the last copy however old, never asking the database: for the thread that paints. Without a copy the default."""
        copy = self._copy
        return _in_force(setting_of(key), copy.values if copy else {}, store_id)[0]

    def whole(self, key: str, store_id: int | None = None) -> int:
        """The value of a setting that is a whole number. Errors: as `value`."""
        value = self.value(key, store_id)
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{key} is not a whole number")
        return value

    def yes(self, key: str, store_id: int | None = None) -> bool:
        """The value of a setting that is yes or no. Errors: as `value`."""
        value = self.value(key, store_id)
        if not isinstance(value, bool):
            raise TypeError(f"{key} is not yes or no")
        return value

    def text(self, key: str, store_id: int | None = None) -> str:
        """The value of a choice or an amount (empty: no limit). Errors: as `value`."""
        value = self.value(key, store_id)
        if not isinstance(value, str):
            raise TypeError(f"{key} is not a text")
        return value

    def lock_rules(self, store_id: int | None = None) -> LockRules:
        """The rules of edit locks in a store."""
        return LockRules(
            lease=self.whole("locking.lease", store_id),
            heartbeat=self.whole("locking.heartbeat", store_id),
            idle_release=self.whole("locking.idle_release", store_id),
            idle_warning=self.whole("locking.idle_warning", store_id),
            stale_takeover=self.text("locking.stale_takeover", store_id),
            longest_hold=self.whole("locking.longest_hold", store_id),
        )

    def row(self, key: str, store_id: int | None = None) -> SettingRow:
        """One setting with its value in force, origin and meaning. Errors: as `value`."""
        return _row(setting_of(key), self._values(), store_id)

    def all(self, store_id: int | None = None) -> tuple[SettingRow, ...]:
        """Every setting as it stands for the organisation or in one store. Errors: `DatabaseAway`."""
        values = self._values()
        return tuple(_row(setting, values, store_id) for setting in REGISTRY.values())

    def faults(self) -> tuple[str, ...]:
        """What lies in the database and cannot be used (the default holds instead); for the doctor. Errors: `DatabaseAway`."""
        self._values()
        return self._copy.faults if self._copy else ()

    def set(
        self, actor: Actor, key: str, value: SettingValue, store_id: int | None = None, save_id: str = ""
    ) -> SettingRow:
        """Sets a value for the organisation, or for one store where the setting allows it; a typed text is read first.

        Errors: `NotPermitted`, `UnknownSetting`, `InvalidInput`.
        """
        setting = setting_of(key)
        read = setting.read(value) if isinstance(value, str) else setting.checked(value)
        self._change(actor, setting, read, store_id, save_id)
        return self.row(setting.key, store_id)

    def reset(self, actor: Actor, key: str, store_id: int | None = None, save_id: str = "") -> SettingRow:
        """Takes a set value away again: the organisation's, or the default, holds. Errors: as `set`."""
        setting = setting_of(key)
        self._change(actor, setting, None, store_id, save_id)
        return self.row(setting.key, store_id)

    def forget(self) -> None:
        """Drops the copy: the next question reads the database. Called when another desk tells of a change."""
        with self._reading:
            self._copy = None

    def _change(
        self,
        actor: Actor,
        setting: BusinessSetting,
        value: SettingValue | None,
        store_id: int | None,
        save_id: str,
    ) -> None:
        from cstui.services.access import require
        from cstui.storage.queries import audit, settings, stores

        if store_id is not None and not setting.per_store:
            raise InvalidInput(
                "store",
                setting.key,
                f"{setting.key} holds for the whole organisation.",
                "Set it without a store.",
            )
        with self._database.write(save_id) as tx:
            require(tx, actor, Permission.SETTINGS_MANAGE, store_id)
            if store_id is not None:
                stores.require_known(tx, store_id)
            old = _stored_values(tx)
            new = {place: kept for place, kept in old.items() if place != (setting.key, store_id)}
            if value is not None:
                new[setting.key, store_id] = value
            if new.get((setting.key, store_id)) == old.get((setting.key, store_id)):
                return
            _require_together(new)
            if value is None:
                record = settings.remove(tx, setting.key, store_id) or 0
            else:
                record = settings.put(tx, setting.key, store_id, json.dumps(value), actor.name)
            change = Change(setting.key, _shown(setting, old, store_id), _shown(setting, new, store_id))
            tx.publish("saved", Kind.SETTING, record)
            audit.append(
                tx,
                audit.NewEvent(
                    actor, store_id or audit.ORGANISATION, Kind.SETTING, record, "setting changed", (change,), save_id=save_id
                ),
            )  # fmt: skip
        self.forget()

    def _values(self) -> _Stored:
        with self._reading:
            now = self._ticks()
            if self._copy is None or now - self._copy.read_at >= KEPT_FOR:
                try:
                    values, faults = _understood(self._stored())
                    self._copy = _Copy(values, faults, now)
                except DatabaseAway:
                    if self._copy is None:
                        raise
                    # Asked again in 30 s: a database that is away must not cost every question a time-out.
                    self._copy = _Copy(self._copy.values, self._copy.faults, self._ticks())
            return self._copy.values

    def _stored(self) -> list[tuple[str, int | None, str]]:
        # The reader is shared: somebody who interrupts his own question may hit this one.
        for _ in range(5):
            try:
                return stored_settings(self._database.reader)
            except Interrupted:
                continue
        raise DatabaseAway("The settings could not be read.", "Try again in a moment.")


def value_in(tx: Transaction, key: str, store_id: int | None = None) -> SettingValue:
    """The value in force as an open transaction sees it: for what is stored together with it. Errors: `UnknownSetting`."""
    return _in_force(setting_of(key), _stored_values(tx), store_id)[0]


def _stored_values(tx: Transaction) -> dict[tuple[str, int | None], SettingValue]:
    from cstui.storage.queries import settings

    return _understood(settings.stored(tx))[0]


def _understood(
    rows: Iterable[tuple[str, int | None, str]],
) -> tuple[dict[tuple[str, int | None], SettingValue], tuple[str, ...]]:
    """The stored values that the program knows, and in words those that it does not."""
    values: dict[tuple[str, int | None], SettingValue] = {}
    faults: list[str] = []
    for key, store_id, text in rows:
        setting = REGISTRY.get(key)
        if setting is None:
            faults.append(f"The database holds a setting “{key}” that this version does not know.")
            continue
        try:
            values[key, store_id] = setting.checked(json.loads(text))
        except (ValueError, InvalidInput):
            faults.append(
                f"The stored value of {key} cannot be used; {setting.as_text(setting.default)} holds instead."
            )
    return values, tuple(faults)


def _in_force(setting: BusinessSetting, values: _Stored, store_id: int | None) -> tuple[SettingValue, Origin]:
    if store_id is not None and setting.per_store and (setting.key, store_id) in values:
        return values[setting.key, store_id], Origin.STORE
    if (setting.key, None) in values:
        return values[setting.key, None], Origin.ORGANISATION
    return setting.default, Origin.DEFAULT


def _row(setting: BusinessSetting, values: _Stored, store_id: int | None) -> SettingRow:
    value, origin = _in_force(setting, values, store_id)
    return SettingRow(
        setting.key, value, setting.as_text(value), origin, setting.as_text(setting.default), setting.allowed,
        setting.explanation, setting.per_store,
    )  # fmt: skip


def _shown(setting: BusinessSetting, values: _Stored, store_id: int | None) -> str:
    value, origin = _in_force(setting, values, store_id)
    is_set_here = (setting.key, store_id) in values
    return setting.as_text(value) if is_set_here else f"{setting.as_text(value)} ({origin.value})"


def _require_together(values: _Stored) -> None:
    """Passes where the settings of the organisation, and those of every store with its own, hold together. Errors: `InvalidInput`."""
    for store_id in {None, *(store_id for _key, store_id in values)}:
        problem = why_together_refused(
            {key: _in_force(setting, values, store_id)[0] for key, setting in REGISTRY.items()}
        )
        if problem is not None:
            raise problem
