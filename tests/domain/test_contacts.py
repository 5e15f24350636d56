"""The contact block: what two people's edits make together."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cstui.domain.contacts import CONTACT_LABELS, merged_contact
from cstui.domain.customers import Contact

_WORD = st.sampled_from(["", "a", "b", "c"])
_CONTACTS = st.builds(Contact, *[_WORD] * 7)
BASE = Contact("Ann", "Lee", "", "a@b.cc", "1", "en", "en-US")


def test_language_and_locale_go_together() -> None:
    theirs, mine = replace(BASE, locale="en-GB"), replace(BASE, language="de", locale="de-DE")
    merge = merged_contact(BASE, theirs, mine)
    assert [clash.field for clash in merge.clashes] == ["language", "locale"]
    assert (merge.merged.language, merge.merged.locale) == ("en", "en-GB")
    assert merged_contact(BASE, BASE, mine).merged == mine


@given(base=_CONTACTS, theirs=_CONTACTS, mine=_CONTACTS)
def test_nothing_that_only_one_of_both_changed_is_lost(base: Contact, theirs: Contact, mine: Contact) -> None:
    merge = merged_contact(base, theirs, mine)
    clashing = {clash.field for clash in merge.clashes}
    for name in CONTACT_LABELS:
        was, other, own = (getattr(contact, name) for contact in (base, theirs, mine))
        result = getattr(merge.merged, name)
        assert result in (other, own)
        if own not in (was, other):
            assert result == own or name in clashing
        if other not in (was, own) and name not in clashing:
            assert result == other or name in ("language", "locale")


@given(base=_CONTACTS, mine=_CONTACTS)
def test_where_nobody_else_changed_anything_mine_stands(base: Contact, mine: Contact) -> None:
    assert merged_contact(base, base, mine).merged == mine
    assert merged_contact(base, mine, base).merged == mine
    assert merged_contact(base, mine, mine).clashes == ()
