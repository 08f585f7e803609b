"""Which assets circulate in the simulated economy, and what is each worth on a given day?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Chain:
    """One ledger: its native coin and the seconds between two blocks."""

    slug: str
    block_seconds: int
    gas_gwei: float


CHAINS = (Chain("ethereum", 12, 16.0), Chain("polygon", 2, 60.0), Chain("arbitrum", 1, 0.2), Chain("base", 2, 0.15))


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset on one chain. Amounts inside the simulation are whole grains (see `grain_decimals`)."""

    chain: int  # index into CHAINS
    symbol: str
    name: str
    decimals: int
    usd: float  # price on the first day
    drift: float  # yearly, log scale
    volatility: float  # daily, log scale
    standard: str = "erc20"
    lists: int = 8
    is_listed: bool = True  # false: a counterfeit, in no list and without a price

    @property
    def grain_decimals(self) -> int:
        """Decimals of one grain: few enough that sums of every amount fit 64 bits; gas is paid in 10^-9 coins."""
        if self.usd >= 1 or self.standard == "native":
            return min(self.decimals, 9)
        return min(self.decimals, 6 if self.usd >= 0.1 else 3)


# Every token name is made up; ETH, WETH and POL are the coins of the chains.
_DOLLAR = ("USDX", "Demo Dollar", 6, 1.0, 0.0, 0.0006)
ASSETS = (
    Asset(0, "ETH", "Ether", 18, 1800.0, 0.35, 0.030, "native", 99),
    Asset(0, "WETH", "Wrapped Ether", 18, 1800.0, 0.35, 0.030, "erc20", 12),
    Asset(0, *_DOLLAR, lists=14),
    Asset(0, "EURQ", "Demo Euro", 6, 1.09, 0.0, 0.004, lists=7),
    Asset(0, "USDJ", "Juniper Dollar", 18, 1.0, 0.0, 0.0009, lists=9),
    Asset(0, "GLIMR", "Glimmerstone", 18, 4.2, 0.2, 0.045, lists=9),
    Asset(0, "KELPT", "Kelptide", 18, 0.35, -0.4, 0.06, lists=6),
    Asset(0, "ORBLE", "Orblewood", 18, 27.0, 0.5, 0.05),
    Asset(0, "FERNY", "Fernybank", 8, 61.0, 0.1, 0.04, lists=6),
    Asset(0, "QUOLP", "Quolpwater", 18, 0.018, -0.8, 0.08, lists=5),
    Asset(0, "MOSSY", "Mossybottom", 18, 12.5, 0.0, 0.035, lists=5),
    Asset(0, "VINDL", "Vindlewick", 18, 1.6, 0.9, 0.07, lists=6),
    Asset(0, "CINDR", "Cinderbrook", 18, 0.0009, -1.0, 0.1, lists=5),
    Asset(0, "THRUM", "Thrumwell", 18, 2.9, 0.3, 0.05, lists=6),
    Asset(0, "PIPIT", "Pipitfeather", 18, 0.11, -0.2, 0.07, lists=6),
    Asset(0, "BRAMB", "Bramblegate", 18, 7.7, 0.1, 0.05, lists=5),
    Asset(0, "TARNE", "Tarnewater", 6, 0.44, -0.6, 0.06, lists=5),
    Asset(0, "WISPA", "Wisparoot", 18, 0.0031, -0.9, 0.09, lists=5),
    Asset(0, "OXBOW", "Oxbow Dock", 18, 18.3, 0.4, 0.04, lists=7),
    Asset(0, "LICHN", "Lichenstone", 9, 0.92, 0.0, 0.06, lists=5),
    Asset(0, "SPRKL", "Sprinklesip", 18, 0.7, -0.5, 0.07, lists=6),
    Asset(0, "DRIZL", "Drizzlecap", 18, 0.31, -0.7, 0.08, lists=5),
    Asset(0, "PUDLE", "Puddlemark", 18, 1.2, -0.6, 0.08, lists=5),
    Asset(1, "POL", "Polygon Coin", 18, 0.8, -0.2, 0.04, "native", 99),
    Asset(1, *_DOLLAR, lists=9),
    Asset(1, "KELPT", "Kelptide", 18, 0.35, -0.4, 0.06, lists=5),
    Asset(2, "ETH", "Ether", 18, 1800.0, 0.35, 0.030, "native", 99),
    Asset(2, *_DOLLAR, lists=9),
    Asset(2, "GLIMR", "Glimmerstone", 18, 4.2, 0.2, 0.045, lists=5),
    Asset(2, "MARLN", "Marlinspike", 18, 3.3, 0.3, 0.06, lists=5),
    Asset(3, "ETH", "Ether", 18, 1800.0, 0.35, 0.030, "native", 99),
    Asset(3, *_DOLLAR, lists=9),
    Asset(3, "ORBLE", "Orblewood", 18, 27.0, 0.5, 0.05, lists=5),
    Asset(3, "FROND", "Frondlight", 18, 0.6, 0.2, 0.07, lists=5),
    # In no list and without a price: counterfeits, spam, shares of a pool, claims on a lender, collections.
    Asset(0, "USDX", "Demo Dollar", 6, 0.0, 0.0, 0.0, lists=0, is_listed=False),
    Asset(0, "GLIMR", "Glimmerstone", 18, 0.0, 0.0, 0.0, lists=0, is_listed=False),
    Asset(0, "GIFT9", "Visit gift9.example", 18, 0.0, 0.0, 0.0, lists=0, is_listed=False),
    Asset(1, "BONUS", "Claim at bonus.example", 18, 0.0, 0.0, 0.0, lists=0, is_listed=False),
    Asset(3, "MEOWX", "Meowx", 18, 0.0, 0.0, 0.0, lists=0, is_listed=False),
    Asset(0, "TPLP", "Teapot Pool Share", 6, 0.0, 0.0, 0.0, lists=0, is_listed=False),
    Asset(0, "oUSDX", "Oatmeal Lent Dollar", 6, 0.0, 0.0, 0.0, lists=0, is_listed=False),
    Asset(0, "POTCAT", "Pottery Cats", 0, 0.0, 0.0, 0.0, "erc721", 0, is_listed=False),
    Asset(0, "TEACUP", "Teacups of the Realm", 0, 0.0, 0.0, 0.0, "erc721", 0, is_listed=False),
    Asset(3, "MOTHS", "Moths at Dusk", 0, 0.0, 0.0, 0.0, "erc721", 0, is_listed=False),
    Asset(1, "SPOONS", "Enchanted Spoons", 0, 0.0, 0.0, 0.0, "erc1155", 0, is_listed=False),
)


def find_asset(chain: int, symbol: str, *, is_listed: bool = True) -> int:
    """Index of the asset that goes by `symbol` on `chain`."""
    return next(
        index
        for index, asset in enumerate(ASSETS)
        if (asset.chain, asset.symbol, asset.is_listed) == (chain, symbol, is_listed)
    )


ETH, WETH, USDX = 0, 1, 2
AIRDROPPED = tuple(find_asset(0, symbol) for symbol in ("SPRKL", "DRIZL", "PUDLE"))
FAKE_USDX, FAKE_GLIMR = find_asset(0, "USDX", is_listed=False), find_asset(0, "GLIMR", is_listed=False)
SPAM = tuple(find_asset(chain, name, is_listed=False) for chain, name in ((0, "GIFT9"), (1, "BONUS"), (3, "MEOWX")))
POOL_SHARE, LENT_DOLLAR = find_asset(0, "TPLP", is_listed=False), find_asset(0, "oUSDX", is_listed=False)
COLLECTIONS = tuple(index for index, asset in enumerate(ASSETS) if asset.standard in {"erc721", "erc1155"})
SWAPPED = tuple(range(USDX, AIRDROPPED[-1] + 1))  # each has one pool against WETH
PAID_IN = np.array([ETH, *range(USDX, AIRDROPPED[0] + 1)])  # what people of the first chain hold
DOLLAR = np.array([find_asset(chain, "USDX") for chain in range(len(CHAINS))])  # by chain

ASSET_CHAIN = np.array([asset.chain for asset in ASSETS])
NATIVE = np.array([index for index, asset in enumerate(ASSETS) if asset.standard == "native"])  # by chain
FAR_PAID = np.array([[coin, dollar] for coin, dollar in zip(NATIVE, DOLLAR, strict=True)])  # by chain
IS_NATIVE = np.array([asset.standard == "native" for asset in ASSETS])
GRAINS = np.array([10**asset.grain_decimals for asset in ASSETS], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Market:
    """Daily prices, shape (assets, days), and daily gas prices in milli-gwei, shape (chains, days)."""

    usd: Floats
    gas: Floats

    def convert(self, usd: Floats, asset: Ints, time: Ints) -> Ints:
        """Grains of `asset` that `usd` bought on the day of `time`, rounded to three or four leading digits."""
        price = self.usd[asset, time // DAY]
        grains = usd / np.where(price > 0, price, 1.0) * GRAINS[asset]
        unit = 10.0 ** np.maximum(np.floor(np.log10(np.maximum(grains, 1.0))) - 3, 0)
        rounded: Ints = (np.maximum(np.round(grains / unit), 1) * unit).astype(np.int64)
        return rounded

    def exchange(self, amount: Ints, sold: Ints, bought: Ints, time: Ints) -> Ints:
        """Grains of `bought` paid out for `amount` grains of `sold`, after a fee of 0.3 %."""
        day = time // DAY
        rate = self.usd[sold, day] / self.usd[bought, day] * GRAINS[bought] / GRAINS[sold]
        return np.maximum((amount * rate * 0.997).astype(np.int64), 1)


def draw_market(rng: np.random.Generator, days: int) -> Market:
    """Draw a random walk of prices and gas; one symbol has one price on every chain."""
    prices = np.zeros((len(ASSETS), days))
    walks: dict[str, Floats] = {}
    for index, asset in enumerate(ASSETS):
        if not asset.is_listed:
            continue
        symbol = "ETH" if asset.symbol == "WETH" else asset.symbol
        if symbol not in walks:
            steps = rng.normal(asset.drift / 365, asset.volatility, days)
            steps[0] = 0.0
            walk = np.cumsum(steps)
            if asset.drift == 0.0 and asset.volatility < 0.01:  # a peg pulls back
                walk = steps
            walks[symbol] = np.round(asset.usd * np.exp(walk), 8)
        prices[index] = walks[symbol]
    noise = rng.normal(0, 0.25, (len(CHAINS), days)).clip(-0.6, 0.6)
    gas = np.array([chain.gas_gwei for chain in CHAINS])[:, None] * 1000 * np.exp(noise)
    return Market(prices, gas)
