"""A folder in place of a mail server."""

from __future__ import annotations

import stat
from pathlib import Path

from cstui.services.mail.folder import FolderTransport
from cstui.services.mail.smtp import Handover


def test_each_mail_is_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    transport = FolderTransport(tmp_path / "mails", "desk@example.com")
    assert (
        transport.send(b"Subject: one\r\n\r\nHello", "desk@example.com", "ann@example.com").result
        is Handover.SENT
    )
    assert (
        transport.send(b"Subject: two\r\n\r\nHello", "desk@example.com", "ann@example.com").result
        is Handover.SENT
    )
    files = sorted((tmp_path / "mails").iterdir())
    assert [file.suffix for file in files] == [".eml", ".eml"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_folder_that_cannot_be_written_lets_the_mail_wait(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    outcome = FolderTransport(blocked, "").send(b"x", "a@example.com", "b@example.com")
    assert outcome.result is Handover.LATER and outcome.said
