"""The hot read of a kept sign-in: one query from token hash to the person and the grants. Loads no SQLAlchemy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cstui.domain.actor import Grant
from cstui.domain.permissions import Role
from cstui.storage.reader import Reader, instant, instant_of

_SQL = """
SELECT s.id, s.staff_id, s.expires_at, s.ended_at, p.name, p.display_name, p.disabled_at, p.must_change_password, p.zone, p.locale,
       CURRENT_TIMESTAMP, g.role, g.store_id
FROM sign_in_session s JOIN staff p ON p.id = s.staff_id LEFT JOIN staff_grant g ON g.staff_id = s.staff_id
WHERE s.token_hash = :token_hash
ORDER BY g.id
LIMIT 1000
"""


@dataclass(frozen=True, slots=True)
class KeptSignIn:
    """A session as stored, with the grants of this moment. `is_over`: ended or past its time by the database's clock."""

    session_id: int
    staff_id: int
    name: str
    expires_at: datetime
    is_over: bool
    is_disabled: bool
    must_change_password: bool
    zone: str
    locale: str
    grants: tuple[Grant, ...]


def kept_sign_in(reader: Reader, token_hash: str) -> KeptSignIn | None:
    """The session with this token hash; None where there is none. Errors: `DatabaseAway`."""
    rows = reader.rows(_SQL, {"token_hash": token_hash})
    if not rows:
        return None
    (
        session_id,
        staff_id,
        expires_at,
        ended_at,
        name,
        display_name,
        disabled_at,
        must_change,
        zone,
        locale,
        now,
    ) = rows[0][:11]
    expires = instant_of(expires_at)
    return KeptSignIn(
        session_id, staff_id, display_name or name, expires,
        is_over=instant(ended_at) is not None or expires <= instant_of(now),
        is_disabled=disabled_at is not None,
        must_change_password=bool(must_change),
        zone=zone, locale=locale,
        grants=tuple(Grant(Role(row[11]), row[12]) for row in rows if row[11] is not None),
    )  # fmt: skip
