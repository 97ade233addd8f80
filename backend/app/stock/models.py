import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CODE, LABEL, Base, Record

QUANTITY = Numeric(14, 3)
ZERO = text("0")


class Place(StrEnum):
    ABOARD = "aboard"
    ASHORE = "ashore"
    IN_TRANSIT = "in_transit"


class Store(Record):
    """Where parts lie: aboard a vessel, ashore, or on their way."""

    __tablename__ = "stores"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("(place = 'aboard') = (vessel IS NOT NULL)", name="vessel"),
        Index(None, "vessel"),
    )

    code: Mapped[str] = mapped_column(CODE)
    name: Mapped[str | None] = mapped_column(LABEL)
    place: Mapped[Place]
    vessel: Mapped[str | None] = mapped_column(
        CODE, ForeignKey("vessels.code", onupdate="CASCADE")
    )


class Level(Record):
    """How much of a part a store should hold: at least, and at most."""

    __tablename__ = "stock_levels"
    __table_args__ = (
        UniqueConstraint("part", "store"),
        CheckConstraint("minimum >= 0 AND maximum >= minimum", name="bounds"),
    )

    part: Mapped[str] = mapped_column(
        CODE, ForeignKey("parts.number", onupdate="CASCADE")
    )
    store: Mapped[str] = mapped_column(
        CODE, ForeignKey("stores.code", onupdate="CASCADE")
    )
    minimum: Mapped[Decimal] = mapped_column(QUANTITY)
    maximum: Mapped[Decimal] = mapped_column(QUANTITY)


class Balance(Base):
    """The sum of a part's movements in a store, kept by the statement that moves."""

    __tablename__ = "balances"
    __table_args__ = (
        CheckConstraint("reserved >= 0 AND on_hand >= reserved", name="covered"),
        Index(None, "store", "part"),
    )

    part: Mapped[str] = mapped_column(
        CODE, ForeignKey("parts.number", onupdate="CASCADE"), primary_key=True
    )
    store: Mapped[str] = mapped_column(
        CODE, ForeignKey("stores.code", onupdate="CASCADE"), primary_key=True
    )
    on_hand: Mapped[Decimal] = mapped_column(QUANTITY, server_default=ZERO)
    reserved: Mapped[Decimal] = mapped_column(QUANTITY, server_default=ZERO)


class Kind(StrEnum):
    RECEIVE = "receive"
    ISSUE = "issue"
    TRANSFER = "transfer"
    ADJUST = "adjust"
    RESERVE = "reserve"
    RELEASE = "release"


# What each kind of movement may do to the two numbers.
SENSE = (
    "CASE kind "
    "WHEN 'receive' THEN on_hand > 0 AND reserved = 0 "
    "WHEN 'issue' THEN on_hand < 0 AND reserved IN (0, on_hand) "
    "WHEN 'transfer' THEN on_hand <> 0 AND reserved = 0 AND other_store IS NOT NULL "
    "WHEN 'adjust' THEN on_hand <> 0 AND reserved = 0 AND reason IS NOT NULL "
    "WHEN 'reserve' THEN on_hand = 0 AND reserved > 0 "
    "WHEN 'release' THEN on_hand = 0 AND reserved < 0 END"
)


class Movement(Base):
    """A line of the ledger: by how much the two numbers changed. Nobody rewrites it.

    `id` counts in the order of writing, which for one part in one store is that of its
    movements.
    """

    __tablename__ = "movements"
    __table_args__ = (
        CheckConstraint(SENSE, name="sense"),
        Index(None, "part", "store", "id", postgresql_include=["on_hand", "reserved"]),
        Index(None, "store", "id"),
        Index(
            None,
            "requisition",
            "id",
            postgresql_where=text("requisition IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    kind: Mapped[Kind]
    part: Mapped[str] = mapped_column(
        CODE, ForeignKey("parts.number", onupdate="CASCADE")
    )
    store: Mapped[str] = mapped_column(
        CODE, ForeignKey("stores.code", onupdate="CASCADE")
    )
    on_hand: Mapped[Decimal] = mapped_column(QUANTITY)
    reserved: Mapped[Decimal] = mapped_column(QUANTITY)
    other_store: Mapped[str | None] = mapped_column(
        CODE, ForeignKey("stores.code", onupdate="CASCADE")
    )
    requisition: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("requisitions.id"))
    reference: Mapped[str | None] = mapped_column(LABEL)
    reason: Mapped[str | None] = mapped_column(LABEL)
    who: Mapped[str] = mapped_column(
        server_default=text(
            "COALESCE(NULLIF(current_setting('fpso.who', true), ''), 'anonymous')"
        )
    )
    request_id: Mapped[str | None]
