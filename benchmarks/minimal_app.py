"""The floor: an empty Textual app that repaints one line at each key."""

import os

os.environ.setdefault("TEXTUAL_FPS", "240")

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static


class Minimal(App[None]):
    """One Static."""

    count = 0

    def compose(self) -> ComposeResult:
        yield Static("floor-ready")

    def on_key(self, event: events.Key) -> None:
        self.count += 1
        self.query_one(Static).update(f"painted-{self.count}-")


if __name__ == "__main__":
    Minimal().run()
