"""What a record's screen hears from other desks, and of its own lock, within a second."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from cstui.domain.live import LiveEvent, What
from cstui.screens.record_handover import RecordHandover

#: A key pressed within so many seconds ends the reminder of idleness.
_JUST_NOW = 10


class RecordLive(RecordHandover):
    """Turns news into the padlock, banners and receipts."""

    def on_live(self, event: LiveEvent) -> None:
        """Others' locks, saves, notes and questions, within a second; and what became of one's own lock."""
        if event.what is What.BACK:
            self.database_back.set()
            if self.view is not None and not self.flows:
                self.load(False)
        token = event.facts.get("token", "")
        if token and token == self.token:
            self._hear_of_my_lock(event)
        elif token and token == self.waiting_token and event.what is What.ANSWER:
            self._hear_answer(str(event.facts["answer"]), token)
        elif (
            event.kind is self.record_kind
            and event.id == self.record_id
            and self.view is not None
            and not token
        ):
            self._hear_of_record(event, self.view)

    def _hear_of_record(self, event: LiveEvent, view: Any) -> None:
        if event.what is What.LOCK:
            self.view = replace(view, edit_lock=event.facts.get("lock"))
            self.refresh_frame()
        elif event.what is What.PRESENCE:
            self.view = replace(view, viewers=tuple(event.facts.get("who", ())))
            self.refresh_frame()
        elif event.what is What.NOTE:
            self.note_added()
        elif event.what is What.SAVED:
            self._news_version = int(event.facts.get("version", 0))
            self._say_changed(str(event.facts.get("by") or "Somebody"), event)

    def _say_changed(self, by: str, event: LiveEvent) -> None:
        if self.view is None or self._news_version <= self.view.version or self.is_saving:
            return
        at = event.facts.get("at")
        when = f" at {self.moment(at)}" if at is not None else ""
        advice = "your save will compare." if self.panel is not None and self.grip is None else "F5 reloads."
        self.set_banner(
            "changed", f"{by} changed this {self.record_kind}{when}. {advice[:1].upper()}{advice[1:]}"
        )

    @property
    def is_saving(self) -> bool:
        """Whether a save of this screen is under way: its own news are no news."""
        return False

    def _hear_of_my_lock(self, event: LiveEvent) -> None:
        facts = event.facts
        if event.what is What.KNOCK:
            self._offer_handover(facts["knock"])
        elif event.what is What.LOST:
            self._lock_lost(
                f"{facts.get('by') or 'Somebody'} {self._how_lost(str(facts.get('how') or ''))}",
                str(facts.get("reason") or ""),
            )
        elif event.what is What.IDLE_RELEASED:
            self._lock_lost("Your lock was given back after long idleness", "")
        elif event.what is What.IDLE_WARNING:
            minutes = max(1, int(facts.get("idle", 60)) // 60)
            left = facts.get("release_in")
            more = f" It is given back in {left} s." if left is not None else ""
            self.set_banner(
                "idle", f"You hold {self.record_name} and pressed no key for {minutes} min.{more}"
            )

    def _how_lost(self, how: str) -> str:
        words = {
            "forced": "removed your lock",
            "taken_over": f"took the {self.record_kind} over",
            "handed_over": f"has the {self.record_kind} now",
        }
        return words.get(how, "has the lock now")

    def _lock_lost(self, words: str, reason: str) -> None:
        """Says so at once; a form stays, with its text kept as a draft, and its save goes the way of a removed lock."""
        self._offer_handover(None)
        because = f" ({reason})" if reason else ""
        if self.panel is None or not self._keeps_form():
            self.token, self.grip, self._kept_by_f8 = "", None, False
            self.set_banner("lost", "")
            self.tell(f"{words}{because}.", "warn")
        else:
            self.set_banner("lost", f"{words}{because}. Your text is kept; F9 goes on.")
            self.run_worker(self.keep_draft_now(), description="keep draft", exit_on_error=False)
        self.refresh_frame()

    def _hear_answer(self, answer: str, token: str) -> None:
        self.waiting_token = ""
        if answer == "handed_over":
            self._receive(token)
        elif answer == "not_now":
            self.tell_reason(f"{self.record_name[:1].upper()}{self.record_name[1:]} is still needed there.")
        else:
            self.tell(f"{self.record_name[:1].upper()}{self.record_name[1:]} is free now: e edits it.")

    def tick(self) -> None:
        """Idle times grow; a key ends the reminder."""
        super().tick()
        if time.monotonic() - self.desk_app.last_key < _JUST_NOW:
            self.set_banner("idle", "")
