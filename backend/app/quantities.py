"""How much of something: exact decimals, spelt in JSON as texts like money."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

_QUANTITY = re.compile(r"-?[0-9]{1,11}(\.[0-9]{1,3})?")
_RULE = (
    'A quantity is a decimal such as "4" or "2.5": {bounds}, at most three decimals, '
    "below 100000000000."
)

# Enough digits for any product: no rounding but the one that is asked for.
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_CENT = Decimal("0.01")


def _refusal(bounds: str) -> PydanticCustomError:
    return PydanticCustomError("invalid-quantity", _RULE, {"bounds": bounds})


def _read(value: object) -> Decimal:
    # A JSON number arrives as int or float; repr gives back the digits that were
    # sent, or True, an exponent, nan or inf that no quantity has.
    spelt = repr(value) if isinstance(value, int | float) else value
    if isinstance(spelt, str) and _QUANTITY.fullmatch(spelt.strip()):
        return Decimal(spelt.strip())
    raise _refusal("a number")


def _more_than_none(quantity: Decimal) -> Decimal:
    if quantity <= 0:
        raise _refusal("more than none")
    return quantity


def _none_or_more(quantity: Decimal) -> Decimal:
    if quantity < 0:
        raise _refusal("not negative")
    return abs(quantity)  # of -0


def _some(quantity: Decimal) -> Decimal:
    if not quantity:
        raise _refusal("not zero, and negative where something is missing")
    return quantity


def spell_quantity(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"


def amount(quantity: Decimal, price: Decimal) -> Decimal:
    """What a quantity costs, rounded half-even to two decimals."""
    return _EXACT.quantize(_EXACT.multiply(quantity, price), _CENT)


def _schema(bounds: str, sign: str = "", **number: object) -> WithJsonSchema:
    pattern = rf"^\s*{sign}[0-9]{{1,11}}(\.[0-9]{{1,3}})?\s*$"
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": pattern},
                {"type": "number", "multipleOf": 0.001, **number},
            ],
            "description": f"Decimal, at most three decimals, {bounds}.",
            "examples": ["2.5"],
        }
    )


Quantity = Annotated[
    Decimal,
    AfterValidator(_more_than_none),
    BeforeValidator(_read),
    _schema("0 < x < 10^11", exclusiveMinimum=0, exclusiveMaximum=10**11),
]
StockLevel = Annotated[
    Decimal,
    AfterValidator(_none_or_more),
    BeforeValidator(_read),
    _schema("0 ≤ x < 10^11", minimum=0, exclusiveMaximum=10**11),
]
Difference = Annotated[
    Decimal,
    AfterValidator(_some),
    BeforeValidator(_read),
    _schema("not 0", "-?", exclusiveMinimum=-(10**11), exclusiveMaximum=10**11),
]
QuantityRead = Annotated[
    Decimal,
    PlainSerializer(spell_quantity, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["2.5"]}),
]
