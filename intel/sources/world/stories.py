"""Where should a newcomer look first in the simulated economy? A few addresses with something to find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from intel.sources.world import World


@dataclass(frozen=True, slots=True)
class Story:
    """A question, the address to ask it about, and what there is to find."""

    question: str
    address: str
    found: str


def tell_stories(world: World) -> Sequence[Story]:
    """Three stories of this world: an exchange's customer, a farm, a hack; the addresses are in the ledger."""
    town, seen = world.town, world.life.seen[0]
    roles = np.array(town.cast.roles)[town.cast.role_of]
    deposits = np.flatnonzero((roles == "deposit") & seen & (town.cast.owner_of == town.exchanges[0].owner))
    exchange = town.cast.find_owner(town.exchanges[0].owner).name
    farm = np.flatnonzero((roles == "sybil") & seen)
    farmers, sizes = np.unique(town.cast.owner_of[farm], return_counts=True)
    largest = farm[town.cast.owner_of[farm] == farmers[np.argmax(sizes)]]
    _, source, end, _ = max(world.town.truths.laundering, key=lambda row: int(row[3][0]))
    service = town.cast.find_owner(int(town.cast.owner_of[int(end[0])])).name
    subjects = np.array([deposits[len(deposits) // 2], largest[0], int(source[0])])
    texts = town.cast.write_addresses(subjects).to_pylist()
    return (
        Story("Whose deposit address is this?", texts[0], f"{exchange}, and who pays into it"),
        Story("Who funded this wallet, and which others?", texts[1], f"one of {len(largest)} wallets of one farmer"),
        Story("Where did this thief's money go?", texts[2], f"over hops to {service} among others"),
    )
