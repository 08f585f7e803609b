"""What stands before the first person acts: contracts, exchanges, block producers, and who backs whom?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from intel.sources.world.book import Book
from intel.sources.world.cast import Cast
from intel.sources.world.market import ASSETS, CHAINS, SWAPPED, Ints, Market, draw_market

PEOPLE_START = 2 * 86_400  # seconds; before that only the town is set up
SECONDARY, MAIN, DESK, HOT = range(4)  # layers of funding; what is in none is funded at genesis


@dataclass(frozen=True, slots=True)
class Knobs:
    """How hard the ledger is to read; all are shares between 0 and 1."""

    wallets_funded_by_exchange: float  # else by the same person's main wallet
    shared_deposits: float
    own_transfers: float  # of payments, between one person's wallets
    poison: float  # look-alikes per genuine payment
    cash_outs: float  # people with a wallet of their own that sends to one exchange only, like a deposit address


PRESETS = {
    "easy": Knobs(0.05, 0.0, 0.3, 0.03, 0.0),
    "default": Knobs(0.3, 0.02, 0.15, 0.06, 0.01),
    "hard": Knobs(0.6, 0.06, 0.05, 0.15, 0.04),
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """Accounts of one exchange. `hot` collects deposits, `desk` pays withdrawals, `gas` tops up deposit addresses."""

    owner: int
    hot: int
    desk: int
    cold: int
    gas: int
    sweep_seconds: int  # 0 receipts wait longer than this before they are swept


# name, share of customers, seconds between sweeps: some sweep at once, some in rounds
EXCHANGES = (
    ("Marmalade Exchange", 0.34, 1200),
    ("Wobblebank", 0.26, 21_600),
    ("Otterly Exchange", 0.2, 1800),
    ("Gingersnap Markets", 0.12, 86_400),
    ("Turnip Trade", 0.08, 43_200),
)


@dataclass
class Town:
    """Everything the planners share: the cast, the book, the market, the fixed accounts, the layers of funding."""

    cast: Cast
    book: Book
    market: Market
    rng: np.random.Generator
    knobs: Knobs
    days: int
    contracts: Ints  # token contract of each asset; -1 for a native coin
    issuers: Ints  # who may mint each asset
    exchanges: tuple[Exchange, ...]
    services: dict[str, int] = field(default_factory=dict)  # single accounts by name
    pools: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # by asset; -1: no pool
    deposits: list[tuple[Ints, Ints, Ints]] = field(default_factory=list)  # deposit account, exchange owner, user owner
    backers: list[tuple[int, Ints, Ints, Ints]] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Seconds from the start after which nothing happens."""
        return self.days * 86_400 - 3600

    def back(self, layer: int, accounts: Ints, funder: Ints | int, parts: Ints | int) -> None:
        """Say who funds `accounts` when they run dry, in at most `parts` payments per asset."""
        shape = (len(accounts),)
        self.backers.append((layer, accounts, np.broadcast_to(funder, shape), np.broadcast_to(parts, shape)))


def found_town(rng: np.random.Generator, days: int, preset: str) -> Town:
    """Found the town: token contracts, exchanges, DEX, mixer, bridge and block producers."""
    market = draw_market(rng, days)
    cast = Cast()
    cast.add_accounts("null", cast.add_owner(None, "other"), 1, contract=True)
    producers = _add_producers(cast)
    book = Book(market, np.random.default_rng(rng.integers(2**63)), producers)
    contracts, issuers = _add_tokens(cast)
    exchanges = tuple(_add_exchange(cast, name, seconds) for name, _, seconds in EXCHANGES)
    town = Town(cast, book, market, rng, PRESETS[preset], days, contracts, issuers, exchanges)
    for exchange in exchanges:
        town.back(DESK, np.array([exchange.desk, exchange.gas]), exchange.hot, days // 2)
        town.back(HOT, np.array([exchange.hot]), exchange.cold, days // 7 + 1)
    _add_services(town)
    _deploy(town)
    return town


def _add_producers(cast: Cast) -> Ints:
    names = ("Lanternfish Pool", "Bumblebuild", "Hedgerow Validators", "Periwinkle Blocks")
    owners = [cast.add_owner(name, "miner") for name in names]
    return np.array([[cast.add_account("block_producer", owner) for owner in owners] for _ in CHAINS])


def _add_tokens(cast: Cast) -> tuple[Ints, Ints]:
    contracts = np.full(len(ASSETS), -1)
    issuers = np.full(len(ASSETS), -1)
    for index, asset in enumerate(ASSETS):
        if asset.standard == "native":
            continue
        name = asset.name if asset.is_listed else None
        owner = cast.add_owner(name, "token" if asset.is_listed else "phishing_scam")
        contracts[index] = cast.add_account("token" if asset.is_listed else "fake_token", owner, contract=True)
        issuers[index] = cast.add_account("deployer", owner)
    return contracts, issuers


def _add_exchange(cast: Cast, name: str, sweep_seconds: int) -> Exchange:
    owner = cast.add_owner(name, "exchange")
    hot, desk = cast.add_accounts("hot_wallet", owner, 2).tolist()
    cold, gas = cast.add_account("cold_wallet", owner), cast.add_account("gas_supplier", owner)
    return Exchange(owner, hot, desk, cold, gas, sweep_seconds)


def _add_services(town: Town) -> None:
    cast = town.cast
    dex = cast.add_owner("Teapot Swap", "dex")
    town.services["router"] = cast.add_account("dex_router", dex, contract=True)
    town.services["liquidity"] = cast.add_account("liquidity_provider", cast.add_owner(None, "fund_otc"))
    town.pools = np.full(len(ASSETS), -1)
    for asset in SWAPPED:
        town.pools[asset] = cast.add_account("dex_pool", dex, contract=True)
    pools = town.pools[town.pools >= 0]
    town.back(SECONDARY, pools, town.services["liquidity"], 4)
    mixer = cast.add_owner("Custard Mixer", "mixer")
    town.services["mixer_1"] = cast.add_account("mixer", mixer, contract=True)
    town.services["mixer_10"] = cast.add_account("mixer", mixer, contract=True)
    town.services["relayer"] = cast.add_account("relayer", cast.add_owner(None, "infrastructure"))
    bridge = cast.add_owner("Biscuit Bridge", "bridge")
    town.services["bridge"] = cast.add_account("bridge", bridge, contract=True)
    town.services["bridge_far"] = cast.add_account("bridge", bridge, contract=True)
    town.services["bridge_relayer"] = cast.add_account("relayer", bridge)
    payroll = cast.add_owner("Pigeonhole Payouts", "payment_merchant")
    town.services["disperser"] = cast.add_account("disperser", payroll, contract=True)
    town.services["validator_deposit"] = cast.add_account(
        "staking", cast.add_owner("Hedgehog Staking", "staking_validator"), contract=True
    )


def _deploy(town: Town) -> None:
    """Create every contract in the first hour, each by its owner's first key (or a deployer of its own)."""
    owner_of, is_contract = town.cast.owner_of, town.cast.is_contract
    made = np.flatnonzero(is_contract)[1:]
    by_contract = {int(contract): int(issuer) for contract, issuer in zip(town.contracts, town.issuers, strict=True)}
    signer = []
    deployer: dict[int, int] = {}
    for contract in made.tolist():
        owner = int(owner_of[contract])
        if contract not in by_contract and owner not in deployer:
            deployer[owner] = town.cast.add_account("deployer", owner)
        signer.append(by_contract.get(contract) or deployer[owner])
    far = {int(town.contracts[asset]) for asset in range(len(ASSETS)) if ASSETS[asset].chain == 1}
    far.add(town.services["bridge_far"])
    chain = np.array([int(contract in far) for contract in made.tolist()])
    time = 60 + 24 * np.arange(len(made))
    town.book.sign("create", time, np.array(signer), made, chain)
