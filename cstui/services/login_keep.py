"""Where `cstui login` keeps the session token: the system keyring, else a private file of this person on this machine."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from cstui.domain.errors import CstuiError
from cstui.services.secrets import (
    drop_from_keyring,
    in_keyring,
    keep_in_keyring,
    read_private,
    write_private,
)
from cstui.storage.url import DatabaseUrl


class LoginKeep:
    """One kept sign-in per database, so that a token is never shown to another database than its own."""

    def __init__(self, state_dir: Path, database: DatabaseUrl) -> None:
        place = str(database.path.absolute()) if database.path is not None else database.shown
        mark = hashlib.sha256(place.encode()).hexdigest()[:16]
        self._name = f"login-{mark}"
        self._file = state_dir / f"login-{mark}"
        # Loading a keyring takes as long as opening the desk: it is asked only where this says that it has something.
        self._marker = state_dir / f"login-{mark}.keyring"

    def keep(self, token: str) -> str:
        """Keeps the token and says where: `system keyring`, or the path of the file.

        Errors: `CstuiError` where neither can be written.
        """
        if keep_in_keyring(self._name, token):
            with contextlib.suppress(OSError):
                write_private(self._marker, "The sign-in is kept in the system keyring.")
                self._file.unlink(missing_ok=True)
                return "system keyring"
            drop_from_keyring(self._name)
        try:
            write_private(self._file, token)
        except OSError as error:
            raise CstuiError(
                f"The sign-in cannot be kept in {self._file}: {(error.strerror or 'unknown fault').lower()}.",
                "Check that folder, or set [paths] state in the configuration.",
            ) from None
        return str(self._file)

    def kept(self) -> str:
        """The kept token; empty where none is kept.

        Errors: `SecretMissing` where the file is readable by others.
        """
        if self._file.exists():
            return read_private(self._file)
        return (in_keyring(self._name) or "") if self._marker.exists() else ""

    def forget(self) -> None:
        """Forgets the kept token, wherever it is."""
        for kept in (self._file, self._marker):
            with contextlib.suppress(OSError):
                kept.unlink()
        drop_from_keyring(self._name)
