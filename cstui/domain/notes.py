"""Notes: immutable words about a customer, an order or a subscription."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cstui.domain.clean import clean, find_card_number
from cstui.domain.errors import InvalidInput

#: Longest note that is stored.
LONGEST_NOTE = 10_000


class NoteSource(StrEnum):
    """Where a note came from; manual ones are told apart from system entries (CUST-08)."""

    MANUAL = "manual"
    SYSTEM = "system"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class NoteRow:
    """One note as a list shows it. `subject` names what it hangs on (`order #1001`), empty for the customer."""

    id: int
    at: datetime
    author: str
    body: str
    source: NoteSource
    subject: str = ""
    corrects_id: int | None = None


def checked_free_text(text: str, field: str = "note", longest: int = LONGEST_NOTE) -> str:
    """Free text cleaned, not empty, not too long, and without a card number in it.

    Errors: `InvalidInput`; a card number is refused with a masked preview, so that it is never stored.
    """
    body = clean(text, multiline=True, limit=longest + 1).strip()
    if not body:
        raise InvalidInput(field, "", f"The {field} is empty.", "Type it, or leave with Esc.")
    if len(body) > longest:
        raise InvalidInput(
            field, body[:40] + "…", f"The {field} is longer than {longest} signs.", "Shorten it."
        )
    masked = find_card_number(body)
    if masked:
        raise InvalidInput(
            field,
            masked,
            f"This looks like a card number: {masked}.",
            "Take the number out; the last four digits are enough.",
        )
    return body
