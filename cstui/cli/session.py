"""What one command works with: the configuration, the desk's services, who acts, and where the answer goes."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cstui.cli.printing import Printer
from cstui.domain.errors import NotSignedIn

if TYPE_CHECKING:
    from cstui.bootstrap import Desk
    from cstui.cli.main import Everywhere
    from cstui.config import Config
    from cstui.domain.actor import Actor
    from cstui.services.login_keep import LoginKeep


class Session:
    """Made for each command; every part is loaded when a command first needs it."""

    def __init__(self, everywhere: Everywhere) -> None:
        self.everywhere = everywhere
        self.printer = Printer(everywhere.json_wanted)

    @cached_property
    def config(self) -> Config:
        """The configuration in force."""
        from cstui.config import load

        return load(self.everywhere.config or None, self.everywhere.database or None)

    @cached_property
    def desk(self) -> Desk:
        """The services on the configured database, whose schema is current."""
        self.bare_desk.schema.check()
        return self.bare_desk

    @cached_property
    def bare_desk(self) -> Desk:
        """The services without a look at the schema: for making and upgrading it."""
        from cstui.services.schema import require_driver

        require_driver(self.config.database.is_sqlite)
        return _desk_on(self.config.database.text)

    @property
    def data_folder(self) -> Path:
        """The user's own data folder: where the demo's file lies."""
        from cstui.config import default_database

        return default_database().parent

    @cached_property
    def login(self) -> LoginKeep:
        """The kept sign-in of this person on this machine."""
        from cstui.services.login_keep import LoginKeep

        return LoginKeep(self.config.state_dir, self.config.database)

    @cached_property
    def actor(self) -> Actor:
        """Who acts: `--as NAME` with the password from `CSTUI_PASSWORD`, else the kept login.

        Errors: `NotSignedIn` with what to do.
        """
        from cstui.services.sign_in import terminal_name

        desk = self.desk
        if self.everywhere.acting_as:
            password = os.environ.get("CSTUI_PASSWORD", "")
            if not password:
                raise NotSignedIn(
                    "--as needs the password in CSTUI_PASSWORD.",
                    "Set it for this command, or run “cstui login”.",
                )
            signed_in = desk.sign_in.sign_in(self.everywhere.acting_as, password, terminal_name())
            if signed_in.must_change_password:
                raise NotSignedIn(
                    "This password was given for one sign-in and must be changed first.",
                    f"Run “cstui login {self.everywhere.acting_as}” and choose your own.",
                )
            return signed_in.actor
        token = self.login.kept()
        if not token:
            raise NotSignedIn(
                "Nobody is signed in here.",
                "Run “cstui login NAME”, or add --as NAME with CSTUI_PASSWORD set.",
            )
        return desk.sign_in.resume(token, terminal_name())

    def store_id(self, code: str | None) -> int | None:
        """The key of a store by its code; None for none. Errors: `NotFound`."""
        return self.desk.stores.by_code(self.actor, code).id if code else None

    def close(self) -> None:
        """Closes what was opened."""
        if "bare_desk" in self.__dict__:
            self.bare_desk.close()


def _desk_on(url: str) -> Desk:
    from cstui.bootstrap import Desk

    return Desk(url)
