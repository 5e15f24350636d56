"""Every role against every permission (ROLE-01 … ROLE-11), and a role in one store that gives nothing in another (GEN-02, GEN-11)."""

from __future__ import annotations

import pytest

from cstui.domain.actor import Actor, Grant
from cstui.domain.errors import NotFound, NotPermitted
from cstui.domain.permissions import GRANTED, Permission, Role
from cstui.services.access import permission_words, require, require_somewhere, require_visible
from cstui.storage.database import Database
from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import StaffGrant
from tests.factories import add_staff, add_store

P = Permission
#: V viewer, A agent, S supervisor, D admin, W warehouse: written out, so that no change of the roles goes unseen.
MATRIX = {
    P.CUSTOMER_VIEW: "VASD",
    P.CUSTOMER_UPDATE: "ASD",
    P.CUSTOMER_DISABLE: "SD",
    P.CUSTOMER_BLACKLIST: "SD",
    P.CUSTOMER_MERGE: "SD",
    P.ORDER_VIEW: "VASDW",
    P.ORDER_UPDATE: "ASD",
    P.ORDER_CREATE: "ASD",
    P.ORDER_CANCEL: "ASD",
    P.ORDER_HOLD: "ASD",
    P.ORDER_UNLOCK: "SD",
    P.SHIPMENT_SPLIT: "ASD",
    P.RETURN_CREATE: "ASD",
    P.RETURN_RECEIVE: "SDW",
    P.REFUND_REQUEST: "ASD",
    P.REFUND_GOODWILL: "SD",
    P.REFUND_OTHER_SOURCE: "SD",
    P.REFUND_EXTERNAL: "SD",
    P.REFUND_APPROVE: "SD",
    P.CARD_MANAGE: "ASD",
    P.SUBSCRIPTION_VIEW: "VASD",
    P.SUBSCRIPTION_UPDATE: "ASD",
    P.SUBSCRIPTION_PRICE: "ASD",
    P.NOTE_CREATE: "ASDW",
    P.CALL_LOG: "ASD",
    P.MAIL_RESEND: "ASD",
    P.MAIL_OVERRIDE: "SD",
    P.AUDIT_VIEW: "ASD",
    P.DATA_EXPORT: "SD",
    P.DATA_IMPORT: "D",
    P.VERIFY_OVERRIDE: "SD",
    P.STAFF_UNLOCK: "SD",
    P.STAFF_MANAGE: "D",
    P.STORE_MANAGE: "D",
    P.SETTINGS_MANAGE: "D",
}
LETTERS = {Role.VIEWER: "V", Role.AGENT: "A", Role.SUPERVISOR: "S", Role.ADMIN: "D", Role.WAREHOUSE: "W"}


def allowed(db: Database, actor: Actor, permission: Permission, store: int | None) -> bool:
    with db.read() as tx:
        try:
            require(tx, actor, permission, store)
        except NotPermitted:
            return False
        return True


def test_the_matrix_covers_every_permission_and_role() -> None:
    assert set(MATRIX) == set(Permission)
    assert set(LETTERS) == set(Role) == set(GRANTED)


@pytest.mark.parametrize("role", Role)
def test_each_role_may_exactly_what_the_matrix_says(db: Database, role: Role) -> None:
    store = add_store(db)
    somebody = add_staff(db, "somebody", role, store)
    for permission, letters in MATRIX.items():
        wanted = LETTERS[role] in letters
        assert allowed(db, somebody, permission, store) is wanted, permission
        assert somebody.may(permission, store) is wanted, permission


@pytest.mark.parametrize("role", Role)
def test_a_role_in_one_store_gives_nothing_in_another_nor_in_all(db: Database, role: Role) -> None:
    here, there = add_store(db, "here"), add_store(db, "there")
    somebody = add_staff(db, "somebody", role, here)
    for permission in Permission:
        for elsewhere in (there, None):
            assert not allowed(db, somebody, permission, elsewhere), permission
            assert not somebody.may(permission, elsewhere), permission
        assert somebody.stores(permission) == ({here} if LETTERS[role] in MATRIX[permission] else frozenset())


@pytest.mark.parametrize("role", Role)
def test_a_role_in_every_store_counts_in_each(db: Database, role: Role) -> None:
    store = add_store(db)
    somebody = add_staff(db, "somebody", role)
    for permission, letters in MATRIX.items():
        wanted = LETTERS[role] in letters
        assert allowed(db, somebody, permission, store) is wanted
        assert allowed(db, somebody, permission, None) is wanted
        assert somebody.stores(permission) == (None if wanted else frozenset())


def test_two_roles_in_two_stores_do_not_mix(db: Database) -> None:
    here, there = add_store(db, "here"), add_store(db, "there")
    somebody = add_staff(db, "somebody", Role.VIEWER, here)
    with db.write() as tx:
        tx.run(
            table_of(StaffGrant)
            .insert()
            .values(
                staff_id=somebody.staff_id,
                role=Role.SUPERVISOR,
                store_id=there,
                granted_by="t",
                granted_at=tx.now,
            )
        )
    assert not allowed(db, somebody, P.ORDER_UNLOCK, here)
    assert allowed(db, somebody, P.ORDER_UNLOCK, there)
    with db.read() as tx:
        require_somewhere(tx, somebody, P.ORDER_UNLOCK)
        with pytest.raises(NotPermitted):
            require_somewhere(tx, somebody, P.STAFF_MANAGE)


def test_grants_that_an_actor_merely_claims_count_for_nothing_when_writing(db: Database) -> None:
    store = add_store(db)
    ann = add_staff(db, "ann", Role.VIEWER, store)
    forged = Actor(ann.staff_id, ann.name, "t", 1, (Grant(Role.ADMIN),))
    assert not allowed(db, forged, P.ORDER_UPDATE, store)


def test_a_record_of_another_store_is_not_found_rather_than_refused(db: Database) -> None:
    here, there = add_store(db, "here"), add_store(db, "there")
    ann = add_staff(db, "ann", Role.AGENT, here)
    require_visible(ann, P.ORDER_VIEW, here, "order #1")
    with pytest.raises(NotFound, match="no order #1 here"):
        require_visible(ann, P.ORDER_VIEW, there, "order #1")


def test_every_refusal_says_in_words_of_its_own_what_was_refused() -> None:
    said = [permission_words(permission) for permission in Permission]
    assert len(set(said)) == len(said)
    assert not [words for words in said if ":" in words or "." in words or "_" in words]
