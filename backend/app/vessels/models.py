from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CODE, LABEL, Record


class Vessel(Record):
    """An FPSO. Its code is what everything aboard refers to."""

    __tablename__ = "vessels"
    __table_args__ = (UniqueConstraint("code"),)

    code: Mapped[str] = mapped_column(CODE)
    name: Mapped[str | None] = mapped_column(LABEL)
