"""What the profile and the order screen share: one record, opened and refilled, with drafts and presence."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from cstui.domain.ids import Kind
from cstui.flow import quietly
from cstui.screens.base import BaseScreen


class RecordScreen(BaseScreen):
    """A screen of one record at a time. `open()` may be called again and again; each load replaces the view."""

    record_kind: ClassVar[Kind]
    record_id: int = 0

    def open(self, record_id: int) -> None:
        """Shows a record: at once what is known of it, then what the database says."""
        if self.record_id and self.record_id != record_id:
            self.closed()
        changed = self.record_id != record_id
        self.record_id = record_id
        self.load(changed)

    def refund_when_read(self) -> None:
        """The next load is followed by R; records without money have none."""

    @abstractmethod
    def load(self, is_new: bool) -> None:
        """Reads the record and paints it; `is_new` where another record was shown before."""

    @property
    @abstractmethod
    def record_name(self) -> str:
        """What people call it: `order #1001`, a name."""

    @property
    def has_unsaved_text(self) -> bool:
        """Whether a form here holds text that would be lost."""
        return any(panel.is_changed for panel in self.query("Panel").results()) if self.is_mounted else False  # type: ignore[attr-defined]

    async def keep_draft_now(self) -> None:
        """Writes the form's text to the database."""

    async def discard_draft(self) -> None:
        """Throws the form's text away."""

    async def let_go(self) -> None:
        """Frees locks and presence: the desk is leaving this record."""
        if self.record_id:
            await quietly(self.desk.presence.leave, self.desk.token, self.record_kind, self.record_id)

    def closed(self) -> None:
        """Another record is going to be shown on this screen."""
        if self.record_id:
            kind, record_id = self.record_kind, self.record_id
            self.run_worker(
                quietly(self.desk.presence.leave, self.desk.token, kind, record_id),
                description="leave",
                exit_on_error=False,
            )
