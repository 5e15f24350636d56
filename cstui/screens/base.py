"""The base of every screen of the desk: the frame with every road to an action."""

from __future__ import annotations

from cstui.screens.commanding import Commanding


class BaseScreen(Commanding):
    """What a screen derives from."""
