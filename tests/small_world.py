"""A small world written by hand: a fund of three addresses, two exchanges, strangers, a spammer, a private label."""

from __future__ import annotations

from typing import Any

from intel.entities.names import normalise_name
from tests.snapshots import Asset, Moved, World


def address(digit: str) -> str:
    return "0x" + digit * 40


FUND_1, FUND_2, FUND_3 = address("1"), address("2"), address("3")  # the third only probably
HOT, DEPOSIT, KRAKEN = address("b"), address("d"), address("c")
STRANGER, SUSPECT, SPAMMER, MIXER = address("5"), address("6"), address("9"), address("f")
LABELLED_ONLY = address("8")
DISPUTED = address("7")

ETH = Asset(None, "ETH", 18, is_verified=True)
BNB = Asset(None, "BNB", 18, chain="bsc", is_verified=True)
USDC = Asset(address("a"), "USDC", 6, is_verified=True)
FAKE = Asset("0x" + "ef" * 20, "USDC", 6)
BIG = Asset("0x" + "be" * 20, "BIG", 0, is_oversize=True)
BLANK = Asset("0x" + "ba" * 20, None, None)
NFT = Asset("0x" + "ae" * 20, "APE", None, token_id="42")
DEEP = Asset("0x" + "de" * 20, "DEEP", 37)

ASSETS = [ETH, BNB, USDC, FAKE, BIG, BLANK, NFT, DEEP]
E18 = 10**18


def usdc(when: str, sender: str, receiver: str, dollars: int) -> Moved:
    return Moved(when, sender, receiver, USDC.token, dollars * 10**6, float(dollars))


def ether(when: str, sender: str | None, receiver: str | None, wei: int, usd: float | None, **more: Any) -> Moved:
    return Moved(when, sender, receiver, None, wei, usd, kind=more.pop("kind", "native"), **more)


TRANSFERS = [
    ether("2024-01-01T00:00:00", HOT, FUND_1, 10 * E18, 20_000.0),
    usdc("2024-01-02T00:00:00", HOT, FUND_1, 5_000),
    usdc("2024-01-03T00:00:00", FUND_1, FUND_2, 2_000),
    usdc("2024-01-05T10:00:00", FUND_2, DEPOSIT, 700),
    usdc("2024-01-05T11:00:00", DEPOSIT, HOT, 700),
    usdc("2024-02-01T00:00:00", FUND_1, KRAKEN, 900),
    usdc("2024-02-02T00:00:00", KRAKEN, FUND_2, 100),
    ether("2024-02-03T00:00:00", FUND_1, STRANGER, 2 * E18 + 1, 5_000.0),
    ether("2024-02-04T00:00:00", STRANGER, FUND_1, E18 // 2, 1_250.0),
    ether("2024-02-05T00:00:00", FUND_1, STRANGER, 123, None),
    ether("2024-02-05T00:00:00", FUND_1, None, 21_000, 0.01, kind="fee"),
    usdc("2024-02-06T00:00:00", FUND_1, FUND_1, 1),
    usdc("2024-03-01T00:00:00", STRANGER, FUND_2, 40),
    usdc("2024-03-02T00:00:00", FUND_2, SUSPECT, 60),
    usdc("2024-03-03T00:00:00", SUSPECT, FUND_1, 10),
    Moved("2024-03-04T00:00:00", SPAMMER, FUND_1, FAKE.token, 9_999 * 10**6),
    Moved("2024-03-05T00:00:00", FUND_1, SPAMMER, USDC.token, 0, 0.0),
    Moved("2024-03-06T00:00:00", STRANGER, FUND_1, BIG.token, None, value_text=str(10**40)),
    Moved("2024-03-07T00:00:00", STRANGER, FUND_1, BLANK.token, 777),
    Moved("2024-03-08T00:00:00", STRANGER, FUND_2, NFT.token, 1, kind="erc721", token_id="42"),
    Moved("2024-03-09T00:00:00", STRANGER, FUND_1, DEEP.token, 12345678901234567890123456789012345678),
    Moved("2024-03-10T00:00:00", STRANGER, FUND_1, None, 3 * E18, 900.0, chain="bsc", kind="native"),
    Moved("2024-03-11T00:00:00", FUND_1, HOT, None, E18, 300.0, chain="bsc", kind="native"),
    usdc("2024-03-12T00:00:00", FUND_3, DISPUTED, 5),
    usdc("2024-03-13T00:00:00", HOT, STRANGER, 15),
    usdc("2024-03-14T00:00:00", STRANGER, DEPOSIT, 25),
    ether("2024-03-15T00:00:00", FUND_2, STRANGER, 1, 0.0, is_estimated=True),
    usdc("2024-04-01T00:00:00", FUND_1, DEPOSIT, 300),
    usdc("2024-04-02T00:00:00", FUND_3, FUND_1, 33),
    usdc("2024-04-03T00:00:00", FUND_2, FUND_1, 1_000),
]
COUNTERFEIT, SPOOFED = 15, 16  # positions in TRANSFERS

FUND_MEMBERS = {("ethereum", FUND_1), ("bsc", FUND_1), ("ethereum", FUND_2)}
OWNER_OF = {
    ("ethereum", HOT): "binance", ("ethereum", DEPOSIT): "binance", ("bsc", HOT): "binance",
    ("ethereum", KRAKEN): "kraken", ("ethereum", SUSPECT): "case-7", **dict.fromkeys(FUND_MEMBERS, "alice-fund"),
}  # fmt: skip


def _attributions() -> list[dict[str, Any]]:
    return [
        *({"chain": chain, "address": a, "entity_id": owner} for (chain, a), owner in OWNER_OF.items() if a != SUSPECT),
        {"address": FUND_3, "entity_id": "alice-fund", "tier": "probable", "status": "attributed", "confidence": 0.7,
         "basis": ["gas_supplier"], "reason": "Paid its gas."},
        {"address": SUSPECT, "entity_id": "case-7", "visibility": "private", "reason": "Our own case."},
        {"address": LABELLED_ONLY, "entity_id": "kraken"},
    ]  # fmt: skip


def _labels() -> list[dict[str, Any]]:
    def claim(address: str, entity: str | None, source: str, level: int, **more: Any) -> dict[str, Any]:
        base = {"chain": "evm", "address": address, "entity_id": entity, "entity": entity, "source": source,
                "label": f"{entity} ({source})", "category": "exchange", "level": level, "confidence": "web_crawl",
                "url": f"https://example.org/{source}", "licence": "MIT", "origin": source}  # fmt: skip
        return base | more

    return [
        claim(HOT, "binance", "etherscan", 50),
        claim(HOT, "binance", "tagpack", 70, chain="ethereum"),
        claim(DISPUTED, "binance", "etherscan", 50),
        claim(DISPUTED, "kraken", "forum", 20),
        claim(DISPUTED, "ofac", "ofac", 60, category="sanction"),
        claim(SUSPECT, "case-7", "workspace", 90, visibility="private"),
        claim(LABELLED_ONLY, "kraken", "tagpack", 70),
        claim(STRANGER, None, "forum", 20, category="phishing_scam"),
    ]


def _evidence() -> list[dict[str, Any]]:
    def row(event: str, left: str, right: str | None, relation: str, bits: float, **more: Any) -> dict[str, Any]:
        base = {"left": left, "right": right, "relation": relation, "weight_bits": bits, "event": event,
                "heuristic": "funder", "family": "FUND", "visibility": "public", "weight_is_assumed": True,
                "tx_hashes": [], "reason": "Funded from there."}  # fmt: skip
        return base | more

    return [
        row("e1", DEPOSIT, None, "deposit_of", 9.0, right_entity="binance", reason="It forwards all to Binance."),
        row("e2", FUND_1, FUND_2, "same_controller", 6.5, heuristic="deposit_user", family="FLOW",
            tx_hashes=["0xbb"], weight_is_assumed=False, reason="Both use one deposit address."),
        row("e3", FUND_1, STRANGER, "cannot_link", -8.0, family="NEG", reason="They trade against each other."),
        row("e4", FUND_2, KRAKEN, "funded_by", 1.0),
        row("e5", DISPUTED, KRAKEN, "funded_by", 2.0),
    ]  # fmt: skip


def build_world() -> World:
    entities = [
        {"entity_id": "binance", "name": "Binance", "category": "exchange", "is_custodial": True},
        {"entity_id": "binance-us", "name": "Binance US", "category": "exchange", "parent": "binance"},
        {"entity_id": "kraken", "name": "Kraken", "category": "exchange", "is_custodial": True},
        {"entity_id": "alice-fund", "name": "Alice Fund", "category": "fund_otc"},
        {"entity_id": "alice-dao", "name": "Alice Fund", "category": "dao_multisig"},
        {"entity_id": "case-7", "name": "Case 7", "category": "other", "visibility": "private"},
        {"entity_id": "ofac", "name": "OFAC", "category": "sanction", "kind": "list"},
    ]
    names = [(e["entity_id"], e["name"]) for e in entities] + [("binance", "Binance.com"), ("kraken", "Payward")]
    ledger = {"dataset": "transfers", "chain": "ethereum", "source": "test", "rows": 10}
    coverage = [
        ledger
        | {"kind": "native", "first_block": 1, "last_block": 10, "first_time": "2024-01-01", "last_time": "2024-01-31"},
        ledger
        | {
            "kind": "native",
            "first_block": 14,
            "last_block": 30,
            "first_time": "2024-02-10",
            "last_time": "2024-04-10",
        },
    ]
    deposit = {"event": "tornado_deposit", "address": MIXER, "source": "test"}
    in_cluster = {"cluster_id": "c1", "tier": "confirmed", "visibility": "public"}
    return World(
        transfers=TRANSFERS,
        assets=ASSETS,
        prices=[(ETH, "2024-03-20", 3_000.0), (ETH, "2024-04-10", 3_500.0), (ETH, "2024-04-11", 9_999.0),
                (USDC, "2024-03-01", 1.0)],
        coverage=coverage,
        events=[deposit | {"actor": FUND_1, "block_time": "2024-02-01"},
                deposit | {"actor": None, "block_time": "2024-02-02"}],
        edges=[{"sender": FUND_1, "receiver": KRAKEN, "kind": "any", "transfers": 4, "source": "test"}],
        labels=_labels(),
        entities=entities,
        names=sorted(
            ({"name_key": normalise_name(n), "name": n, "entity_id": i} for i, n in names),
            key=lambda row: row["name_key"],
        ),
        attributions=_attributions(),
        evidence=_evidence(),
        clusters=[in_cluster | {"address": a} for a in (FUND_1, FUND_2)],
        roles=[{"address": STRANGER, "role": "trader", "probability": 0.8, "basis": "model"}],
        asset_flags=[(FAKE, "counterfeit")],
        transfer_flags=[(COUNTERFEIT, "counterfeit"), (SPOOFED, "zero_value_spoof")],
    )  # fmt: skip
