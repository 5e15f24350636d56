"""A wire between a desk and PostgreSQL that a test can cut: a Unix socket that passes bytes on to the server's own."""

from __future__ import annotations

import re
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

_SOCKET = ".s.PGSQL.5432"


class Wire:
    """Passes everything on until it is cut; `cut_at_commit` lets the next COMMIT reach the server and swallows its answer."""

    def __init__(self, url: str) -> None:
        directory = re.search(r"host=([^&]+)", url)
        assert directory is not None
        self._server = str(Path(unquote(directory[1])) / _SOCKET)
        self._folder = tempfile.TemporaryDirectory(prefix="wire")
        self.url = url.replace(directory[1], self._folder.name)
        self.is_cut = False
        self.cut_at_commit = False
        self.cut_before_commit = False
        self._open: list[socket.socket] = []
        self._ear = socket.socket(socket.AF_UNIX)
        self._ear.bind(str(Path(self._folder.name) / _SOCKET))
        self._ear.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Nothing passes any more, and whoever connects is hung up on."""
        self.is_cut = True
        _hang_up(self._open)
        self._open.clear()

    def mend(self) -> None:
        """New connections pass again."""
        self.is_cut = False

    def close(self) -> None:
        """Takes the wire away."""
        self.cut()
        self._ear.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        while True:
            try:
                desk, _ = self._ear.accept()
            except OSError:
                return
            if self.is_cut:
                desk.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            self._open += [desk, server]
            threading.Thread(target=self._pass, args=(desk, server, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, desk, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, to_server: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if to_server and b"COMMIT" in data and (self.cut_at_commit or self.cut_before_commit):
                    self._cut_here(source, target, data)
                    return
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _cut_here(self, desk: socket.socket, server: socket.socket, data: bytes) -> None:
        """Cuts at this COMMIT: behind it, once the server has it (its answer is lost), or before it."""
        reaches = self.cut_at_commit
        self.cut_at_commit = self.cut_before_commit = False
        self.is_cut = True
        others, self._open = self._open, []
        desk.shutdown(socket.SHUT_RDWR)
        if reaches:
            server.sendall(data)
            server.shutdown(socket.SHUT_WR)
            threading.Event().wait(0.2)
        # Whoever mended the wire meanwhile keeps what was connected since.
        _hang_up(others)


def _hang_up(ends: list[socket.socket]) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
