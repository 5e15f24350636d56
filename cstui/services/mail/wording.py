"""A store's own words for its mails: read, tried on made-up facts, stored, taken away again."""

from __future__ import annotations

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.clean import clean
from cstui.domain.ids import Kind
from cstui.domain.mails import MailKind, MailPreview, MailWords
from cstui.domain.permissions import Permission
from cstui.services.access import require
from cstui.services.mail.rendering import built_in, rendered
from cstui.services.mail.samples import sample
from cstui.storage.database import Database
from cstui.storage.queries import audit, mails, stores
from cstui.storage.transaction import Transaction


class MailTemplates:
    """The words of each kind of mail: a store's own, else the organisation's, else those that come with cstui."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, actor: Actor, kind: MailKind, store_id: int | None = None) -> MailWords:
        """The words in force, with where they come from. Errors: `NotPermitted`."""
        with self._database.read() as tx:
            require(tx, actor, Permission.SETTINGS_MANAGE, store_id)
            return _in_force(tx, kind, store_id)

    def set(
        self, actor: Actor, words: MailWords, store_id: int | None = None, save_id: str = ""
    ) -> MailPreview:
        """Stores own words for the organisation or one store, once they render; returns a mail of made-up facts in them.

        Errors: `InvalidInput` naming the part that cannot be rendered and why, `NotPermitted`, `NotFound` for an unknown store.
        """
        wanted = MailWords(words.kind, " ".join(words.subject.split()), _tidy(words.text), _tidy(words.html))
        shown = rendered(wanted, sample(wanted.kind))
        with self._database.write(save_id) as tx:
            require(tx, actor, Permission.SETTINGS_MANAGE, store_id)
            if store_id is not None:
                stores.require_known(tx, store_id)
            old = _in_force(tx, wanted.kind, store_id)
            record = mails.put_words(tx, wanted, store_id, actor.name)
            _tell(tx, actor, store_id, record, _changes(old, wanted), save_id)
        return MailPreview(wanted.kind, "", shown.subject, shown.text, shown.html)

    def reset(
        self, actor: Actor, kind: MailKind, store_id: int | None = None, save_id: str = ""
    ) -> MailWords:
        """Takes own words away again and returns those that hold then. Errors: `NotPermitted`."""
        with self._database.write(save_id) as tx:
            require(tx, actor, Permission.SETTINGS_MANAGE, store_id)
            old = _in_force(tx, kind, store_id)
            record = mails.remove_words(tx, kind, store_id)
            now = _in_force(tx, kind, store_id)
            if record is not None:
                _tell(tx, actor, store_id, record, _changes(old, now), save_id)
            return now


def _in_force(tx: Transaction, kind: MailKind, store_id: int | None) -> MailWords:
    return mails.own_words(tx, kind, store_id) or built_in(kind)


def _tidy(text: str) -> str:
    cleaned = clean(text, multiline=True).strip("\n")
    return f"{cleaned}\n" if cleaned.strip() else ""


def _changes(old: MailWords, new: MailWords) -> tuple[Change, ...]:
    return tuple(
        Change(f"mail_template.{new.kind}.{part}", getattr(old, part), getattr(new, part))
        for part in ("subject", "text", "html")
        if getattr(old, part) != getattr(new, part)
    )


def _tell(
    tx: Transaction,
    actor: Actor,
    store_id: int | None,
    record: int,
    changes: tuple[Change, ...],
    save_id: str,
) -> None:
    tx.publish("saved", Kind.SETTING, record)
    audit.append(
        tx,
        audit.NewEvent(
            actor, store_id or audit.ORGANISATION, Kind.SETTING, record, "mail template changed", changes, save_id=save_id
        ),
    )  # fmt: skip
