"""The fake NMI's Customer Vault: cards under a customer's id, each with an entry of its own, never a customer without a card."""

from __future__ import annotations

from tests.fakes.nmi_books import Card, Refused, approved

Vaults = dict[str, dict[str, Card]]


def may_keep(vaults: Vaults, form: dict[str, str], action: str) -> None:
    vault, billing = form.get("customer_vault_id", ""), form.get("billing_id", "")
    if len(billing) > 32:
        raise Refused("Billing Id is too long")
    if action == "add_customer" and vault in vaults:
        raise Refused("Duplicate Customer Vault Id")
    if action == "add_billing" and vault not in vaults:
        raise Refused("Invalid Customer Vault Id")
    if action == "add_billing" and billing in vaults[vault]:
        raise Refused("Duplicate Billing Id")


def keep(vaults: Vaults, form: dict[str, str], action: str, card: Card, number: int) -> dict[str, str]:
    """Keeps a card under the ids of the form, or under `number` where it names none."""
    vault = form.get("customer_vault_id") or str(number)
    held = vaults.setdefault(vault, {})
    held[form.get("billing_id") or str(number)] = Card(card.number, card.expiry, card.holder, len(held) + 1)
    text = "Customer Added" if action == "add_customer" else "Billing Added"
    return {**approved(text, "", ""), "customer_vault_id": vault}


def remove(vaults: Vaults, form: dict[str, str], action: str) -> dict[str, str]:
    vault = form.get("customer_vault_id", "")
    if vault not in vaults:
        raise Refused("Invalid Customer Vault Id Specified")
    if action == "delete_customer":
        del vaults[vault]
        return {**approved("Customer Deleted", "", ""), "customer_vault_id": vault}
    if form.get("billing_id", "") not in vaults[vault]:
        raise Refused("Invalid Billing Id")
    if len(vaults[vault]) == 1:
        raise Refused("Customer Vault must have at least one billing")
    del vaults[vault][form["billing_id"]]
    return {**approved("Billing Deleted", "", ""), "customer_vault_id": vault}
