from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, String, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CODE, Record


class Operation(Record):
    """An operation order: work done on an equipment, with its cost.

    `vessel` is the one that the equipment was aboard of, and stays it when that moves
    (ADR 10). So a vessel's total is one index-only scan.
    """

    __tablename__ = "operations"
    __table_args__ = (
        CheckConstraint("cost >= 0", name="cost"),
        Index(None, "vessel", postgresql_include=["cost"]),
        Index(None, "equipment", "performed_at", "id", postgresql_include=["cost"]),
        Index(None, "performed_at", "id"),
        Index(None, "created_at", "id"),
    )

    equipment: Mapped[str] = mapped_column(
        CODE, ForeignKey("equipment.code", onupdate="CASCADE")
    )
    vessel: Mapped[str] = mapped_column(
        CODE, ForeignKey("vessels.code", onupdate="CASCADE")
    )
    type: Mapped[str] = mapped_column(String(64, collation="C"))
    cost: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    performed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    note: Mapped[str | None]
