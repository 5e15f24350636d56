"""Password hashes: argon2id, at least 19 MiB and two passes; a hash takes tens of milliseconds, so never inside a transaction."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cstui.domain.passwords import normalised

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
_LANES: Final = 1
#: Looks like a hash with today's costs and fits no password: checking it takes as long as checking a real one.
DECOY: Final = f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}$" + "A" * 22 + "$" + "A" * 43


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)


def hashed(password: str) -> str:
    """The hash to store."""
    return _hasher().hash(normalised(password).encode("utf-8", "surrogatepass"))


def fits(password_hash: str, password: str) -> bool:
    """Whether the password belongs to the hash. An empty hash fits nothing and takes as long."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(
            password_hash or DECOY, normalised(password).encode("utf-8", "surrogatepass")
        ) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with lower costs than today's and is to be made anew at the next sign-in."""
    return _hasher().check_needs_rehash(password_hash)
