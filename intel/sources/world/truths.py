"""What do only evaluators know? Facts that planners write down while they plan."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from intel.sources.world.market import Ints

# The twenty cases of SCIENCE.md E in which two owners must never become one, by number.
CASES = (
    "poison_look_alike", "deposit_dust", "first_funder", "safe_named_owner", "name_record", "approval_drainer",
    "shared_hot_wallet", "shared_custody", "mixer_denomination", "joint_transaction", "multisender_recipients",
    "common_relayer", "common_delegate", "common_thief", "payroll_siblings", "pool_and_router", "vanity_prefix",
    "market_escrow", "exchange_to_exchange", "sold_wallet_or_name",
)  # fmt: skip
CASE = {case: index for index, case in enumerate(CASES)}


@dataclass
class Truths:
    """Columns of accounts and owners, collected in parts; text comes last."""

    never_merge: list[tuple[int, Ints, Ints, Ints, npt.NDArray[np.float64]]] = field(default_factory=list)
    deposits: list[tuple[Ints, Ints, Ints]] = field(default_factory=list)  # deposit account, exchange owner, user owner
    laundering: list[tuple[Ints, Ints, Ints, Ints]] = field(
        default_factory=list
    )  # hack, source, service, micro-dollars
    sales: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)  # account, old and new owner, time

    def keep_apart(
        self, case: str, left: Ints | int, right: Ints, strength: npt.NDArray[np.float64] | float, chain: Ints | int = 0
    ) -> None:
        """Write down pairs of accounts of different owners that a ledger makes look like one."""
        shape = (len(right),)
        self.never_merge.append((
            CASE[case], np.broadcast_to(left, shape), right, np.broadcast_to(chain, shape),
            np.broadcast_to(np.asarray(strength, dtype=np.float64), shape),
        ))  # fmt: skip

    def keep_neighbours_apart(
        self, case: str, accounts: Ints, owners: Ints, strength: npt.NDArray[np.float64] | float = 0.5,
        chain: Ints | int = 0,
    ) -> None:  # fmt: skip
        """Write down each account with the next one of the group, where their owners differ."""
        differ = np.flatnonzero((owners[:-1] != owners[1:]) & (accounts[:-1] != accounts[1:]))
        shape = (len(accounts),)
        strong, chains = np.broadcast_to(np.asarray(strength, dtype=float), shape), np.broadcast_to(chain, shape)
        self.keep_apart(case, accounts[differ], accounts[differ + 1], strong[differ], chains[differ])
