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


CHAINS = (Chain("ethereum", 12, 16.0), Chain("polygon", 2, 60.0))


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
        return min(self.decimals, 9 if self.usd >= 1 or self.standard == "native" else 6)


# Every token name is made up; ETH, WETH and POL are the coins of the two chains.
ASSETS = (
    Asset(0, "ETH", "Ether", 18, 1800.0, 0.35, 0.030, "native", 99),
    Asset(0, "WETH", "Wrapped Ether", 18, 1800.0, 0.35, 0.030, "erc20", 12),
    Asset(0, "USDX", "Demo Dollar", 6, 1.0, 0.0, 0.0006, "erc20", 14),
    Asset(0, "EURQ", "Demo Euro", 6, 1.09, 0.0, 0.004, "erc20", 7),
    Asset(0, "GLIMR", "Glimmerstone", 18, 4.2, 0.2, 0.045, "erc20", 9),
    Asset(0, "KELPT", "Kelptide", 18, 0.35, -0.4, 0.06, "erc20", 6),
    Asset(0, "ORBLE", "Orblewood", 18, 27.0, 0.5, 0.05, "erc20", 8),
    Asset(0, "FERNY", "Fernybank", 8, 61.0, 0.1, 0.04, "erc20", 6),
    Asset(0, "QUOLP", "Quolpwater", 18, 0.018, -0.8, 0.08, "erc20", 5),
    Asset(0, "MOSSY", "Mossybottom", 18, 12.5, 0.0, 0.035, "erc20", 5),
    Asset(0, "VINDL", "Vindlewick", 18, 1.6, 0.9, 0.07, "erc20", 6),
    Asset(0, "CINDR", "Cinderbrook", 18, 0.0009, -1.0, 0.1, "erc20", 5),
    Asset(0, "SPRKL", "Sprinklesip", 18, 0.7, -0.5, 0.07, "erc20", 6),
    Asset(0, "USDX", "Demo Dollar", 6, 0.0, 0.0, 0.0, "erc20", 0, is_listed=False),
    Asset(0, "GLIMR", "Glimmerstone", 18, 0.0, 0.0, 0.0, "erc20", 0, is_listed=False),
    Asset(1, "POL", "Polygon Coin", 18, 0.8, -0.2, 0.04, "native", 99),
    Asset(1, "USDX", "Demo Dollar", 6, 1.0, 0.0, 0.0006, "erc20", 9),
)

ETH, WETH, USDX, SPRKL, FAKE_USDX, FAKE_GLIMR, POL, POLYGON_USDX = 0, 1, 2, 12, 13, 14, 15, 16
SWAPPED = tuple(range(USDX, SPRKL + 1))  # each has one pool against WETH
PAID_IN = np.array([ETH, USDX, 3, 4, 5, 6, 7, 8, 9, 10, 11, SPRKL])  # what people of the first chain hold

ASSET_CHAIN = np.array([asset.chain for asset in ASSETS])
NATIVE = np.array([ETH, POL])  # by chain
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
