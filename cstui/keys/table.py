"""The table itself: every action of the desk with its default keys, in the order in which help shows them.

The part of an id after the dot is the meaning: a key may stand for several actions only where that part is
the same (`e` edits an order, a customer, a subscription). Small letters look, capital letters have
consequences; only `G` and `N` merely move. `y` is in no row: it answers a question and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from cstui.domain.permissions import Permission


class Context(StrEnum):
    """Where an action can be called; the value is its heading in help and documentation."""

    ALWAYS = "Everywhere"
    NAV = "Lists and panes"
    SEARCH = "Search"
    CUSTOMER = "Customer"
    ORDER = "Order"
    SUBSCRIPTION = "Subscription"
    HISTORY = "History of a record"
    LOCKS = "List of locks"
    MONEY = "Refund queue and attempts"
    PANEL = "Panels and forms"


@dataclass(frozen=True)
class Key:
    """One action of the desk.

    `keys` are Textual key names, the one to show first; letters and signs among them work only while no text
    field has the focus. `also` are further contexts. `consequence`: it changes something by itself, so a
    letter for it must be a capital. `built` is False for what this version lacks: nothing shows it, but its
    keys stay its own. `fixed`: a section, which keeps its number. `args` shows what the command takes.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    tooltip: str
    context: Context = Context.ALWAYS
    group: str = ""
    permission: Permission | None = None
    moves_money: bool = False
    command: str | None = None
    args: str = ""
    built: bool = True
    consequence: bool = False
    also: tuple[Context, ...] = ()
    fixed: bool = False

    @property
    def meaning(self) -> str:
        """The verb after the dot; equal meanings may share a key."""
        return self.id.partition(".")[2]

    @property
    def contexts(self) -> tuple[Context, ...]:
        """All contexts of the action, its own first."""
        return (self.context, *self.also)

    @property
    def action(self) -> str:
        """What Textual runs: `order.edit` calls `action_order_edit`, a section `action_section(number)`."""
        if self.fixed:
            return f"section({self.keys[0]})"
        return self.id.replace(".", "_")


def _rows(context: Context, group: str, *rows: Key) -> tuple[Key, ...]:
    """Rows of one group of one context."""
    return tuple(replace(row, context=context, group=group) for row in rows)


def _kept(context: Context, *rows: Key) -> tuple[Key, ...]:
    """Rows that only keep their keys: this version lacks the actions."""
    return tuple(replace(row, context=context, group="Later", built=False) for row in rows)


_SECTION_NAMES = (
    ("contact", "Contact"),
    ("orders", "Orders"),
    ("subscriptions", "Subscription"),
    ("cards", "Cards"),
    ("calls", "Calls"),
    ("transactions", "Transactions"),
    ("shipments", "Shipments"),
    ("notes", "Notes"),
    ("history", "History"),
)
_DESK_ALWAYS = _rows(
    Context.ALWAYS, "Desk",
    Key("desk.help", ("f1", "question_mark"), "Help",
        "Shows the keys of this screen and why some are dimmed.", command="help"),
    Key("desk.keys", (), "All keys", "Lists every key and command; so does ? pressed twice.", command="keys"),
    Key("desk.find", ("f2", "ctrl+f"), "Find",
        "Goes to the search box from anywhere; an order number works too.", command="find", args="WORDS"),
    Key("desk.back", ("f3", "q", "escape"), "Back", "Goes one level up; at the top it asks whether to quit.",
        command="back"),
    Key("desk.refresh", ("f5", "ctrl+r"), "Reload", "Reads what is on the screen again from the database.",
        command="reload"),
    Key("desk.actions", ("f10", "m"), "Actions", "Lists all that can be done with this thing, with its keys.",
        command="actions"),
    Key("desk.jump", ("ctrl+o",), "Jump", "Puts a letter on each pane; pressing it goes there.",
        command="jump"),
    Key("desk.palette", ("ctrl+p",), "Palette", "Finds any action by its name.", command="palette"),
    Key("desk.redraw", ("ctrl+l",), "Redraw", "Paints the whole screen again.", command="redraw"),
    Key("desk.locks", (), "Locks", "Lists who edits which order, since when and how long idle.",
        permission=Permission.ORDER_UNLOCK, command="locks"),
    Key("desk.history", (), "My actions", "Lists what you did today; Enter goes there.", command="history"),
    Key("desk.draft", (), "Drafts", "Offers your unsaved text again.", command="draft"),
    Key("desk.readonly", (), "Read-only", "Turns read-only mode on or off.", command="readonly"),
    Key("desk.theme", (), "Theme", "Changes the colours of this desk; high-contrast and mono are there too.",
        command="theme", args="NAME"),
    Key("desk.password", (), "Password", "Changes your own password.", command="password", consequence=True),
    Key("desk.unlock_user", (), "Unlock user",
        "Lets a colleague sign in again after too many wrong passwords.", permission=Permission.STAFF_UNLOCK,
        command="unlock-user", args="NAME", consequence=True),
    Key("desk.logout", (), "Sign out", "Signs you out; asks first where something is unsaved.",
        command="logout", consequence=True),
    Key("desk.quit", ("ctrl+q",), "Quit",
        "Ends the desk; asks first where something is unsaved or a call runs.", command="quit"),
)  # fmt: skip

_DESK_NAV = _rows(
    Context.NAV, "Desk",
    Key("desk.command", ("colon",), "Command", "Opens the command line at the bottom."),
    Key("desk.copy", ("ctrl+c",), "Copy", "Copies the focused value, never a card number.", command="copy"),
    Key("desk.lock", ("Z",), "Lock desk", "Locks the desk until you type your password.", command="lock",
        consequence=True),
)  # fmt: skip

_CALL_ALWAYS = _rows(
    Context.ALWAYS, "Call and notes",
    Key("call.log", ("f6", "c"), "Call",
        "Starts or stops the call and logs it with direction, outcome and text.",
        permission=Permission.CALL_LOG, command="call"),
    Key("note.add", ("f7", "a"), "Note", "Adds a note to what is open; a note cannot be changed later.",
        permission=Permission.NOTE_CREATE, command="note", args="TEXT"),
    Key("customer.switch", ("ctrl+t",), "Next open", "Goes to the next of the open customers.",
        command="next"),
)  # fmt: skip

_CALL_CUSTOMER = _rows(
    Context.CUSTOMER, "Call and notes",
    Key("customer.verify", ("v",), "Verify", "Ticks what the caller was verified by, kept for this call.",
        command="verify", also=(Context.ORDER, Context.SUBSCRIPTION)),
)  # fmt: skip

_CALL_NAV = _rows(
    Context.NAV, "Call and notes",
    Key("record.audit", ("i",), "History", "Shows who changed what and when, newest first.",
        permission=Permission.AUDIT_VIEW, command="audit"),
)  # fmt: skip

_FORM_ALWAYS = _rows(
    Context.ALWAYS, "Form",
    Key("form.choose", ("f4",), "Choose", "Opens the allowed values of the field; typing narrows them.",
        also=(Context.PANEL,)),
    Key("form.save", ("f9", "ctrl+s"), "Save", "Saves, or goes on to the line that asks.", command="save",
        consequence=True, also=(Context.PANEL,)),
    Key("form.close", ("f12",), "Close", "Closes the panel and changes nothing.", command="close",
        also=(Context.PANEL,)),
)  # fmt: skip

_MOVE_NAV = _rows(
    Context.NAV, "Move",
    Key("nav.open", ("enter",), "Open", "Opens the focused row."),
    Key("nav.select", ("space",), "Select", "Selects or expands the focused row in place."),
    Key("nav.down", ("down", "j"), "Down", "Goes one row down."),
    Key("nav.up", ("up", "k"), "Up", "Goes one row up."),
    Key("nav.left", ("left", "h"), "Left", "Goes one column or pane to the left."),
    Key("nav.right", ("right", "l"), "Right", "Goes one column or pane to the right."),
    Key("nav.top", ("home", "g"), "Top", "Goes to the first row."),
    Key("nav.bottom", ("end", "G"), "Bottom", "Goes to the last row."),
    Key("nav.page_down", ("pagedown",), "Page down", "Goes one page down."),
    Key("nav.page_up", ("pageup",), "Page up", "Goes one page up."),
    Key("nav.half_down", ("ctrl+down",), "Half down", "Goes half a page down."),
    Key("nav.half_up", ("ctrl+up",), "Half up", "Goes half a page up."),
    Key("nav.tab_left", ("left_square_bracket",), "Tab left", "Shows the tab to the left."),
    Key("nav.tab_right", ("right_square_bracket",), "Tab right", "Shows the tab to the right."),
)  # fmt: skip

_VIEW_NAV = _rows(
    Context.NAV, "View",
    Key("nav.filter", ("slash",), "Filter", "Narrows the list while you type; Esc shows all again.",
        command="filter", args="TEXT"),
    Key("nav.next", ("n",), "Next match", "Goes to the next match of the filter."),
    Key("nav.previous", ("N",), "Prev match", "Goes to the match before."),
    Key("nav.sort", ("s",), "Sort", "Sorts by the chosen column; again turns the order round.",
        command="sort", args="COLUMN"),
    Key("nav.sort_left", ("less_than_sign",), "Sort left", "Chooses the column to the left for sorting."),
    Key("nav.sort_right", ("greater_than_sign",), "Sort right",
        "Chooses the column to the right for sorting."),
    Key("nav.wide", ("w",), "Wide", "Shows more columns, or fewer again.", command="wide"),
    Key("nav.zoom", ("z",), "Zoom", "Gives the focused pane the whole screen, or puts it back.",
        command="zoom"),
)  # fmt: skip

_SECTIONS = _rows(
    Context.NAV, "Sections",
    *(Key(f"section.{name}", (str(number),), label, f"Goes to section {number}, {name}.",
          command=str(number), fixed=True)
      for number, (name, label) in enumerate(_SECTION_NAMES, start=1)),
)  # fmt: skip

_FINDING_SEARCH = _rows(
    Context.SEARCH, "Finding",
    Key("search.form", ("f", "ctrl+g"), "Form", "Opens the search form with a labelled field for each thing.",
        command="form"),
    Key("search.recent", ("r",), "Recent", "Shows the customers you had open last.", command="recent"),
    Key("search.clear", ("x",), "Clear", "Empties the box and the results.", command="clear"),
    Key("order.open", ("o",), "Open order",
        "Opens the newest order of the focused row, or the order with that number.",
        permission=Permission.ORDER_VIEW, command="o", args="NUMBER"),
)  # fmt: skip

_CUSTOMER = _rows(
    Context.CUSTOMER, "Customer",
    Key("customer.edit", ("e",), "Edit", "Edits the contact details of the customer.",
        permission=Permission.CUSTOMER_UPDATE, command="edit-contact"),
    Key("customer.address", ("A",), "Address",
        "Edits the focused address of the customer; orders keep their own.",
        permission=Permission.CUSTOMER_UPDATE, command="edit-address", consequence=True),
    Key("customer.status", (), "Disable", "Disables the customer, or makes him active again; nothing is deleted.",
        permission=Permission.CUSTOMER_DISABLE, command="disable", consequence=True),
)  # fmt: skip

_ORDER = _rows(
    Context.ORDER, "Order",
    Key("order.edit", ("e",), "Edit", "Takes the lock and edits the order.",
        permission=Permission.ORDER_UPDATE, command="edit"),
    Key("order.take", ("f8",), "Take lock", "Takes the lock without editing yet, or gives it back.",
        permission=Permission.ORDER_UPDATE, command="take", also=(Context.SUBSCRIPTION,)),
    Key("order.address", ("A",), "Address", "Takes the lock and edits an address while nothing is released.",
        permission=Permission.ORDER_UPDATE, command="address", consequence=True),
    Key("order.quantity", ("Q",), "Quantity",
        "Takes the lock and edits quantities and lines; shows the difference.",
        permission=Permission.ORDER_UPDATE, command="quantity", consequence=True),
    Key("order.hold", ("H",), "Hold", "Puts the order on hold with a reason, or releases a hold.",
        permission=Permission.ORDER_HOLD, command="hold", consequence=True),
    Key("order.cancel", ("X",), "Cancel order", "Lists what a cancellation does, then asks.",
        permission=Permission.ORDER_CANCEL, command="cancel", consequence=True),
    Key("order.knock", ("p",), "Knock", "Tells the colleague who holds the order that you are waiting.",
        permission=Permission.ORDER_UPDATE, command="knock", also=(Context.SUBSCRIPTION,)),
    Key("order.handover", ("E",), "Hand over",
        "Gives your lock to the colleague who knocked; your text stays a draft.",
        permission=Permission.ORDER_UPDATE, command="handover", consequence=True, also=(Context.SUBSCRIPTION,)),
    Key("order.unlock", ("U",), "Unlock", "Removes someone's lock with a reason; the holder is told.",
        permission=Permission.ORDER_UNLOCK, command="unlock", consequence=True, also=(Context.LOCKS, Context.SUBSCRIPTION)),
)  # fmt: skip

_MONEY_ALWAYS = _rows(
    Context.ALWAYS, "Money",
    Key("money.queue", (), "Refund queue",
        "Lists refunds that wait for approval, a decision, settlement or the next try; Enter decides.", command="refunds"),
    Key("money.attempts", (), "Attempts", "Lists payment attempts with what became of them.", command="attempts"),
    Key("money.missed", (), "Missed bills", "Lists cycles of subscriptions that went by uncharged; Enter bills, skips or moves one.",
        permission=Permission.SUBSCRIPTION_VIEW, command="missed"),
)  # fmt: skip

_MONEY_NAV = _rows(
    Context.NAV, "Money",
    Key("money.takeback", ("u",), "Take back",
        "Takes your last refund or void back while it has not been sent.", permission=Permission.REFUND_REQUEST,
        command="takeback"),
)  # fmt: skip

_MONEY_ORDER = _rows(
    Context.ORDER, "Money",
    Key("order.refund", ("R",), "Refund",
        "Shows what would go back, of what and how; y sends it. 0 is never sent, full means what remains.",
        permission=Permission.REFUND_REQUEST, moves_money=True, command="refund", args="NUMBER", consequence=True,
        also=(Context.CUSTOMER,)),
    Key("order.void", ("V",), "Void", "Takes a charge back that has not settled, or lifts a hold on the card.",
        permission=Permission.REFUND_REQUEST, moves_money=True, command="void", consequence=True, also=(Context.CUSTOMER,)),
    Key("order.mail", ("M",), "Mail", "Sends a mail of the focused order, payment or shipment again.",
        permission=Permission.MAIL_RESEND, command="mail", consequence=True, also=(Context.CUSTOMER,)),
    Key("order.reship", ("F",), "Fulfilment", "Ships the focused shipment again, or cancels it while it is in the house.",
        permission=Permission.ORDER_UPDATE, command="reship", consequence=True, also=(Context.CUSTOMER,)),
    Key("order.dispute", (), "Dispute", "Records a dispute of the customer's bank, or how it ended; it blocks refunds.",
        permission=Permission.REFUND_APPROVE, command="dispute", consequence=True),
)  # fmt: skip

_MONEY_CUSTOMER = _rows(
    Context.CUSTOMER, "Money",
    Key("customer.card", ("C",), "Card", "Adds a card, sends a link for one, or makes the focused one the default.",
        permission=Permission.CARD_MANAGE, command="card", consequence=True),
    Key("customer.cancel", ("X",), "End it", "Cancels the focused order or shipment, or removes the focused card.",
        command="end", consequence=True),
    Key("customer.stop", (), "Stop all",
        "Lists all that bills, ships or reserves money of the customer; y stops what is ticked.",
        permission=Permission.SUBSCRIPTION_UPDATE, moves_money=True, command="stop", consequence=True),
    Key("customer.explain", (), "Explain",
        "Finds the charge that the caller reads on his statement and says in one sentence what it was for.",
        permission=Permission.ORDER_VIEW, command="explain", args="AMOUNT DATE"),
)  # fmt: skip

_ORDER_HISTORY = _rows(
    Context.HISTORY, "Order",
    Key("history.open", ("enter",), "As of then", "Shows the order as it was after the focused event.",
        permission=Permission.AUDIT_VIEW),
)  # fmt: skip

_KEPT_ALWAYS = _kept(
    Context.ALWAYS,
    Key("order.new", ("ctrl+n", "O"), "New order", "Enters a new order.", permission=Permission.ORDER_CREATE,
        command="new", consequence=True),
)  # fmt: skip

_KEPT_CUSTOMER = _kept(
    Context.CUSTOMER,
    Key("customer.join", ("J",), "Join", "Merges two customers.", permission=Permission.CUSTOMER_MERGE,
        command="join", consequence=True, also=(Context.SEARCH,)),
    Key("customer.dial", ("d",), "Dial", "Dials the focused number.", permission=Permission.CALL_LOG,
        command="dial"),
)  # fmt: skip

_KEPT_ORDER = _kept(
    Context.ORDER,
    Key("order.split", ("S",), "Split", "Splits a shipment.", permission=Permission.SHIPMENT_SPLIT,
        command="split", consequence=True),
    Key("order.return", ("T",), "Return", "Takes back or exchanges.", permission=Permission.RETURN_CREATE,
        moves_money=True, command="return", consequence=True),
)  # fmt: skip

_SUBSCRIPTION_ALWAYS = _rows(
    Context.ALWAYS, "Subscription",
    Key("subscription.open", (), "Subscription", "Opens a subscription by its id.",
        permission=Permission.SUBSCRIPTION_VIEW, command="subscription", args="ID"),
)  # fmt: skip

_SUBSCRIPTION = _rows(
    Context.SUBSCRIPTION, "Subscription",
    Key("subscription.edit", ("e",), "Price", "Edits what each cycle costs: amount, shipping, discount; for good or the next bill only.",
        permission=Permission.SUBSCRIPTION_PRICE, command="price"),
    Key("subscription.pause", ("P",), "Pause", "Pauses it, until a day or until somebody resumes it; resumes it; brings back what has ended.",
        permission=Permission.SUBSCRIPTION_UPDATE, command="pause", consequence=True, also=(Context.CUSTOMER,)),
    Key("subscription.skip", ("K",), "Skip", "Leaves the next charge out.",
        permission=Permission.SUBSCRIPTION_UPDATE, command="skip", consequence=True, also=(Context.CUSTOMER,)),
    Key("subscription.cancel", ("X",), "Cancel", "Asks why, makes the one offer to stay that fits, and cancels it.",
        permission=Permission.SUBSCRIPTION_UPDATE, command="cancel-subscription", consequence=True),
    Key("subscription.bill", ("B",), "Force bill", "Charges the next cycle now, where the card networks allow it.",
        permission=Permission.SUBSCRIPTION_UPDATE, moves_money=True, command="bill", consequence=True, also=(Context.CUSTOMER,)),
    Key("subscription.card", ("C",), "Card", "Bills it to another card on file; a past-due one can be charged with it at once.",
        command="pay-with", consequence=True),
    Key("subscription.swap", ("W",), "Swap", "Changes the option or the product; its price follows or stays.",
        permission=Permission.SUBSCRIPTION_UPDATE, command="swap", consequence=True, also=(Context.CUSTOMER,)),
    Key("subscription.date", ("D",), "Date", "Moves the billing date, or changes how often it is billed.",
        permission=Permission.SUBSCRIPTION_UPDATE, command="date", consequence=True, also=(Context.CUSTOMER,)),
    Key("subscription.quantity", ("Q",), "Quantity", "Changes the quantity and the unit price.",
        permission=Permission.SUBSCRIPTION_UPDATE, command="set-quantity", consequence=True, also=(Context.CUSTOMER,)),
    Key("subscription.trial", ("L",), "Trial", "Restarts the trial, ends it with a bill at once, or stops it.",
        permission=Permission.SUBSCRIPTION_UPDATE, moves_money=True, command="trial", consequence=True, also=(Context.CUSTOMER,)),
    Key("subscription.mail", ("M",), "Mail", "Sends a mail of its newest order, or the focused one, again.",
        permission=Permission.MAIL_RESEND, command="resend", consequence=True),
    Key("subscription.reactivate", (), "Reactivate", "Brings back what was cancelled, has stopped or is past due.",
        permission=Permission.SUBSCRIPTION_UPDATE, command="reactivate", consequence=True, also=(Context.CUSTOMER,)),
    Key("subscription.keep", (), "Keep", "Takes a planned end back.",
        permission=Permission.SUBSCRIPTION_UPDATE, command="keep", consequence=True, also=(Context.CUSTOMER,)),
)  # fmt: skip

TABLE: tuple[Key, ...] = (
    *_DESK_ALWAYS,
    *_DESK_NAV,
    *_CALL_ALWAYS,
    *_CALL_CUSTOMER,
    *_CALL_NAV,
    *_FORM_ALWAYS,
    *_MOVE_NAV,
    *_VIEW_NAV,
    *_SECTIONS,
    *_FINDING_SEARCH,
    *_CUSTOMER,
    *_ORDER,
    *_MONEY_ALWAYS,
    *_MONEY_NAV,
    *_MONEY_ORDER,
    *_MONEY_CUSTOMER,
    *_ORDER_HISTORY,
    *_SUBSCRIPTION_ALWAYS,
    *_SUBSCRIPTION,
    *_KEPT_ALWAYS,
    *_KEPT_CUSTOMER,
    *_KEPT_ORDER,
)
BY_ID: dict[str, Key] = {key.id: key for key in TABLE}

# What the last line of the screen shows: at 80 columns there is room for about seven.
FOOTERS: dict[Context, tuple[str, ...]] = {
    Context.ALWAYS: ("desk.help", "desk.find", "desk.back", "call.log", "note.add", "desk.actions"),
    Context.NAV: ("nav.open", "nav.filter", "nav.sort", "desk.find", "desk.back", "desk.actions",
        "desk.help"),
    Context.SEARCH: ("nav.open", "order.open", "search.recent", "search.form", "search.clear", "call.log",
        "desk.help"),
    Context.CUSTOMER: ("nav.open", "order.refund", "order.mail", "customer.edit", "customer.verify", "note.add",
        "desk.help"),
    Context.ORDER: ("order.edit", "order.refund", "order.void", "order.address", "order.hold", "order.cancel",
        "desk.help"),
    Context.MONEY: ("nav.open", "nav.filter", "desk.refresh", "desk.back", "desk.help"),
    Context.SUBSCRIPTION: ("subscription.edit", "subscription.pause", "subscription.skip", "subscription.card", "subscription.bill",
        "subscription.cancel", "desk.help"),
    Context.HISTORY: ("history.open", "nav.filter", "desk.copy", "desk.back", "desk.help"),
    Context.LOCKS: ("nav.open", "order.unlock", "nav.filter", "desk.refresh", "desk.back", "desk.help"),
    Context.PANEL: ("form.save", "form.choose", "form.close", "desk.help"),
}  # fmt: skip
