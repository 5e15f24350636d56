"""What only the person at the terminal knows: names and passwords; from the environment for scripts. Never echoed, never kept."""

from __future__ import annotations

import os
import sys

from cstui.domain.errors import InvalidInput, UsageError


def given_password() -> str:
    """The password of `CSTUI_PASSWORD`; empty where it is not set."""
    return os.environ.get("CSTUI_PASSWORD", "")


def given_new_password() -> str:
    """The password of `CSTUI_NEW_PASSWORD`; empty where it is not set."""
    return os.environ.get("CSTUI_NEW_PASSWORD", "")


def can_ask() -> bool:
    """Whether somebody sits at the other end."""
    return sys.stdin is not None and sys.stdin.isatty()


def asked_name(question: str, advice: str) -> str:
    """A typed name. Errors: `UsageError` with the advice where nobody can be asked."""
    if not can_ask():
        raise UsageError("There is nobody to ask for a name.", advice)
    print(question, end="", file=sys.stderr, flush=True)
    return input().strip()


def asked_password() -> str:
    """A typed password. Errors: `UsageError` where nobody can be asked."""
    import getpass

    if not can_ask():
        raise UsageError("There is no password.", "Set CSTUI_PASSWORD.")
    return getpass.getpass("Password: ")


def asked_new_password(variable: str) -> str:
    """A new password, typed twice.

    Errors: `UsageError` naming the variable to set where nobody can be asked, `InvalidInput` where the two differ.
    """
    import getpass

    if not can_ask():
        raise UsageError("There is no new password.", f"Set {variable}, or run this in a terminal.")
    first, second = getpass.getpass("New password: "), getpass.getpass("The same again: ")
    if first != second:
        raise InvalidInput("password", "", "The two do not match.", "Start again.")
    return first


def password_from_stdin() -> str:
    """The first line of standard input. Errors: `UsageError` where it is empty."""
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise UsageError("There is no password on standard input.", "Pipe it in, one line.")
    return password
