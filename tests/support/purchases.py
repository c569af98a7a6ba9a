"""A purchase for tests, to be varied."""

from datetime import date

from support.purchase import Purchase

DISHWASHER = Purchase(
    order_number="A-10482", product="dishwasher", model="HM-D450",
    serial_number="HM-D450-2207-00318", customer_name="Maria Lopez",
    email="maria.lopez@example.com", postcode="10115", phone_number=None, country="DE",
    ordered_on=date(2025, 4, 28), delivered_on=date(2025, 5, 4), price_cents=54900,
    currency="EUR", payment_method="card",
)  # fmt: skip
