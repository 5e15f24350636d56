"""Themes of the desk besides Textual's own: high contrast and one without colours."""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.theme import Theme

#: Black and white with two plain signal colours; every state has its word and sign anyway.
HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#ffff00",
    secondary="#00ffff",
    warning="#ffff00",
    error="#ff8080",
    success="#80ff80",
    accent="#00ffff",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    boost="#262626",
    dark=True,
    variables={
        "text-muted": "#e0e0e0",
        "block-cursor-background": "#ffffff",
        "block-cursor-foreground": "#000000",
        "border": "#ffffff",
    },
)
#: Grey only: for terminals without colours and for eyes that do not want them.
MONO = Theme(
    name="mono",
    primary="#d0d0d0",
    secondary="#d0d0d0",
    warning="#ffffff",
    error="#ffffff",
    success="#d0d0d0",
    accent="#ffffff",
    foreground="#d0d0d0",
    background="#101010",
    surface="#1a1a1a",
    panel="#242424",
    boost="#2a2a2a",
    dark=True,
    variables={
        "text-success": "#d0d0d0",
        "text-warning": "#ffffff",
        "text-error": "#ffffff",
        "text-accent": "#ffffff",
        "text-primary": "#ffffff",
        "block-cursor-background": "#d0d0d0",
        "block-cursor-foreground": "#101010",
    },
)
#: What the configuration may name.
OWN_THEMES = (HIGH_CONTRAST, MONO)


def register_themes(app: App[Any]) -> None:
    """Makes the desk's own themes known to the app."""
    for theme in OWN_THEMES:
        app.register_theme(theme)
