"""What a running app shows, as plain text; the only place that reads Textual's private compositor."""

import re
from typing import Any, Final

from textual.app import App

from cstui.domain.clean import FORBIDDEN

_STEERS_A_TERMINAL: Final = re.compile(f"[{FORBIDDEN}]")


def screen_text(app: App[Any]) -> str:
    """The screen as lines without trailing blanks; overlays and toasts included."""
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def unclean_segments(app: App[Any]) -> list[str]:
    """Every text on the screen that holds a control or bidi character or carries a hyperlink, as a repr."""
    found: list[str] = []
    for y, strip in enumerate(app.screen._compositor.render_strips(app.size)):
        for segment in strip:
            linked = segment.style is not None and segment.style.link
            if segment.control or linked or _STEERS_A_TERMINAL.search(segment.text):
                found.append(f"line {y}: {segment.text!r} {linked or ''}".rstrip())
    return found


def assert_clean_screen(app: App[Any]) -> None:
    """Fails with the texts on the screen that could steer a terminal."""
    found = unclean_segments(app)
    assert not found, "control characters on the screen:\n" + "\n".join(found)
