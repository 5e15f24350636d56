"""Made-up facts of every kind of mail, in the shape that templates are given: own words are tried on them before they are stored."""

from __future__ import annotations

from typing import Any, Final

from cstui.domain.mails import MailKind

Facts = dict[str, Any]
_ADDRESS: Final = ["Ann Lee", "12 Elm Street", "Albany NY 12207", "US"]
_ORDER: Final[Facts] = {
    "number": "#1001", "placed": "November 2, 2026", "subtotal": "25.50 USD", "discount": "2.00 USD", "shipping": "5.00 USD",
    "tax": "2.00 USD", "tax_included": False, "total": "30.50 USD", "billing": _ADDRESS, "delivery": _ADDRESS,
    "card": "Visa ending in 4242", "lines": [{"quantity": "2", "name": "Mug", "price": "10.00 USD", "total": "20.00 USD"}],
}  # fmt: skip
_REFUND: Final[Facts] = {
    "amount": "12.00 USD", "order": "#1001", "card": "Visa ending in 4242", "by_hand": False, "payee": "", "days": "10",
    "reference": "rf_77",
}  # fmt: skip
_SHIPMENT: Final[Facts] = {
    "order": "#1001", "is_digital": False, "carrier": "UPS", "number": "1Z999", "link": "https://www.ups.com/track?tracknum=1Z999",
    "items": [{"quantity": "2", "name": "Mug"}],
}  # fmt: skip
_LINK: Final[Facts] = {"url": "https://pay.example/p/1", "expires": "November 3, 2026, 10:00 EST"}
_FAILURE: Final[Facts] = {
    "amount": "12.00 USD", "order": "#1001", "card": "Visa ending in 4242", "asked_by": "Ann", "asked": "November 2, 2026",
    "failures": [{"at": "November 3, 2026, 10:00 EST", "said": "Not enough balance"}],
}  # fmt: skip
_DISPUTE: Final[Facts] = {
    "amount": "30.50 USD", "order": "#1001", "opened": "November 5, 2026", "card": "Visa ending in 4242", "said": "fraudulent",
    "reference": "dp_1",
}  # fmt: skip
_SUBSCRIPTION: Final[Facts] = {
    "product": "Coffee beans, 1 kg", "quantity": "1", "amount": "24.00 USD", "date": "December 2, 2026", "card": "Visa ending in 4242",
    "tone": "mild", "order": "#1002", "said": "Not enough money in the account", "resumes": "January 2, 2027",
    "ends": "December 31, 2026", "was": "22.00 USD",
}  # fmt: skip
_STOPPED: Final[Facts] = {
    "subscriptions": [{"name": "Coffee beans, 1 kg"}], "orders": [{"number": "#1001"}], "holds": [{"amount": "40.00 USD", "order": "#1002"}],
}  # fmt: skip
_OF_KIND: Final[dict[MailKind, Facts]] = {
    MailKind.ORDER_CONFIRMATION: {"order": _ORDER},
    MailKind.WELCOME: {"order": _ORDER},
    MailKind.SHIPMENT: {"shipment": _SHIPMENT},
    MailKind.REFUND: {"refund": _REFUND},
    MailKind.VOID: {"refund": _REFUND},
    MailKind.REFUND_RETURNED: {"refund": _REFUND},
    MailKind.CARD_LINK: {"link": _LINK},
    MailKind.PASSWORD: {"link": _LINK},
    MailKind.EVERYTHING_STOPPED: {"stopped": _STOPPED},
    MailKind.EMAIL_CHANGED: {"contact": {"new_address": "n…@e…"}},
    **{
        kind: {"subscription": _SUBSCRIPTION}
        for kind in MailKind
        if kind.value.startswith(("renew", "subscription_"))
    },
    MailKind.NOTIFY_REFUND_FAILED: {"refund": _FAILURE},
    MailKind.NOTIFY_REFUND_REVERSED: {"refund": _FAILURE},
    MailKind.NOTIFY_DISPUTE: {"dispute": _DISPUTE},
}


def sample(kind: MailKind) -> Facts:
    """Facts as a mail of this kind is written from."""
    return {"store": "Main", "name": "Ann Lee", "greeting": "Hello Ann Lee,", **_OF_KIND[kind]}
