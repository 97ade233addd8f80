"""What the fields of an operation order may say together."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.errors import InvalidError
from app.operations.models import OPEN, Operation, State
from app.operations.schemas import CostLineCreate, OperationCreate, OperationUpdate


def place(data: OperationCreate) -> dict[str, datetime]:
    """When the order was begun and done, by its state, as far as is known."""
    if data.state is State.CANCELLED and not data.cancel_reason:
        message = "It is cancelled: say why."
        raise InvalidError.of("/cancel_reason", "missing", message)
    if data.cancel_reason and data.state is not State.CANCELLED:
        raise _not_yet("cancel_reason")
    if data.state in {State.DONE, State.CANCELLED}:
        return _place_ended(data)
    for name in ("performed_at", "finished_at"):
        if getattr(data, name):
            raise _not_yet(name)
    if data.state is State.IN_PROGRESS:
        begun = data.started_at or datetime.now(UTC)
        return {"started_at": begun, "performed_at": begun}
    if data.started_at:
        raise _not_yet("started_at")
    known = data.planned_at or data.ordered_at
    return {"performed_at": known} if known else {}


def _place_ended(data: OperationCreate) -> dict[str, datetime]:
    """When it was begun and when done, or cancelled, as far as that is known."""
    if data.performed_at and data.finished_at not in {None, data.performed_at}:
        message = "It is performed_at under another name: send one of them."
        raise InvalidError.of("/finished_at", "contradiction", message)
    begun, ended = data.started_at, data.performed_at or data.finished_at
    if begun and ended and ended < begun:
        raise _begun_later(begun)
    if data.state is State.CANCELLED:
        ended = ended or begun or data.planned_at or data.ordered_at
    return {"performed_at": ended} if ended else {}


def check(operation: Operation, data: OperationUpdate) -> None:
    """Refuse what an order in its state cannot have."""
    if data.performed_at and operation.state is not State.DONE:
        raise _not_yet("performed_at")
    if data.started_at and operation.state is State.PLANNED:
        raise _not_yet("started_at")
    begun = data.started_at or operation.started_at
    done = data.performed_at or operation.finished_at
    if begun and done and done < begun:
        raise _begun_later(begun)


def follow(operation: Operation, values: dict[str, Any]) -> dict[str, datetime]:
    """When it is performed by now, if it is still to be done and was planned anew."""
    told = ("started_at", "planned_at", "ordered_at")
    if operation.state not in OPEN or not values.keys() & set(told):
        return {}
    known = (values.get(name, getattr(operation, name)) for name in told)
    return {"performed_at": next(filter(None, known), operation.created_at)}


def total(lines: Iterable[CostLineCreate]) -> Decimal:
    return sum((line.amount for line in lines), Decimal(0))


def not_the_sum(amount: Decimal) -> InvalidError:
    message = f"Its lines sum up to {amount:.2f}: send that, or change the lines."
    return InvalidError.of("/cost", "not-the-sum", message)


def _not_yet(name: str) -> InvalidError:
    message = "It did not come to that: leave it out, or send another state."
    return InvalidError.of(f"/{name}", "not-yet", message)


def _begun_later(begun: datetime) -> InvalidError:
    message = f"It was begun at {begun:%Y-%m-%dT%H:%M:%SZ}: it cannot be done before."
    return InvalidError.of("/started_at", "begun-later", message)
