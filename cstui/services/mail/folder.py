"""A folder in place of a mail server: for the demo and for trying templates, where nobody must get a mail."""

from __future__ import annotations

import os
from pathlib import Path

from cstui.domain.ids import new_token
from cstui.services.mail.smtp import Handover, Outcome

#: How a configured host names a folder: `folder:/path`.
SCHEME = "folder:"


class FolderTransport:
    """Writes each mail as a file that only its owner reads."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender or "desk@demo.example"

    @property
    def sender(self) -> str:
        """The address that mails come from where a store has none."""
        return self._sender

    def send(self, message: bytes, sender: str, to: str) -> Outcome:
        """Writes the mail whole, or says that it waits."""
        partial = self._folder / f".{new_token()}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(message)
            partial.rename(self._folder / f"{partial.name[1:]}.eml")
        except OSError as error:
            return Outcome(Handover.LATER, error.strerror or "The folder cannot be written.")
        return Outcome(Handover.SENT)

    def close(self) -> None:
        """Nothing is open between two mails."""
