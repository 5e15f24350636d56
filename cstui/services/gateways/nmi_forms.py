"""What is posted to NMI for each operation, without the account's key; and what is not posted at all, because NMI would take it wrongly."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from cstui.domain.cards import TypedCard
from cstui.domain.gateways import Account, Answer, Ask, Capabilities, CardRef, Operation, Why
from cstui.services.gateways.base import GatewayMisconfigured
from cstui.services.gateways.nmi_answers import BY_KEY, rejected
from cstui.services.gateways.nmi_findings import TYPES
from cstui.services.gateways.nmi_replies import amount_text

_LONGEST_DUPLICATE_SECONDS = 7_862_400
_ON_A_CARD = (Operation.SALE, Operation.AUTHORISE, Operation.CREDIT, Operation.VERIFY)
_ON_A_CHARGE = (Operation.CAPTURE, Operation.VOID, Operation.REFUND)
_WITHOUT_AMOUNT = (Operation.VERIFY, Operation.VOID)


def check_options(account: Account) -> None:
    """Passes where NMI would take the account's options. Errors: `GatewayMisconfigured`."""
    seconds = account.options.get("dup_seconds", "")
    if seconds and not (seconds.isdecimal() and int(seconds) <= _LONGEST_DUPLICATE_SECONDS):
        raise GatewayMisconfigured(
            f"dup_seconds of NMI account {account.name} is no number of seconds.",
            f"Write 0 to {_LONGEST_DUPLICATE_SECONDS}, or leave it out.",
        )
    if not re.fullmatch(r"\d{0,2}", account.options.get("ver", "")):
        raise GatewayMisconfigured(f"ver of NMI account {account.name} is no version.", "Leave it out.")


def unfit(ask: Ask, can: Capabilities) -> Answer | None:
    """Why this must not be sent; None where it may. An amount of nothing would refund everything, and one that is rounded another sum."""
    if not re.fullmatch(r"[A-Za-z0-9]{1,32}", ask.key):
        return rejected(Why.OTHER, "The attempt's key is none that NMI keeps.")
    if ask.operation is Operation.CREDIT and not can.credits:
        return rejected(Why.ACCOUNT, "This account pays nothing to a card that was not charged.")
    if ask.operation not in _WITHOUT_AMOUNT:
        if ask.amount.minor <= 0:
            return rejected(Why.OTHER, "There is no amount to move.")
        if amount_text(ask.amount) is None:
            return rejected(Why.ACCOUNT, f"NMI does not take {ask.amount.plain()} {ask.amount.currency}.")
    if ask.operation in _ON_A_CHARGE and not re.fullmatch(r"[A-Za-z0-9-]{1,40}", ask.target):
        return rejected(Why.NO_SUCH_RECORD, "The charge has no number at NMI.")
    has_card = ask.card is not None and bool(ask.card.vault)
    if ask.operation in _ON_A_CARD and not has_card and not ask.token:
        return rejected(Why.CARD_DATA, "There is no card to charge.")
    return None


def form_of(ask: Ask, account: Account) -> dict[str, str]:
    """The fields of one money call. A stored card goes by its names in the vault, never with a code."""
    form = {"type": TYPES[ask.operation]}
    if ask.operation in BY_KEY:
        form["orderid"] = ask.key
    if ask.operation not in _WITHOUT_AMOUNT:
        form |= {"amount": amount_text(ask.amount) or "", "currency": ask.amount.currency}
    if ask.operation in _ON_A_CHARGE:
        return {**form, "transactionid": ask.target}
    form |= _of_account(account) | _instrument(ask) | _of_customer(ask)
    if ask.operation is not Operation.CREDIT:
        form |= _stored_credential(ask)
    return _filled(form)


def form_of_new_card(ask: Ask, card: TypedCard | None, account: Account, *, is_first: bool) -> dict[str, str]:
    """The fields that check a card with its issuer and vault it under the ids in `ask.card`, in one call."""
    assert ask.card is not None
    form = {
        "type": "validate",
        "customer_vault": "add_customer" if is_first else "add_billing",
        "customer_vault_id": ask.card.vault,
        "billing_id": ask.card.billing,
        "orderid": ask.key,
        "initiated_by": "customer",
        "stored_credential_indicator": "stored",
    }
    form |= _of_account(account)
    if card is None:
        form["payment_token"] = ask.token
    else:
        form |= {
            "ccnumber": card.number,
            "ccexp": f"{card.expiry_month:02d}{card.expiry_year % 100:02d}",
            "cvv": card.code,
        }
    return _filled(form | _of_customer(ask, card))


def form_of_removal(card: CardRef, *, is_last: bool) -> dict[str, str]:
    """The fields that remove a card; the vault keeps no customer without a card, so the last one takes its customer along."""
    if is_last:
        return {"customer_vault": "delete_customer", "customer_vault_id": card.vault}
    return {
        "customer_vault": "delete_billing",
        "customer_vault_id": card.vault,
        "billing_id": card.billing,
    }


def refunds_of_card(vault: str, since: datetime) -> dict[str, str]:
    """The fields that ask for a card's refunds since an instant, with time for a clock that goes slow."""
    start = since - timedelta(minutes=5)
    return {
        "customer_vault_id": vault,
        "action_type": "refund",
        "start_date": start.strftime("%Y%m%d%H%M%S"),
    }


def _of_account(account: Account) -> dict[str, str]:
    return {name: account.options.get(name, "") for name in ("processor_id", "dup_seconds")}


def _instrument(ask: Ask) -> dict[str, str]:
    if ask.card is not None and ask.card.vault:
        return {"customer_vault_id": ask.card.vault, "billing_id": ask.card.billing}
    return {"payment_token": ask.token}


def _stored_credential(ask: Ask) -> dict[str, str]:
    """Who asks for the charge of a stored card: card networks want it said."""
    if ask.card is None or not ask.card.vault:
        return {}
    return {
        "initiated_by": "merchant" if ask.initiated_by_merchant else "customer",
        "stored_credential_indicator": "used",
        "initial_transaction_id": ask.first_ref if ask.initiated_by_merchant else "",
    }


def _of_customer(ask: Ask, card: TypedCard | None = None) -> dict[str, str]:
    """Order, contact and billing address, as far as they are known."""
    form = {
        "ponumber": ask.order,
        "order_description": (ask.description or (f"Order {ask.order}" if ask.order else ""))[:255],
        "email": ask.email,
        "phone": ask.phone,
    }
    holder = ask.holder or (card.holder if card is not None else "")
    first, _, last = holder.strip().rpartition(" ")
    form |= {"first_name": first or last, "last_name": last if first else ""}
    if card is not None:
        form["zip"] = card.postcode
    address = ask.address
    if address is not None:
        form |= {
            "company": address.company,
            "address1": address.line1,
            "address2": address.line2,
            "city": address.city,
            "state": address.region,
            "zip": form.get("zip") or address.postcode,
            "country": address.country,
        }
        if not holder:
            form |= {"first_name": address.first_name, "last_name": address.last_name}
    return form


def _filled(form: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in form.items() if value}
