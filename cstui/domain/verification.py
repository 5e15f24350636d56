"""What a caller must be verified for, and the refusal while he is not (D-11)."""

from __future__ import annotations

from cstui.domain.clean import clean
from cstui.domain.customers import VERIFY_TOKENS
from cstui.domain.errors import CstuiError, Exit, InvalidInput

#: Minutes after the first tick until a verification no longer counts, whether or not the call was closed.
VERIFIED_FOR_MINUTES = 60
#: What can be guarded, with what the refusal calls it.
GUARDED: dict[str, str] = {
    "address": "an address is changed",
    "email": "the e-mail is changed",
    "card": "a card is changed",
    "money": "money moves",
}


class NotVerified(CstuiError):
    """The caller has not been verified by two tokens yet. `what` is one of `GUARDED`."""

    code = "not_verified"
    title = "Verify the caller first"
    exit_code = Exit.NOT_PERMITTED

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The caller must be verified before {GUARDED.get(what, 'this')}.",
            "Tick two of: " + ", ".join(VERIFY_TOKENS.values()) + ".",
            what=what,
        )
        self.what = what


def is_guarded(setting: object, what: str) -> bool:
    """Whether the value of `verify.required` covers `what`: yes for all, or a list such as `address,email`."""
    if isinstance(setting, str):
        return what in {part.strip() for part in setting.split(",")}
    return bool(setting)


def checked_token(token: str) -> str:
    """The token where it is one that a caller can be asked for. Errors: `InvalidInput`."""
    if token not in VERIFY_TOKENS:
        raise InvalidInput(
            "token",
            token,
            f"“{clean(token, limit=40)}” is nothing that a caller is verified by.",
            "Use one of: " + ", ".join(VERIFY_TOKENS) + ".",
        )
    return token
