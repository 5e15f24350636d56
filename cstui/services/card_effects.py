"""What an answer about a card changes here: the card is taken on file, or off it; each answer counts once (W31, W32)."""

from __future__ import annotations

import json
from typing import Any

from cstui.domain.actor import Actor, system_actor
from cstui.domain.audit import Change
from cstui.domain.card_desk import card_name
from cstui.domain.gateways import Answer, KeptCard
from cstui.domain.ids import Kind
from cstui.storage.queries import attempts, audit, cards, search_index
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Transaction

_WORKER = "worker"


def adopt(tx: Transaction, attempt: Any, answer: Answer) -> int:
    """Takes a card on file that a gateway has kept, by what the attempt named it; returns its key. A second time it changes nothing."""
    wanted = facts_of(attempt)
    kept = answer.card or KeptCard("")
    card_id = _keep(
        tx,
        {
            "customer_id": attempt.customer_id, "gateway": attempt.gateway, "account": attempt.account, "is_test": bool(attempt.is_test),
            "vault_ref": kept.vault or wanted.get("vault", ""),
            "billing_ref": kept.billing or wanted.get("billing", ""),
            "brand": kept.brand or wanted.get("brand", ""), "last4": kept.last4 or wanted.get("last4", ""),
            # Where the gateway kept another card under these names, our own facts of it are another's.
            "bin6": wanted.get("bin6", "") if kept.last4 in ("", wanted.get("last4", "")) else "",
            "expiry_month": kept.expiry_month or int(wanted.get("month", 0)),
            "expiry_year": kept.expiry_year or int(wanted.get("year", 0)),
            "holder_name": wanted.get("holder", ""),
        },
        is_default=bool(wanted.get("default")), by=attempt.requested_by, terminal=attempt.terminal, how="typed",
    )  # fmt: skip
    attempts.change(tx, attempt.id, card_id=card_id)
    return card_id


def adopt_from_link(tx: Transaction, link: Any, kept: KeptCard, is_test: bool) -> int:
    """Takes a card on file that the customer typed on a page of the gateway's; returns its key."""
    return _keep(
        tx,
        {
            "customer_id": link.customer_id, "gateway": link.gateway, "account": link.account, "is_test": is_test,
            "vault_ref": kept.vault, "billing_ref": kept.billing, "brand": kept.brand, "last4": kept.last4, "bin6": "",
            "expiry_month": kept.expiry_month, "expiry_year": kept.expiry_year, "holder_name": "",
        },
        is_default=False, by=link.requested_by, terminal="", how="card link",
    )  # fmt: skip


def forget(tx: Transaction, attempt: Any) -> None:
    """Takes a card off the file that its gateway no longer keeps. A second time it changes nothing."""
    card = cards.read(tx, attempt.card_id) if attempt.card_id is not None else None
    if card is None or card.removed_at is not None:
        return
    cards.change(tx, card.id, removed_at=tx.now, is_default=False)
    change = Change(f"cards.{card.id}", card_name(card.brand, card.last4), "")
    _tell(tx, card.customer_id, _by(attempt.requested_by, attempt.terminal), "card removed", (change,), "")


def declined(tx: Transaction, card_id: int | None) -> None:
    """Marks a card whose charge an issuer declined (CARD-02)."""
    if card_id is not None:
        cards.change(tx, card_id, failed_before=True)


def facts_of(attempt: Any) -> dict[str, Any]:
    """What an attempt says of the card that it is about: names in the vault, brand, last four, expiry; never more."""
    found: Any = json.loads(attempt.payload or "{}")
    return found if isinstance(found, dict) else {}


def _keep(
    tx: Transaction, facts: dict[str, Any], *, is_default: bool, by: str, terminal: str, how: str
) -> int:
    before = cards.named(tx, facts["gateway"], facts["account"], facts["vault_ref"], facts["billing_ref"])
    if before is not None and before.removed_at is None:
        return int(before.id)
    if before is not None:
        cards.change(tx, before.id, **{**facts, "removed_at": None})
        card_id = int(before.id)
    else:
        card_id = cards.add(tx, **facts, is_default=False)
    customer_id = facts["customer_id"]
    others = [card for card in cards.live(tx, customer_id) if card.id != card_id]
    if is_default or not any(card.is_default for card in others):
        cards.set_default(tx, customer_id, card_id)
    expiry = f"{facts['expiry_month']:02d}/{facts['expiry_year'] % 100:02d}" if facts["expiry_year"] else ""
    said = f"{card_name(facts['brand'], facts['last4'])} {expiry}".strip()
    change = Change(f"cards.{card_id}", "", said)
    _tell(tx, customer_id, _by(by, terminal), "card added", (change,), how)
    return card_id


def _by(name: str, terminal: str) -> Actor:
    return system_actor(name or _WORKER, terminal or _WORKER)


def _tell(
    tx: Transaction, customer_id: int, actor: Actor, action: str, changes: tuple[Change, ...], reason: str
) -> None:
    search_index.index_customer(tx, customer_id)
    tx.publish("payment", Kind.CUSTOMER, customer_id)
    audit.append(
        tx,
        NewEvent(
            actor, audit.ORGANISATION, Kind.CUSTOMER, customer_id, action, changes, reason, customer_id=customer_id
        ),
    )  # fmt: skip
