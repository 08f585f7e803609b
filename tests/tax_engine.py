"""What does rp2, a tax engine with an audit trail, make of the same lots? Its engine called in-process, no files."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from decimal import localcontext
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

CONFIGURATION = """[general]
assets = B1
exchanges = Here
holders = Me

[in_header]
timestamp = 0
asset = 1
exchange = 2
holder = 3
transaction_type = 4
spot_price = 5
crypto_in = 6

[out_header]
timestamp = 0
asset = 1
exchange = 2
holder = 3
transaction_type = 4
spot_price = 5
crypto_out_no_fee = 6
crypto_fee = 7

[intra_header]
timestamp = 0
asset = 1
from_exchange = 2
from_holder = 3
to_exchange = 4
to_holder = 5
spot_price = 6
crypto_sent = 7
crypto_received = 8
"""


class Deal(NamedTuple):
    """`quantity` in thousandths of a coin, above 0 bought and below 0 sold; `cents` is the price of one coin."""

    quantity: int
    cents: int


def draw_deals(sales: int, seed: int = 1) -> list[Deal]:
    """Random deals with so many sales, none of them beyond what is held; a sale takes parts of lots and several."""
    rng = random.Random(seed)
    deals, held, sold = [], 0, 0
    while sold < sales:
        cents = rng.randint(100, 500_000)
        if held > 2_000 and rng.random() < 0.6:
            quantity = rng.randint(1, min(held, 6_000))
            held, sold = held - quantity, sold + 1
            deals.append(Deal(-quantity, cents))
        else:
            quantity = rng.randint(1, 9_000)
            held += quantity
            deals.append(Deal(quantity, cents))
    return deals


def import_quietly(folder: Path) -> None:
    """Import rp2 without its log file, its talk, and its change of what decimals mean in this process."""
    with chdir(folder), localcontext():
        logger = import_module("rp2.logger").LOGGER
        import_module("rp2.tax_engine")
    logger.setLevel("WARNING")
    for handler in list(logger.handlers):
        handler.close()
        logger.removeHandler(handler)


def prepare_rp2(deals: Sequence[Deal], method: str, folder: Path) -> tuple[Any, ...]:
    """Return what rp2's engine takes: configuration, engine and the deals, one a minute, as its transactions."""
    import_quietly(folder)
    from prezzemolo.avl_tree import AVLTree
    from rp2.abstract_country import AbstractCountry
    from rp2.accounting_engine import AccountingEngine
    from rp2.configuration import MAX_DATE, MIN_DATE, Configuration
    from rp2.in_transaction import InTransaction
    from rp2.input_data import InputData
    from rp2.out_transaction import OutTransaction
    from rp2.rp2_decimal import RP2Decimal
    from rp2.transaction_set import TransactionSet

    class Country(AbstractCountry):  # rp2's own ones bring its reports with them
        def get_long_term_capital_gain_period(self) -> int:
            return 365

        def get_report_generators(self) -> set[str]:
            return set()

    path = folder / "rp2.ini"
    path.write_text(CONFIGURATION)
    settings = Configuration(str(path), Country("US", "USD"))
    sets = {kind: TransactionSet(settings, kind, "B1", MIN_DATE, MAX_DATE) for kind in ("IN", "OUT", "INTRA")}
    for row, deal in enumerate(deals, 1):
        when = (datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=row)).isoformat()
        price, amount = RP2Decimal(deal.cents) / RP2Decimal(100), RP2Decimal(abs(deal.quantity)) / RP2Decimal(1000)
        if deal.quantity > 0:
            bought = InTransaction(settings, when, "B1", "Here", "Me", "BUY", price, amount, row=row)
            sets["IN"].add_entry(bought)
        else:
            sold = OutTransaction(settings, when, "B1", "Here", "Me", "SELL", price, amount, RP2Decimal("0"), row=row)
            sets["OUT"].add_entry(sold)
    methods: Any = AVLTree()
    methods.insert_node(1970, import_module(f"rp2.plugin.accounting_method.{method}").AccountingMethod())
    return settings, AccountingEngine(methods), InputData("B1", sets["IN"], sets["OUT"], sets["INTRA"])


def run_rp2(prepared: tuple[Any, ...]) -> Any:
    """Match lots: the part of rp2 between its input and its reports."""
    from rp2 import tax_engine

    settings, engine, data = prepared
    events = tax_engine._create_unfiltered_taxable_event_set(settings, data)
    return tax_engine._create_unfiltered_gain_and_loss_set(settings, engine, data, events)


def read_gains(found: Any) -> dict[int, list[tuple[int, int, int, int]]]:
    """Per sale (place among the deals): (lot, thousandths of a coin, basis, gain), both in micro-dollars."""
    rows = defaultdict(list)
    for gain in found:
        sale, lot = gain.taxable_event.row - 1, gain.acquired_lot.row - 1
        basis, won = (round(Fraction(value) * 1_000_000) for value in (gain.fiat_cost_basis, gain.fiat_gain))
        rows[sale].append((lot, round(Fraction(gain.crypto_amount) * 1000), basis, won))
    return dict(rows)
