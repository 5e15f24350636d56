"""What binds the business: every setting with its type, default, range and meaning.

Values lie in the database, for the organisation with an override per store where the setting allows one. What belongs to a
machine or a person stands in the configuration file instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cstui.domain.errors import InvalidInput, UsageError
from cstui.domain.money import minor_from_plain

SettingValue = int | bool | str
_YES = frozenset({"yes", "true", "on", "1"})
_NO = frozenset({"no", "false", "off", "0"})
_MOST_DAYS = 12


class ValueType(StrEnum):
    """How a value is written."""

    WHOLE = "whole number"
    YES_NO = "yes or no"
    CHOICE = "choice"
    AMOUNT = "amount"
    EMAIL = "e-mail address"
    DAYS = "list of days"


class Origin(StrEnum):
    """Where the value in force comes from."""

    DEFAULT = "default"
    ORGANISATION = "organisation"
    STORE = "store"


class UnknownSetting(UsageError):
    """No setting has this key. `suggestion` is the nearest one, empty where none is near."""

    code = "unknown_setting"
    title = "No such setting"

    def __init__(self, key: str, suggestion: str = "") -> None:
        advice = f"Did you mean {suggestion}?" if suggestion else "“cstui settings get” lists them all."
        super().__init__(f"There is no setting “{key}”.", advice, key=key, suggestion=suggestion)
        self.key = key
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class BusinessSetting:
    """One setting. `lowest` and `highest` bound whole numbers; `unit` is what they count."""

    key: str
    type: ValueType
    default: SettingValue
    explanation: str
    per_store: bool = False
    unit: str = ""
    lowest: int = 0
    highest: int = 0
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What may be typed, in words: `30 to 3600 seconds`."""
        if self.type is ValueType.WHOLE:
            return f"{self.lowest} to {self.highest} {self.unit}".strip()
        if self.type is ValueType.YES_NO:
            return "yes or no"
        if self.type is ValueType.CHOICE:
            return " or ".join(self.choices)
        if self.type is ValueType.EMAIL:
            return "an e-mail address, or none"
        if self.type is ValueType.DAYS:
            return f"up to {_MOST_DAYS} gaps of 1 to 60 days such as 2, 3, 5, 7, or none"
        return "an amount such as 250.00, or none"

    def read(self, text: str) -> SettingValue:
        """The value that a typed text stands for.

        Errors: `InvalidInput` naming the key, what was typed and what is allowed.
        """
        typed = text.strip().casefold()
        if self.type is ValueType.YES_NO and typed in _YES | _NO:
            return typed in _YES
        if self.type is ValueType.CHOICE and typed in self.choices:
            return typed
        if (
            self.type is ValueType.WHOLE
            and typed.isascii()
            and typed.removeprefix("-").isdigit()
            and len(typed) < 12
        ):
            return self.checked(int(typed))
        if self.type is ValueType.AMOUNT:
            return self.checked("" if typed in ("", "none") else typed)
        if self.type is ValueType.EMAIL:
            return self.checked("" if typed in ("", "none") else text.strip())
        if self.type is ValueType.DAYS:
            typed = "" if typed == "none" else typed
            return self.checked(", ".join(typed.replace(",", " ").replace(";", " ").split()))
        raise self._refused(text)

    def checked(self, value: SettingValue) -> SettingValue:
        """The same value where it has the right type and range.

        Errors: `InvalidInput`.
        """
        if self.type is ValueType.YES_NO and isinstance(value, bool):
            return value
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if self.type is ValueType.WHOLE and is_whole and self.lowest <= int(value) <= self.highest:
            return value
        if self.type is ValueType.CHOICE and isinstance(value, str) and value in self.choices:
            return value
        if self.type is ValueType.AMOUNT and isinstance(value, str) and self._is_amount(value):
            return value
        if self.type is ValueType.EMAIL and isinstance(value, str) and _is_email(value):
            return value
        if self.type is ValueType.DAYS and isinstance(value, str) and _are_days(value):
            return value
        raise self._refused(self.as_text(value))

    def as_text(self, value: SettingValue) -> str:
        """A value as it is typed and shown: `yes`, `120`, `supervisor`, `none`."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if self.type in (ValueType.AMOUNT, ValueType.EMAIL, ValueType.DAYS) and value == "":
            return "none"
        return str(value)

    def _is_amount(self, text: str) -> bool:
        if not text:
            return True
        try:
            # Three decimals is the most that a currency has; each store's own currency is checked where the amount is used.
            return minor_from_plain(text, "KWD", self.key) >= 0
        except InvalidInput:
            return False

    def _refused(self, shown: str) -> InvalidInput:
        return InvalidInput(self.key, shown, f"{self.key} cannot be “{shown}”.", f"Allowed: {self.allowed}.")


def _are_days(text: str) -> bool:
    parts = text.split(", ") if text else []
    return len(parts) <= _MOST_DAYS and all(
        part.isascii() and part.isdigit() and len(part) < 3 and 1 <= int(part) <= 60 for part in parts
    )


def days_of(text: str) -> tuple[int, ...]:
    """The gaps that a list of days stands for."""
    return tuple(int(part) for part in text.split(", ")) if text else ()


def _is_email(text: str) -> bool:
    # Customers bring orders and all that with them, which the first screen does not need.
    from cstui.domain.customers import checked_email

    try:
        return checked_email(text) == text
    except InvalidInput:
        return False


def _whole(
    key: str, default: int, low: int, high: int, unit: str, words: str, *, per_store: bool = False
) -> BusinessSetting:
    return BusinessSetting(key, ValueType.WHOLE, default, words, per_store, unit, low, high)


def _yes_no(key: str, default: bool, words: str, *, per_store: bool = False) -> BusinessSetting:
    return BusinessSetting(key, ValueType.YES_NO, default, words, per_store)


_ALL = (
    _whole("locking.lease", 120, 30, 3600, "seconds",
           "How long an edit lock lives without a sign of life from its desk; after that it shows as stale.", per_store=True),
    _whole("locking.heartbeat", 15, 5, 300, "seconds",
           "How often a desk renews its edit locks; at most half of locking.lease.", per_store=True),
    _whole("locking.idle_release", 0, 0, 86400, "seconds",
           "After how long without a key an edit lock is given back and the typed text kept as a draft; 0 never.", per_store=True),
    _whole("locking.idle_warning", 300, 30, 86400, "seconds",
           "After how long without a key the holder of an edit lock is reminded of it.", per_store=True),
    BusinessSetting("locking.stale_takeover", ValueType.CHOICE, "supervisor",
                    "Who may take an edit lock whose desk has gone: supervisors only, or every agent.",
                    per_store=True, choices=("supervisor", "agent")),
    _whole("locking.longest_hold", 0, 0, 86400, "seconds",
           "How long one edit lock may be held at all; 0 means without limit.", per_store=True),
    _yes_no("search.strict", False,
            "Whether finding a customer needs two identifiers and shows exact matches only."),
    _yes_no("search.recent", True, "Whether the search screen lists the customers opened last."),
    _yes_no("verify.required", False,
            "Whether a caller must be verified before address, e-mail, card or money changes.", per_store=True),
    _whole("sign_in.failures", 10, 3, 100, "tries",
           "How many wrong passwords in a row lock an account for a while."),
    _whole("sign_in.lockout_minutes", 30, 1, 1440, "minutes", "How long such an account stays locked."),
    _whole("session.hours", 12, 1, 72, "hours", "How long a sign-in lasts."),
    _whole("session.idle_minutes", 10, 1, 60, "minutes",
           "After how long without a key the desk hides everything and asks for the password."),
    _whole("drafts.days", 7, 1, 365, "days", "How long typed but unsaved text is kept."),
    _whole("orders.page_size", 50, 10, 200, "rows", "How many rows a list of orders or customers shows at a time."),
    _whole("billing.wait_for_edit", 15, 0, 240, "minutes",
           "How long a due subscription waits for somebody who is editing it.", per_store=True),
    BusinessSetting("billing.retry_days", ValueType.DAYS, "2, 3, 5, 7",
                    "After how many days each a declined renewal is tried again, counted from the try before.", per_store=True),
    _whole("billing.final_notice_days", 10, 0, 60, "days",
           "After how many days without success the last notice is mailed and billing stops, counted from the last try.", per_store=True),
    _yes_no("billing.cancel_when_exhausted", False,
            "Whether a subscription is cancelled once its payments have failed for good; otherwise it stops and can be billed again.",
            per_store=True),
    _whole("billing.remind_days", 3, 0, 30, "days",
           "How many days before a renewal its customer is told by mail; 0 means never.", per_store=True),
    _whole("billing.retry_percent_off", 0, 0, 90, "percent",
           "By how much each try of a declined renewal is cheaper than the one before, of the price of the goods.", per_store=True),
    BusinessSetting("billing.retry_lowest", ValueType.AMOUNT, "",
                    "The least that such a try costs, in the store's currency; none means no least amount.", per_store=True),
    _yes_no("billing.retry_price_stays", False,
            "Whether a price that was reduced for a try stays once it was paid.", per_store=True),
    _whole("billing.agent_tries_per_day", 1, 1, 10, "tries",
           "How often agents may charge a card in a day, once it was declined; counted over all its subscriptions and orders.",
           per_store=True),
    _whole("billing.agent_tries_per_month", 4, 1, 15, "tries",
           "How often agents may charge a card in 30 days, once it was declined.", per_store=True),
    _whole("billing.card_declines_per_day", 8, 1, 10, "declines",
           "After how many declines in a day a card is left alone; the card networks fine more than 10.", per_store=True),
    _whole("billing.card_declines_per_month", 15, 1, 20, "declines",
           "After how many declines in 30 days a card is left alone; the card networks fine more than 20.", per_store=True),
    _whole("money.undo_seconds", 10, 0, 60, "seconds",
           "How long a charge or refund can be taken back before it is sent.", per_store=True),
    _whole("refund.retries", 3, 0, 30, "tries", "How often a refund that failed is tried again, once a day.", per_store=True),
    _whole("refund.retry_hours", 24, 1, 168, "hours", "How long the refund queue waits between two tries.", per_store=True),
    _whole("refund.fee_percent", 0, 0, 100, "percent",
           "The restocking fee, of the price of the goods that are given back; f in the refund panel keeps it back.", per_store=True),
    BusinessSetting("refund.fee_amount", ValueType.AMOUNT, "",
                    "The restocking fee as a fixed amount in the store's currency, where no percentage is set.", per_store=True),
    _yes_no("refund.external_by_agents", False,
            "Whether agents may record refunds that were made elsewhere or by hand; otherwise supervisors only.", per_store=True),
    BusinessSetting("refund.approval_limit", ValueType.AMOUNT, "",
                    "Refunds by agents above this amount, in the store's currency, wait for a supervisor; none means no limit.",
                    per_store=True),
    BusinessSetting("mail.sender", ValueType.EMAIL, "",
                    "The address that a store's mails come from; none means the one in the configuration of the sending machine.",
                    per_store=True),
    _whole("mail.resends_per_hour", 3, 1, 60, "times", "How often one mail may be sent again within an hour.", per_store=True),
    _whole("mail.refund_days", 10, 1, 60, "days",
           "Within how many days a refund shows on a statement, as mails to customers say.", per_store=True),
)  # fmt: skip

#: Every setting by its key, in the order in which they are listed.
REGISTRY: Mapping[str, BusinessSetting] = MappingProxyType({setting.key: setting for setting in _ALL})


def setting_of(key: str) -> BusinessSetting:
    """The setting with this key.

    Errors: `UnknownSetting` with the nearest key.
    """
    found = REGISTRY.get(key.strip())
    if found is not None:
        return found
    from difflib import get_close_matches

    near = get_close_matches(key.strip().casefold().replace("-", "_"), list(REGISTRY), n=1, cutoff=0.6)
    raise UnknownSetting(key, near[0] if near else "")


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as it stands: value in force, where it comes from, and what it means."""

    key: str
    value: SettingValue
    shown: str
    origin: Origin
    default: str
    allowed: str
    explanation: str
    per_store: bool


def why_together_refused(values: Mapping[str, SettingValue]) -> InvalidInput | None:
    """Why settings that are each allowed cannot hold together; None where they can. Missing ones count as their default."""

    def whole(key: str) -> int:
        return int(values.get(key, REGISTRY[key].default))

    lease, heartbeat = whole("locking.lease"), whole("locking.heartbeat")
    if heartbeat * 2 > lease:
        return InvalidInput(
            "locking.heartbeat", str(heartbeat),
            f"A heartbeat of {heartbeat} s cannot keep a lease of {lease} s alive.",
            "Keep locking.heartbeat at half of locking.lease or less.",
        )  # fmt: skip
    release, warning = whole("locking.idle_release"), whole("locking.idle_warning")
    if release and release <= warning:
        return InvalidInput(
            "locking.idle_release", str(release),
            f"A lock given back after {release} s is never warned about first: the warning comes after {warning} s.",
            "Keep locking.idle_release above locking.idle_warning, or set it to 0.",
        )  # fmt: skip
    return None


def settings_markdown(settings: Iterable[BusinessSetting] = _ALL) -> str:
    """The table of all settings for the operators' handbook."""
    lines = ["| key | default | allowed | per store | what it does |", "|---|---|---|---|---|"]
    lines += [
        f"| `{s.key}` | {s.as_text(s.default)} | {s.allowed} | {'yes' if s.per_store else 'no'} | {s.explanation} |"
        for s in settings
    ]
    return "\n".join(lines) + "\n"
