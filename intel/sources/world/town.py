"""What stands before the first person acts: contracts, exchanges, block producers, and who backs whom?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from intel.sources.world.book import NOBODY, Book
from intel.sources.world.cast import Cast, Small
from intel.sources.world.market import ASSETS, CHAINS, COLLECTIONS, DAY, IS_NATIVE, SWAPPED, Ints, Market, draw_market
from intel.sources.world.truths import Truths

SECONDARY, MAIN, DESK, HOT = range(4)  # layers of funding; what is in none is funded by the makers of money
UNBACKED = 9


@dataclass(frozen=True, slots=True)
class Knobs:
    """How hard the ledger is to read; all are shares between 0 and 1."""

    wallets_funded_by_exchange: float  # else by the same person's main wallet
    shared_deposits: float
    own_transfers: float  # of payments, between one person's wallets
    poison: float  # look-alikes per genuine payment
    cash_outs: float  # people with a wallet of their own that sends to one exchange only, like a deposit address
    attacks: float  # the strongest attack: 1 costs the attacker real money and imitates an owner well
    blending: float  # share of farmed rewards that are sold to strangers instead of gathered
    own_addresses: float  # customers who get a deposit address for each of their wallets
    few_wallets: float  # 1: everybody has one wallet; the mean is one divided by this


PRESETS = {
    "easy": Knobs(0.05, 0.0, 0.3, 0.03, 0.0, 0.3, 0.0, 0.1, 0.62),
    "default": Knobs(0.3, 0.02, 0.15, 0.06, 0.01, 0.6, 0.1, 0.15, 0.62),
    "hard": Knobs(0.88, 0.06, 0.02, 0.15, 0.04, 1.0, 0.9, 0.7, 0.19),
}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that is planned at once: seconds from `begin` to before `end`, and its share of the whole."""

    begin: int
    end: int
    share: float
    index: int

    @property
    def is_first(self) -> bool:
        """True for the stretch with which everything begins."""
        return self.index == 0


@dataclass(frozen=True, slots=True)
class Exchange:
    """Accounts of one exchange. `hots` collect deposits, one after another; `desk` pays withdrawals, `gas` gas."""

    owner: int
    hots: Ints
    desk: int
    cold: int
    gas: int
    sweep_seconds: int  # a receipt waits no longer than this before it is swept
    has_forwarders: bool  # deposit addresses are contracts of a factory, emptied by `gas`
    migration: int  # time from which the second hot wallet collects

    def find_hot(self, time: Ints) -> Ints:
        """The wallet that collects at `time`: the old one and then the new one, or several by turns."""
        if len(self.hots) > 2:
            turn = time // (3 * DAY) % len(self.hots)
        else:
            turn = (time >= self.migration) * (len(self.hots) - 1)
        hot: Ints = self.hots[turn]
        return hot


# name, share of customers, seconds between sweeps, forwarders?, when its hot wallet is replaced (1: never), and how
# many collect by turns
EXCHANGES = (
    ("Marmalade Exchange", 0.34, 1200, False, 1.0, 1),
    ("Wobblebank", 0.26, 21_600, False, 1.0, 4),
    ("Otterly Exchange", 0.2, 1800, False, 0.55, 1),
    ("Gingersnap Markets", 0.12, 86_400, True, 1.0, 1),
    ("Turnip Trade", 0.08, 43_200, False, 0.7, 1),
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
    size: int  # people
    contracts: Ints  # token contract of each asset; -1 for a native coin
    issuers: Ints  # who may mint each asset
    exchanges: tuple[Exchange, ...] = ()
    truths: Truths = field(default_factory=Truths)
    services: dict[str, int] = field(default_factory=dict)  # single accounts by name
    groups: dict[str, Ints] = field(default_factory=dict)  # several accounts by name, and what planners remember
    pools: Ints = field(default_factory=lambda: np.full(len(ASSETS), -1))  # by asset; -1: no pool
    _backers: list[tuple[int, Ints, Ints, Ints]] = field(default_factory=list)
    _backing: list[Small] = field(default_factory=lambda: [np.empty(0, dtype=np.int32)] * 3)

    @property
    def end(self) -> int:
        """Seconds from the start after which nothing happens."""
        return self.days * DAY - 3600

    def back(self, layer: int, accounts: Ints | list[int], funder: Ints | int, parts: Ints | int) -> None:
        """Say who funds `accounts` when they run dry, in at most `parts` payments per asset and period."""
        shape = (len(accounts),)
        self._backers.append(
            (layer, np.asarray(accounts), np.broadcast_to(funder, shape), np.broadcast_to(parts, shape))
        )

    def read_backing(self) -> tuple[Small, Small, Small]:
        """Layer, funder and number of payments of every account."""
        grown = []
        for column, fill in zip(self._backing, (UNBACKED, 0, 1), strict=True):
            wide = np.full(self.cast.size, fill, dtype=np.int32)
            wide[: len(column)] = column
            grown.append(wide)
        for layer, accounts, funder, parts in self._backers:
            grown[0][accounts], grown[1][accounts], grown[2][accounts] = layer, funder, parts
        self._backers.clear()
        self._backing = grown
        return grown[0], grown[1], grown[2]

    def count(self, per_person: float, least: float, span: Span) -> int:
        """How often something happens in `span`, at least `least` times in the whole life."""
        return int(np.ceil(max(per_person * self.size, least) * span.share))

    def open_wallets(self, role: str, owner: Ints | int, count: int, backer: Ints | int) -> Ints:
        """Open second wallets that `backer`, a main wallet, pays for, or, the harder to read, some exchange."""
        wallets = self.cast.add_accounts(role, owner, count)
        self.back_second(wallets, backer)
        return wallets

    def back_second(self, wallets: Ints, backer: Ints | int) -> None:
        """Let `backer` or an exchange, as the preset has it, pay for second wallets."""
        by_exchange = self.rng.random(len(wallets)) < self.knobs.wallets_funded_by_exchange
        desks = np.array([exchange.desk for exchange in self.exchanges])
        backers = np.broadcast_to(backer, (len(wallets),))
        self.back(SECONDARY, wallets[~by_exchange], backers[~by_exchange], 2)
        self.back(MAIN, wallets[by_exchange], self.rng.choice(desks, int(by_exchange.sum())), 2)

    def open_mains(self, role: str, owner: Ints | int, count: int, parts: int = 4) -> Ints:
        """Open main wallets, each paid for by the desk of some exchange."""
        wallets = self.cast.add_accounts(role, owner, count)
        desks = np.array([exchange.desk for exchange in self.exchanges])
        self.back(MAIN, wallets, self.rng.choice(desks, count), parts)
        return wallets

    def strengths(self, count: int) -> npt.NDArray[np.float64]:
        """Draw how strong each of `count` attacks is: 0 feeble, up to what the preset allows."""
        return (self.rng.random(count) * self.knobs.attacks).round(3)


def found_town(rng: np.random.Generator, days: int, preset: str, size: int) -> Town:
    """Found the town: token contracts, exchanges, services and block producers."""
    market = draw_market(rng, days)
    cast = Cast(np.random.default_rng(rng.integers(2**63)))
    cast.add_accounts("null", cast.add_owner(None, "other"), 1, contract=True)
    producers = _add_producers(cast)
    book = Book(market, np.random.default_rng(rng.integers(2**63)), producers)
    contracts, issuers = _add_tokens(cast)
    town = Town(cast, book, market, rng, PRESETS[preset], days, size, contracts, issuers)
    town.exchanges = tuple(_add_exchange(town, facts) for facts in EXCHANGES)
    _add_services(town)
    _deploy(town)
    return town


def _add_producers(cast: Cast) -> Ints:
    names = ("Lanternfish Pool", "Bumblebuild", "Hedgerow Validators", "Periwinkle Blocks")
    owners = [cast.add_owner(name, "miner") for name in names]
    return np.array([[cast.add_account("block_producer", owner) for owner in owners] for _ in CHAINS])


def _add_tokens(cast: Cast) -> tuple[Ints, Ints]:
    contracts, issuers = np.full(len(ASSETS), -1), np.full(len(ASSETS), -1)
    owners: dict[str, int] = {}
    for index, asset in enumerate(ASSETS):
        if asset.standard == "native":
            continue
        genuine = asset.is_listed or index in COLLECTIONS or asset.symbol in {"TPLP", "oUSDX"}
        name = asset.name if genuine else None
        key = asset.name if genuine else f"{asset.name}, counterfeit"
        if key not in owners:
            category = "nft" if index in COLLECTIONS else "token" if genuine else "phishing_scam"
            owners[key] = cast.add_owner(name, category)
        role = "nft_collection" if index in COLLECTIONS else "token" if genuine else "fake_token"
        contracts[index] = cast.add_account(role, owners[key], contract=True)
        issuers[index] = cast.add_account("deployer", owners[key])
    return contracts, issuers


def _add_exchange(town: Town, facts: tuple[str, float, int, bool, float, int]) -> Exchange:
    name, _, sweep_seconds, has_forwarders, migration, wallets = facts
    cast = town.cast
    owner = cast.add_owner(name, "exchange")
    hots = cast.add_accounts("hot_wallet", owner, wallets if migration == 1.0 else 2)
    desk, cold = cast.add_account("hot_wallet", owner), cast.add_account("cold_wallet", owner)
    gas = cast.add_account("gas_supplier", owner)
    if has_forwarders:
        town.services[f"factory_{owner}"] = cast.add_account("factory", owner, contract=True)
    town.back(DESK, [desk, gas], int(hots[0]), town.days // 2)
    town.back(HOT, hots, cold, town.days // 7 + 1)
    at = int(town.days * migration) * DAY
    return Exchange(owner, hots, desk, cold, gas, sweep_seconds, has_forwarders, at)


# key of the account, its role, its owner's name (null: unknown) and category, the chain, is it a contract?
_SERVICES = (
    ("router", "dex_router", "Teapot Swap", "dex", 0, True),
    ("liquidity", "liquidity_provider", None, "fund_otc", 0, False),
    ("mixer_1", "mixer", "Custard Mixer", "mixer", 0, True),
    ("mixer_10", "mixer", "Custard Mixer", "mixer", 0, True),
    ("relayer", "relayer", None, "infrastructure", 0, False),
    *((f"bridge_{chain}", "bridge", "Biscuit Bridge", "bridge", chain, True) for chain in range(len(CHAINS))),
    *((f"hop_{chain}", "bridge", "Crumpet Hop", "bridge", chain, True) for chain in range(len(CHAINS))),
    ("bridge_relayer", "relayer", "Biscuit Bridge", "bridge", 1, False),
    ("solver", "solver", "Crumpet Hop", "bridge", 1, False),
    ("disperser", "disperser", "Pigeonhole Payouts", "payment_merchant", 0, True),
    ("validator_deposit", "staking", "Hedgehog Staking", "staking_validator", 0, True),
    ("lender", "lending_pool", "Oatmeal Lending", "lending_defi", 0, True),
    ("market", "nft_market", "Magpie Market", "marketplace", 0, True),
    ("market_1", "nft_market", "Magpie Market", "marketplace", 1, True),
    ("market_3", "nft_market", "Magpie Market", "marketplace", 3, True),
    ("names", "name_registry", "Nettle Name Service", "infrastructure", 0, True),
    ("safe_factory", "safe_factory", "Cupboard Safe", "infrastructure", 0, True),
    ("entry_point", "entry_point", "Doormat Accounts", "infrastructure", 0, True),
    ("bundler", "bundler", "Doormat Accounts", "infrastructure", 0, False),
    ("paymaster", "paymaster", "Doormat Accounts", "infrastructure", 0, True),
    ("delegate", "delegate", "Doormat Accounts", "infrastructure", 0, True),
    ("settlement", "settlement", "Thimble Auctions", "dex", 0, True),
    ("settler", "solver", "Thimble Auctions", "dex", 0, False),
    ("custody", "omnibus", "Walnut Custody", "custodian", 0, False),
    ("broker", "hot_wallet", "Snug Brokerage", "exchange", 0, False),
    ("broker_gas", "gas_supplier", "Snug Brokerage", "exchange", 0, False),
    ("custody_gas", "gas_supplier", "Walnut Custody", "custodian", 0, False),
    ("otc", "otc_desk", "Bergamot OTC", "fund_otc", 0, False),
    ("builder", "builder", "Bumblebuild", "miner", 0, False),
)


def _add_services(town: Town) -> None:
    cast = town.cast
    owners = {owner.name: number for number, owner in cast.named.items() if owner.name}
    chains: dict[int, int] = {}
    for key, role, name, category, chain, contract in _SERVICES:
        if name is None or name not in owners:
            owner = cast.add_owner(name, category)
            owners[name or key] = owner
        account = cast.add_account(role, owners[name or key], contract=contract)
        town.services[key] = account
        chains[account] = chain
    dex = owners["Teapot Swap"]
    for asset in SWAPPED:
        town.pools[asset] = cast.add_account("dex_pool", dex, contract=True)
    liquidity = town.services["liquidity"]
    town.back(SECONDARY, town.pools[town.pools >= 0], liquidity, 4)
    town.back(SECONDARY, [town.services["lender"]], liquidity, 4)
    town.back(SECONDARY, [town.services[f"hop_{chain}"] for chain in range(len(CHAINS))], liquidity, 4)
    gas = [town.services[key] for key in ("broker_gas", "custody_gas", "bundler", "paymaster", "settler", "relayer")]
    desks = [town.exchanges[number % len(town.exchanges)].desk for number in range(len(gas))]
    town.back(MAIN, gas, np.array(desks), 6)
    town.groups["service_chain"] = np.array([[account, chain] for account, chain in chains.items()])


def _deploy(town: Town) -> None:
    """Create every contract in the first hour, each by its owner's first key (or a deployer of its own)."""
    owner_of, is_contract = town.cast.owner_of, town.cast.is_contract
    made = np.flatnonzero(is_contract)[1:]
    tokens = np.flatnonzero(~IS_NATIVE)
    issuer_of = dict(zip(town.contracts[tokens].tolist(), town.issuers[tokens].tolist(), strict=True))
    chain_of = dict(town.groups["service_chain"].tolist())
    chain_of |= {int(town.contracts[asset]): ASSETS[asset].chain for asset in tokens.tolist()}
    deployer: dict[int, int] = {}
    signer = []
    for contract in made.tolist():
        owner = int(owner_of[contract])
        if contract not in issuer_of and owner not in deployer:
            deployer[owner] = town.cast.add_account("deployer", owner)
        signer.append(issuer_of.get(contract) or deployer[owner])
    chain = np.array([chain_of.get(contract, 0) for contract in made.tolist()])
    town.book.sign("create", 60 + 24 * np.arange(len(made)), np.array(signer), NOBODY, chain, created=made)
