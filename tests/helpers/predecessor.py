"""The predecessor's normaliser as its description has it (layers 1 to 4): the left column of docs/pipeline.md."""

from __future__ import annotations

import contextlib
import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

TEXTS = {"VARCHAR2", "CHAR", "CLOB", "NVARCHAR2", "NCHAR", "NCLOB"}
NUMBERS = {"NUMBER", "NUMERIC", "DECIMAL", "INTEGER", "INT", "FLOAT"}
DATES = {"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE"}
CONTROLS = dict.fromkeys([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
DATE_FORMS = ("%Y-%m-%d", "%Y/%m/%d", "%d-%m-%Y", "%d/%m/%Y", "%m-%d-%Y", "%m/%d/%Y", "%Y%m%d", "%d.%m.%Y")


def normalised(value: object, declared: str | None = None) -> object:
    """One value through the four layers; what was declared is given to every layer that asks for it."""
    value = coerced(value, declared)
    if isinstance(value, str):
        value = tidied(value)
    value = numbered(value, declared in NUMBERS)
    return dated(value) if declared in DATES and isinstance(value, str) else value


def coerced(value: object, declared: str | None) -> object:
    if value is None:
        return None
    kind = declared or inferred_type(value)
    if kind in NUMBERS:
        return coerced_number(value)
    if kind in DATES:
        return value.isoformat() if isinstance(value, date) else str(value).strip()
    return (str(value).strip() or None) if value else None


def inferred_type(value: object) -> str:
    if isinstance(value, int | float):
        return "NUMBER"
    return "DATE" if isinstance(value, date | datetime) else "VARCHAR2"


def coerced_number(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return int(value) if value == int(value) else value
    if not isinstance(value, str):
        return Decimal(str(value))
    text = value.strip().replace(",", "")
    try:
        return parsed(text) if text else None
    except ValueError:
        with contextlib.suppress(InvalidOperation):
            return Decimal(text)
        return value


def tidied(text: str) -> str | None:
    text = text.strip().translate(CONTROLS).replace("\r\n", "\n").replace("\r", "\n")
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.split("\n"))
    return "\n".join(filter(None, lines)) or None


def numbered(value: object, is_declared: bool) -> object:
    if not isinstance(value, str) or not (is_declared or re.sub("[,.-]", "", value).isdigit()):
        return value
    text = re.sub("[$€£]", "", value.strip().replace(",", ""))
    text = re.sub(r"^\((.*)\)$", r"-\1", text)
    try:
        return parsed(text)
    except ValueError:
        return None


def parsed(text: str) -> int | float:
    if "." not in text and "e" not in text.lower():
        return int(text)
    number = float(text)
    return int(number) if number.is_integer() else number


def dated(text: str) -> str:
    for form in DATE_FORMS:
        with contextlib.suppress(ValueError):
            return datetime.strptime(text, form).date().isoformat()
    return text
