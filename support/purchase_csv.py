"""Purchases from a CSV file: one row each, the columns are the fields of `Purchase`."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, timedelta

from support.purchase import Purchase

COLUMNS = tuple(field.name for field in fields(Purchase))
_MAY_BE_EMPTY = {"phone_number", "delivered_on"}
_SHAPES: Mapping[str, tuple[str, str]] = {
    "order_number": (r"A-\d{5}", "an order number such as A-10482"),
    "serial_number": (r"[A-Z]{2}-[A-Z]\d{3}-\d{4}-\d{5}", "such as HM-D450-2207-00318"),
    "email": (r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address"),
    "country": (r"[A-Z]{2}", "two capital letters, such as DE"),
    "currency": (r"[A-Z]{3}", "three capital letters, such as EUR"),
    "price_cents": (r"\d+", "a whole number of cents"),
}


class PurchasesRefused(ValueError):
    """A file of purchases cannot be read; says in which line, what is wrong and what to do."""

    def __init__(self, line: int, what: str, cure: str) -> None:
        self.line, self.what, self.cure = line, what, cure
        super().__init__(f"line {line}: {what}; {cure}")


def read_purchases(text: str, today: date) -> list[Purchase]:
    """Read purchases.

    Args:
        text: CSV with a header; the columns may stand in any order.
        today: What relative days count from: "-12d" is twelve days before it.

    Returns:
        The purchases, in the order of the file.

    Raises:
        PurchasesRefused: A column is missing or unknown, a value is not of its kind, or an order
            or serial number stands there twice. Nothing of such a file should be kept.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    header = tuple(rows.fieldnames or ())
    if missing := [name for name in COLUMNS if name not in header]:
        raise PurchasesRefused(
            1, f"the column {missing[0]} is missing", f"the header must name {', '.join(COLUMNS)}"
        )
    if unknown := [name for name in header if name not in COLUMNS]:
        raise PurchasesRefused(1, f"there is no such column as {unknown[0]!r}", "leave it out")
    found: list[Purchase] = []
    seen: dict[str, int] = {}
    try:
        for row in rows:
            purchase = _purchase(row, rows.line_num, today)
            for number in (purchase.order_number, purchase.serial_number):
                if number in seen:
                    raise PurchasesRefused(
                        rows.line_num,
                        f"{number} stands in line {seen[number]} already",
                        "keep one of the two",
                    )
                seen[number] = rows.line_num
            found.append(purchase)
    except csv.Error as error:
        raise PurchasesRefused(rows.line_num, str(error), "save the file as CSV again") from error
    return found


def _purchase(row: Mapping[str | None, str | None], line: int, today: date) -> Purchase:
    if None in row:
        raise PurchasesRefused(
            line,
            "it has more values than the header has columns",
            "put values that contain a comma in double quotes",
        )
    values: dict[str, str] = {}
    for name in COLUMNS:
        value = (row[name] or "").strip()
        if not value and name not in _MAY_BE_EMPTY:
            raise PurchasesRefused(line, f"{name} is empty", "fill it in")
        shape, like = _SHAPES.get(name, (".*", ""))
        if value and not re.fullmatch(shape, value):
            raise PurchasesRefused(line, f"{name} {value!r} is not of its form", f"write {like}")
        values[name] = value
    delivered_on = values["delivered_on"]
    return Purchase(
        order_number=values["order_number"],
        product=values["product"],
        model=values["model"],
        serial_number=values["serial_number"],
        customer_name=values["customer_name"],
        email=values["email"],
        postcode=values["postcode"],
        phone_number=values["phone_number"] or None,
        country=values["country"],
        ordered_on=_day(values["ordered_on"], "ordered_on", line, today),
        delivered_on=_day(delivered_on, "delivered_on", line, today) if delivered_on else None,
        price_cents=int(values["price_cents"]),
        currency=values["currency"],
        payment_method=values["payment_method"],
    )


def _day(value: str, name: str, line: int, today: date) -> date:
    if relative := re.fullmatch(r"-(\d+)d", value):
        return today - timedelta(days=int(relative[1]))
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise PurchasesRefused(
            line, f"{name} {value!r} is no day", "write 2026-05-04, or -12d for twelve days ago"
        ) from error
