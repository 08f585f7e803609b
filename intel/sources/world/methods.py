"""How are contracts called, and what do they say? Methods with their gas, events with their details."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Method:
    """A way to call: selector, gas in thousands, bytes of input, transaction type."""

    name: str
    selector: str | None
    kilo_gas: int
    input_length: int
    type: int = 2


METHODS = (
    Method("send", None, 21, 0),
    Method("token_transfer", "0xa9059cbb", 46, 68),
    Method("swap", "0x38ed1739", 140, 260),
    Method("swap_coin_in", "0x7ff36ab5", 130, 228),
    Method("swap_coin_out", "0x18cbafe5", 135, 260),
    Method("disperse_token", "0xc73a2d60", 900, 3300),
    Method("multi_transfer_from", "0x23b872dd", 420, 1100),
    Method("mixer_deposit", "0xb214faa5", 950, 36),
    Method("mixer_withdraw", "0x21a0adb6", 340, 484),
    Method("bridge_send", "0x0f5287b0", 120, 196),
    Method("bridge_release", "0xc6878519", 150, 420),
    Method("create", "0x60806040", 1300, 5200),
    Method("mint", "0x40c10f19", 60, 68),
    Method("wrap", "0xd0e30db0", 45, 4),
    Method("create_forwarder", "0x3d602d80", 110, 68),  # called by way of the factory: `created` is the clone
    Method("flush", "0x6b9f96ea", 52, 4),
    Method("approve", "0x095ea7b3", 46, 68),
    Method("permit", "0xd505accf", 78, 228),
    Method("transfer_from", "0x23b872dd", 62, 100),
    Method("approve_all", "0xa22cb465", 46, 68),
    Method("safe_execute", "0x6a761202", 95, 580),
    Method("create_safe", "0x1688f0b9", 280, 420),
    Method("user_operations", "0x1fad948c", 210, 900),
    Method("set_code", "0x8d80ff0a", 70, 132, 4),
    Method("nft_mint", "0x1249c58b", 95, 4),
    Method("nft_buy", "0xfb0f3ee1", 160, 900),
    Method("nft_list", "0x42842e0e", 80, 100),
    Method("lend", "0x617ba037", 190, 132),
    Method("redeem", "0x69328dec", 200, 100),
    Method("add_liquidity", "0xe8e33700", 210, 260),
    Method("remove_liquidity", "0xbaa2abde", 200, 228),
    Method("register_name", "0x74694a2b", 270, 420),
    Method("set_record", "0xd5fa2b00", 60, 68),
    Method("transfer_name", "0x5b0fc9c3", 65, 68),
    Method("settle_batch", "0x13d79a0b", 380, 2200),
    Method("arbitrage", "0x9c2f1a07", 240, 180),
)
METHOD = {method.name: index for index, method in enumerate(METHODS)}
KILO_GAS = np.array([method.kilo_gas for method in METHODS])


@dataclass(frozen=True, slots=True)
class EventKind:
    """What an event says: names of its two facts; a name that ends in `_account` is written as an address."""

    name: str
    first: str | None = None
    second: str | None = None
    is_public: bool = True  # false: truth, never in the lake


EVENTS = (
    EventKind("approval", "spender_account"),
    EventKind("permit", "spender_account"),
    EventKind("approval_for_all", "operator_account"),
    EventKind("bridge_sent", "message_id", "recipient_account"),
    EventKind("bridge_received", "message_id", "recipient_account"),
    EventKind("safe_created", "threshold", "owners"),
    EventKind("safe_owner_added", "owner_account", "threshold"),
    EventKind("safe_executed", "signer_account", "signatures"),
    EventKind("forwarder_created", "parent_account", "factory_account"),
    EventKind("name_registered", "name_number", "owner_account"),
    EventKind("name_transferred", "name_number", "owner_account"),
    EventKind("name_record_set", "name_number", "target_account"),
    EventKind("reverse_record_set", "name_number"),
    EventKind("user_operation", "sender_account", "paymaster_account"),
    EventKind("account_created", "owner_account"),
    EventKind("authorization", "delegate_account"),
    EventKind("mixer_deposit"),
    EventKind("mixer_withdrawal", "recipient_account"),
    EventKind("nft_listed", "token_number", "collection_account"),
    EventKind("pair_sent", "pair", is_public=False),
    EventKind("pair_received", "pair", is_public=False),
)
EVENT = {event.name: index for index, event in enumerate(EVENTS)}
IS_PUBLIC = np.array([event.is_public for event in EVENTS])
