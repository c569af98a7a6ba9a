"""Importing what customers bought."""

import asyncio
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from operate.steps import StepFailed
from store import purchases
from store.database import Database
from support.conversation import utcnow
from support.purchase import Purchase
from support.purchase_csv import PurchasesRefused, read_purchases


def import_purchases(database_url: str, file: Path) -> int:
    """Insert the purchases of a CSV file, or replace those with the same order number.

    Returns:
        How many there were. All are kept, or none.

    Raises:
        StepFailed: The file is not there or not in order; says where and what to do.
    """
    try:
        text = file.read_text(encoding="utf-8")
        bought = read_purchases(text, utcnow().date())
    except OSError as error:
        raise StepFailed(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StepFailed(f"{file} is not UTF-8: save it as CSV (UTF-8)") from error
    except PurchasesRefused as refused:
        raise StepFailed(f"{file}, {refused}") from refused
    return asyncio.run(_save(database_url, file, bought))


async def _save(database_url: str, file: Path, bought: list[Purchase]) -> int:
    database = Database(database_url)
    try:
        async with database.begin() as tx:
            return await purchases.save(tx, bought)
    except IntegrityError as error:
        raise StepFailed(
            f"{file}: a serial number belongs to another order already. Nothing was imported."
        ) from error
    finally:
        await database.close()
