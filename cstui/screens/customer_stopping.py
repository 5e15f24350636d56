"""`:stop` on a profile: all that bills, ships or reserves of this customer, in one panel with one `y` (D-09)."""

from __future__ import annotations

from cstui.domain.customers import Verification
from cstui.domain.errors import CstuiError
from cstui.domain.ids import new_token
from cstui.domain.stopping import StopReport
from cstui.domain.verification import NotVerified
from cstui.flow import call, flow
from cstui.format import money_words
from cstui.saving import NotSaved, saving
from cstui.screens.dialogs.stop import StopPanel
from cstui.screens.record_actions import RecordActions


class CustomerStopping(RecordActions):
    """The action `customer.stop`; it has no key, because a row's own X ends that row."""

    def _stop_panel(self) -> StopPanel | None:
        return next(iter(self.query(StopPanel)), None) if self.is_mounted else None

    @flow("customer.stop")
    async def action_customer_stop(self) -> None:
        """`:stop`: what there is, ticked; what is left can be asked for again in the same panel."""
        customer_id = self.customer_behind()
        if not customer_id:
            return
        preview = await call(self.desk.stopping.preview, self.actor, customer_id)
        if not preview.items:
            self.tell_reason("Nothing of this customer bills, ships or reserves money.")
            return
        panel, save_id = StopPanel(preview, self.desk_app.reader, self.now), new_token()
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                if values["do"] == "again":
                    panel.show_preview(await call(self.desk.stopping.preview, self.actor, customer_id))
                    continue
                report = await self._stop(panel, customer_id, save_id)
                if report is None:
                    continue
                save_id = new_token()
                self._say_stopped(report, preview.undo_seconds)
                if not report.left:
                    return
                panel.show_left(report)

    async def _stop(self, panel: StopPanel, customer_id: int, save_id: str) -> StopReport | None:
        """Stores it; None where it was refused, which the panel then says. A repeat with the same id does what is missing."""
        args = (self.actor, customer_id, panel.chosen, panel.reason, panel.note, save_id, self.desk.token)
        mails = panel.mails

        def again() -> StopReport:
            found: StopReport = self.desk.stopping.stop(*args, mail=mails)
            return found

        try:
            return await saving(
                self, save_id, self.desk.stopping.stop, *args, reread=again, back=getattr(self, "database_back", None), mail=mails
            )  # fmt: skip
        except NotVerified as error:
            panel.say_problem(error.in_words())
            self.action_customer_verify()
        except NotSaved as error:
            panel.say_problem(f"{error.message} y tries again, and stops nothing twice.")
        except CstuiError as error:
            panel.say_problem(error.in_words())
        return None

    def _say_stopped(self, report: StopReport, undo_seconds: int) -> None:
        """The receipt, and the voids that count down."""
        self.note_added()
        for receipt in report.receipts:
            self.desk_app.money_asked(self, receipt, undo_seconds)
        words = report.in_words(lambda amount: money_words(amount, self.desk_app.reader))
        self.tell(words, "warn" if report.left else "good")

    def verified_now(self, verified: Verification) -> None:
        """The caller is verified: what was in the way of an open panel is gone."""
        super().verified_now(verified)
        if verified.is_enough and (panel := self._stop_panel()) is not None:
            panel.say_problem("")
