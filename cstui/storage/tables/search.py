"""The search index: narrow covering trees of folded terms, the people in order of recency, and a vocabulary.

`age` counts minutes backwards, so that the newest comes first in ascending order.
"""

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from cstui.storage.tables.base import Base, Key

#: Terms are compared byte by byte, so that a prefix is one range of the tree.
Bytes = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


class WordKey(IntEnum):
    """How a key leads to a word of the vocabulary: one letter left out (typing errors), or an ending (parts of words)."""

    DELETION = 1
    ENDING = 2


#: One term of a customer, order or subscription in one store; `kind` is a `domain.search_terms.Space`, which also tells what `entity_id` is.
SEARCH_TERM = sa.Table(
    "search_term",
    Base.metadata,
    sa.Column("store_id", Key, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("term", Bytes, primary_key=True),
    sa.Column("age", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("entity_id", Key, primary_key=True, autoincrement=False),
    # A tracking number may change; whose old one it was is found here. Other references never change.
    sa.Index(
        "ix_search_term_tracking",
        "entity_id",
        sqlite_where=sa.text("kind = 23"),
        postgresql_where=sa.text("kind = 23"),
    ),
    sqlite_with_rowid=False,
)

#: The customers of a store, newest first, each with all its terms: read where a prefix has too many rows, and to tell what has changed.
SEARCH_PERSON = sa.Table(
    "search_person",
    Base.metadata,
    sa.Column("store_id", Key, primary_key=True, autoincrement=False),
    sa.Column("age", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("customer_id", Key, primary_key=True, autoincrement=False),
    sa.Column("terms", Bytes, nullable=False),
    sa.Index("ux_search_person_customer_id", "customer_id", "store_id", unique=True),
    sa.Index("ix_search_person_age", "age"),
    sqlite_with_rowid=False,
)

#: Words of names and companies by their one-deletion keys and endings. Grows with new words only; a word that has gone does no harm.
SEARCH_WORD = sa.Table(
    "search_word",
    Base.metadata,
    sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("key", Bytes, primary_key=True),
    sa.Column("word", Bytes, primary_key=True),
    sqlite_with_rowid=False,
)
