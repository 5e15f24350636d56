"""The key table keeps its own rules, and refuses a person's choice that would break them."""

import pytest
from textual.keys import _character_to_key

from cstui.keys import (
    BY_ID,
    PRESETS,
    TABLE,
    Context,
    ForbiddenKey,
    Key,
    KeyClash,
    KeyMap,
    UnknownAction,
    UnknownPreset,
    palette,
)
from cstui.keys.keymap import SIGNS, is_printable, read_key, why_forbidden

BUILT = [key for key in TABLE if key.built]
ids = [key.id for key in TABLE]


def letters_of(keymap: KeyMap) -> list[tuple[str, Key]]:
    return [(key, action) for action in TABLE for key in keymap.keys_of(action.id) if len(key) == 1]


# The table


def test_every_id_is_there_once() -> None:
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_action_has_a_forbidden_key(preset: str) -> None:
    keymap = KeyMap.load(preset=preset)
    wrong = {
        (action.id, key): why
        for action in TABLE
        for key in keymap.keys_of(action.id)
        if (why := why_forbidden(key, action))
    }
    assert wrong == {}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("context", Context)
def test_on_every_screen_a_key_does_one_thing(preset: str, context: Context) -> None:
    keymap = KeyMap.load(preset=preset)
    reachable = {Context.ALWAYS, Context.NAV, context}
    meanings: dict[str, set[str]] = {}
    for action in TABLE:
        if reachable & set(action.contexts):
            for key in keymap.keys_of(action.id):
                meanings.setdefault(key, set()).add(action.meaning)
    assert {key: found for key, found in meanings.items() if len(found) > 1} == {}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_letter_means_the_same_on_all_screens(preset: str) -> None:
    meanings: dict[str, set[str]] = {}
    for key, action in letters_of(KeyMap.load(preset=preset)):
        meanings.setdefault(key, set()).add(action.meaning)
    assert {key: found for key, found in meanings.items() if len(found) > 1} == {}


def test_a_meaning_stands_once_in_a_context() -> None:
    places = [(action.meaning, context) for action in TABLE for context in action.contexts]
    assert sorted({place for place in places if places.count(place) > 1}) == []


def test_only_actions_that_do_the_same_share_a_meaning() -> None:
    # A shared meaning lets two actions share a key: a word that happens to fit twice must not slip in.
    counts: dict[str, int] = {}
    for action in TABLE:
        counts[action.meaning] = counts.get(action.meaning, 0) + 1
    shared = {meaning for meaning, count in counts.items() if count > 1}
    assert shared - {"history"} == {"open", "edit", "address", "quantity", "cancel", "card", "mail"}
    assert BY_ID["section.history"].fixed and BY_ID["desk.history"].keys == ()


@pytest.mark.parametrize("preset", PRESETS)
def test_no_small_letter_has_a_consequence_and_every_capital_has_one_but_for_two_moves(preset: str) -> None:
    letters = letters_of(KeyMap.load(preset=preset))
    assert [key for key, action in letters if action.consequence and not key.isupper()] == []
    assert {key for key, action in letters if key.isupper() and not action.consequence} == {"G", "N"}


def test_whatever_moves_money_has_a_consequence() -> None:
    assert [action.id for action in TABLE if action.moves_money and not action.consequence] == []


@pytest.mark.parametrize("preset", PRESETS)
def test_y_is_bound_nowhere(preset: str) -> None:
    assert not {key for key, _ in letters_of(KeyMap.load(preset=preset))} & {"y", "Y"}


def test_the_digits_are_the_sections_in_their_order_and_nothing_else() -> None:
    digits = {key: action.id for key, action in letters_of(KeyMap.load()) if key.isdigit()}
    names = [
        "contact",
        "orders",
        "subscriptions",
        "cards",
        "calls",
        "transactions",
        "shipments",
        "notes",
        "history",
    ]
    assert digits == {str(number): f"section.{name}" for number, name in enumerate(names, start=1)}


def test_the_agreed_keys_are_where_agents_expect_them() -> None:
    agreed = {
        "desk.help": "f1 question_mark",
        "desk.find": "f2 ctrl+f",
        "desk.back": "f3 q escape",
        "form.choose": "f4",
        "desk.refresh": "f5 ctrl+r",
        "call.log": "f6 c",
        "note.add": "f7 a",
        "order.take": "f8",
        "form.save": "f9 ctrl+s",
        "desk.actions": "f10 m",
        "form.close": "f12",
        "desk.jump": "ctrl+o",
        "customer.switch": "ctrl+t",
        "desk.lock": "Z",
        "record.audit": "i",
        "order.open": "o",
        "search.recent": "r",
        "search.clear": "x",
        "order.edit": "e",
        "order.unlock": "U",
        "order.hold": "H",
        "order.cancel": "X",
        "order.address": "A",
        "order.quantity": "Q",
        "order.new": "ctrl+n O",
        "order.refund": "R",
        "order.void": "V",
        "order.split": "S",
        "order.return": "T",
        "order.reship": "F",
        "order.mail": "M",
        "customer.join": "J",
        "customer.dial": "d",
        "customer.card": "C",
        "subscription.pause": "P",
        "subscription.skip": "K",
        "subscription.bill": "B",
        "subscription.swap": "W",
        "subscription.date": "D",
        "subscription.trial": "L",
    }
    keymap = KeyMap.load()
    assert {action_id: " ".join(keymap.keys_of(action_id)) for action_id in agreed} == agreed


def test_every_action_has_words_that_fit() -> None:
    for action in TABLE:
        assert 0 < len(action.label) <= 12, action.id
        assert action.tooltip.endswith(".") and action.tooltip[0].isupper(), action.id
        assert "!" not in action.tooltip, action.id
        assert action.group, action.id


def test_every_built_action_is_in_the_palette_and_none_that_is_not() -> None:
    assert [entry.id for entry in palette(KeyMap.load())] == [action.id for action in BUILT]


def test_every_action_but_moving_has_a_second_road_beside_its_letter() -> None:
    lonely = [
        action.id
        for action in BUILT
        if not action.command
        and all(is_printable(key) for key in action.keys)
        and action.group not in ("Move", "View")
    ]
    assert lonely == ["desk.command"]


def test_command_names_are_taken_once() -> None:
    names = [action.command for action in TABLE if action.command]
    assert len(set(names)) == len(names)


def test_the_names_of_signs_are_those_of_textual() -> None:
    assert {sign: _character_to_key(sign) for sign in SIGNS.values()} == {s: n for n, s in SIGNS.items()}


# One person's keys


def test_a_person_can_move_an_action_to_another_key() -> None:
    keymap = KeyMap.load({"note.add": ["F7", "b"], "desk.jump": "Ctrl+G, alt+o", "search.form": "f"})
    assert keymap.keys_of("note.add") == ("f7", "b")
    assert keymap.keys_of("desk.jump") == ("ctrl+g", "alt+o")


def test_two_actions_can_change_places() -> None:
    keymap = KeyMap.load({"note.add": "f6,c", "call.log": "f7,a"})
    assert keymap.keys_of("note.add") == ("f6", "c")
    assert keymap.keys_of("call.log") == ("f7", "a")


def test_a_key_can_be_taken_away() -> None:
    assert KeyMap.load({"order.knock": []}).keys_of("order.knock") == ()
    assert KeyMap.load({"order.knock": ""}).keys_of("order.knock") == ()


def test_the_defaults_stay_as_they_are_when_someone_remaps() -> None:
    KeyMap.load({"note.add": "b"})
    assert KeyMap.load().keys_of("note.add") == ("f7", "a")


@pytest.mark.parametrize(
    ("action", "key", "other"),
    [
        ("note.add", "c", "call.log"),
        ("desk.jump", "ctrl+r", "desk.refresh"),
        ("order.knock", "r", "search.recent"),  # another screen: one letter, one meaning
        ("order.hold", "R", "order.refund"),  # not in this version, and still taken
        ("order.unlock", "X", "order.cancel"),
        ("search.recent", "slash", "nav.filter"),
    ],
)
def test_a_key_that_is_taken_is_refused_with_its_owner(action: str, key: str, other: str) -> None:
    with pytest.raises(KeyClash) as refused:
        KeyMap.load({action: key})
    assert (refused.value.action, refused.value.key, refused.value.other) == (action, key, other)
    assert other in refused.value.message and action in refused.value.advice


def test_two_choices_of_one_person_can_clash() -> None:
    with pytest.raises(KeyClash) as refused:
        KeyMap.load({"note.add": "b", "call.log": "b"})
    assert {refused.value.action, refused.value.other} == {"note.add", "call.log"}


def test_the_same_meaning_may_share_a_key_on_other_screens_but_not_on_one() -> None:
    keymap = KeyMap.load({"order.edit": "b", "customer.edit": "b", "subscription.edit": "b"})
    assert keymap.keys_of("order.edit") == keymap.keys_of("customer.edit") == ("b",)


def test_an_unknown_action_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownAction) as refused:
        KeyMap.load({"order.adress": "b"})
    assert refused.value.suggestion == "order.address"
    assert "order.address" in refused.value.advice
    with pytest.raises(UnknownAction) as refused:
        KeyMap.load({"zzz": "b"})
    assert refused.value.suggestion == ""


def test_an_unknown_preset_is_refused_with_the_known() -> None:
    with pytest.raises(UnknownPreset, match="emacs") as refused:
        KeyMap.load(preset="emacs")
    assert "5250" in refused.value.advice


NEVER = (
    *("ctrl+h", "ctrl+i", "ctrl+m", "ctrl+j", "ctrl+[", "ctrl+/", "ctrl+space", "ctrl+enter", "shift+enter"),
    *(
        "alt+enter",
        "ctrl+1",
        "alt+1",
        "ctrl+shift+k",
        "shift+ctrl+K",
        "ctrl+alt+k",
        "f11",
        "ctrl+a",
        "ctrl+b",
    ),
    *("ctrl+z", "ctrl+y", "tab", "shift+tab", "backspace", "y", "Y", "shift+y", "1", "0", "ctrl+u", "ctrl+k"),
    *("nothing", "super+a", "f25", "ctrl+", "ctrl"),
)


@pytest.mark.parametrize("key", NEVER)
def test_a_key_that_cannot_work_is_refused_with_the_reason(key: str) -> None:
    with pytest.raises(ForbiddenKey) as refused:
        KeyMap.load({"note.add": key})
    assert refused.value.why and refused.value.why in refused.value.message


@pytest.mark.parametrize("key", ["x", "b", "alt+x", "exclamation_mark", "enter", "escape", "space", "down"])
def test_an_action_with_consequences_takes_no_easy_key(key: str) -> None:
    with pytest.raises(ForbiddenKey) as refused:
        KeyMap.load({"order.hold": key})
    assert refused.value.action == "order.hold"


@pytest.mark.parametrize("key", ["I", "f13", "shift+f2", "ctrl+g"])
def test_an_action_with_consequences_takes_a_capital_or_a_function_key(key: str) -> None:
    assert KeyMap.load({"order.hold": key, "search.form": "f"}).keys_of("order.hold") == (key,)


def test_a_capital_is_not_given_to_an_action_that_only_looks() -> None:
    with pytest.raises(ForbiddenKey, match="capital"):
        KeyMap.load({"search.recent": "I"})
    assert KeyMap.load({"nav.previous": "I"}).keys_of("nav.previous") == ("I",)


def test_a_section_keeps_its_number() -> None:
    with pytest.raises(ForbiddenKey, match="number"):
        KeyMap.load({"section.orders": "b"})
    with pytest.raises(ForbiddenKey, match="number"):
        KeyMap.load({"section.orders": []})
    assert KeyMap.load({"section.orders": "2"}).keys_of("section.orders") == ("2",)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("?", "question_mark"),
        ("/", "slash"),
        ("<", "less_than_sign"),
        (",", "comma"),
        ("+", "plus"),
        ("Ctrl+F", "ctrl+f"),
        ("CTRL++", "ctrl+plus"),
        ("F12", "f12"),
        ("shift+r", "R"),
        ("R", "R"),
        ("Esc", "escape"),
        ("PgUp", "pageup"),
        ("é", "é"),
    ],
)
def test_keys_can_be_written_as_people_write_them(spelling: str, name: str) -> None:
    assert read_key(spelling) == name


def test_the_presets_are_what_their_names_promise() -> None:
    vim, green = KeyMap.load(preset="vim"), KeyMap.load(preset="5250")
    assert "ctrl+d" in vim.keys_of("nav.half_down") and "ctrl+u" in vim.keys_of("nav.half_up")
    first = {
        "f3": "desk.back",
        "f4": "form.choose",
        "f5": "desk.refresh",
        "f6": "order.new",
        "f12": "form.close",
    }
    assert {key: next(a.id for a in TABLE if key in green.keys_of(a.id)) for key in first} == first


def test_a_choice_is_checked_against_the_preset_and_not_the_defaults() -> None:
    with pytest.raises(KeyClash, match=r"nav\.half_down"):
        KeyMap.load({"desk.copy": "ctrl+d"}, preset="vim")
    assert KeyMap.load({"desk.copy": "ctrl+d"}).keys_of("desk.copy") == ("ctrl+d",)
