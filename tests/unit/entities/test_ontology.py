"""Do labels end at the right entity, and does no list own anything?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest

from intel.entities.ontology import resolve_labels
from intel.sources.categories import load_trust_scale
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables
from intel.store.lake import lake_schema

A, B, C, D = ("0x" + digit * 40 for digit in "abcd")


def build(labels: Sequence[Mapping[str, Any]], actors: Sequence[Mapping[str, Any]] = ()) -> Connection:
    """Resolve labels on a ledger of A..D on ethereum, A also on polygon; visibility is public unless given."""
    con = open_connection(threads=1)
    for schema in ("facts", "beliefs"):
        con.execute(f"attach ':memory:' as {schema}")
        create_tables(con, schema)
    con.execute("insert into facts.addresses (address_id, chain, address) select * from (values "
                "(1, 'ethereum', $a), (2, 'ethereum', $b), (3, 'ethereum', $c), (4, 'ethereum', $d), "
                "(5, 'polygon', $a), (6, 'tron', $a))", {"a": A, "b": B, "c": C, "d": D})  # fmt: skip
    schema = lake_schema("labels").append(pa.field("visibility", pa.string()))
    defaults = {"chain": "ethereum", "source": "test", "confidence": "service_data", "visibility": "public"}
    con.register("labels_in", pa.Table.from_pylist([{**defaults, **row} for row in labels], schema=schema))
    con.register("actors_in", pa.Table.from_pylist(list(actors), schema=lake_schema("actors")))
    resolve_labels(con)
    return con


def anchors(con: Connection, columns: str = "address_id, entity_id") -> list[tuple[Any, ...]]:
    return con.execute(f"select {columns} from beliefs.anchors order by address_id, visibility").fetchall()


def owners(con: Connection) -> list[str]:
    rows = con.execute("select entity_id from beliefs.entities where kind = 'owner' order by 1").fetchall()
    return [row[0] for row in rows]


def test_spellings_meet_and_a_label_holds_on_its_chain_only() -> None:
    con = build(
        [
            {"address": A, "entity": "Huobi", "category": "exchange"},
            {"address": B, "entity": "HTX", "category": "exchange"},
            {"address": C, "entity": "Curve.fi", "category": "dex"},
            {"address": D, "entity": "curve finance", "category": "dex"},
        ]
    )
    assert anchors(con) == [(1, "htx"), (2, "htx"), (3, "curve"), (4, "curve")]
    report = con.execute("select kind from beliefs.ontology_report where kind <> 'unlisted'").fetchall()
    assert report == []


def test_an_evm_label_holds_on_every_evm_chain() -> None:
    con = build([{"address": A, "chain": "evm", "entity": "Kraken", "category": "exchange"}])
    assert anchors(con) == [(1, "kraken"), (5, "kraken")]


@pytest.mark.parametrize("category", ["sanction", "phishing_scam", "hack", "blacklisted"])
def test_a_list_owns_nothing(category: str) -> None:
    con = build(
        [
            {"address": A, "entity": "Tornado.Cash", "category": "mixer"},
            {"address": A, "entity": "Asset listed under US Treasury OFAC Sanctions List", "category": category,
             "confidence": "ownership"},
            {"address": B, "entity": "Bag, Tea", "label": "OFAC SDN: BAG, Tea", "category": category},
            {"address": C, "entity": "Binance", "label": "Binance phishing", "category": category},
        ]
    )  # fmt: skip
    assert anchors(con, "address_id, entity_id, rival_entity_id") == [(1, "tornado-cash", None)]
    assert owners(con) == ["tornado-cash"]
    listed = con.execute("select distinct entity_id from beliefs.labels where category = $1", [category]).fetchall()
    assert listed == ([("ofac-sdn",)] if category == "sanction" else [(None,)])
    flagged = con.execute("select text, candidates, addresses from beliefs.ontology_report where kind = 'flagged'")
    assert flagged.fetchall() == [("tornado-cash", category, 1)]


def test_name_tags_mint_operators_but_no_tokens() -> None:
    explorer = {"source": "etherscan_dump_dawsbot", "confidence": None}
    con = build(
        [
            {**explorer, "address": A, "entity": "Tea Clipper", "label": "Tea Clipper: Deployer", "category": "other"},
            {**explorer, "address": B, "entity": "Earl Coin X", "label": "Earl Coin X", "category": "other"},
            {**explorer, "address": C, "entity": "Leafpay", "label": "Leafpay", "category": "payment_merchant"},
            {**explorer, "address": D, "entity": "Tea (TEA)", "label": "Tea (TEA)", "category": "exchange"},
        ]
    )
    assert anchors(con, "address_id, entity_id, role") == [(1, "tea-clipper", "deployer"), (3, "leafpay", None)]
    kinds = con.execute("select kind, text from beliefs.ontology_report order by kind, text").fetchall()
    assert kinds == [
        ("unlisted", "Leafpay"), ("unlisted", "Tea Clipper"),
        ("unresolved", "Earl Coin X"), ("unresolved", "Tea (TEA)"),
    ]  # fmt: skip


def test_deposit_labels_give_the_role() -> None:
    con = build(
        [
            {"address": A, "entity": "Binance", "label": "Binance: Deposit", "category": "exchange"},
            {"address": B, "entity": "Binance", "label": "Binance 14", "category": "exchange"},
            {
                "address": B,
                "category": "exchange_deposit",
                "label": "exchange_deposit_address",
                "source": "hop-airdrop",
            },
            {
                "address": C,
                "category": "exchange_deposit",
                "label": "exchange_deposit_address",
                "source": "hop-airdrop",
            },
            {"address": D, "entity": "Binance", "label": "Binance: Hot Wallet 2", "category": "exchange"},
        ]
    )
    assert anchors(con, "address_id, role") == [(1, "deposit"), (2, "deposit"), (4, "hot_wallet")]


def test_copies_count_once_and_agreement_raises_confidence_below_the_ceiling() -> None:
    claim = {"entity": "Kraken", "category": "exchange", "confidence": None}
    copies = [{**claim, "source": s} for s in ("etherscan_dump_dawsbot", "etherscan_dump_brianleect", "forta_labelled")]
    con = build(
        [
            *({**row, "address": A} for row in copies),
            *({**row, "address": B} for row in copies),
            {**claim, "address": B, "source": "ton_labels"},
            *({**claim, "address": C, "source": f"s{n}", "confidence": "trusted_provider"} for n in range(30)),
        ]
    )
    p, ceiling = next((p, ceiling) for level, p, ceiling in load_trust_scale().levels if level == 50)
    rows = anchors(con, "address_id, origins, confidence")
    assert [(row[0], row[1]) for row in rows] == [(1, 1), (2, 2), (3, 30)]
    one, two, many = (row[2] for row in rows)
    assert (one, many) == (p, ceiling)
    assert one < two < many


def test_the_best_claim_wins_and_an_unrelated_rival_is_kept() -> None:
    con = build(
        [
            {"address": A, "entity": "Kraken", "category": "exchange", "confidence": "web_crawl"},
            {"address": A, "entity": "Bitfinex", "category": "exchange", "confidence": "authority_data"},
            {"address": B, "entity": "Binance", "category": "exchange"},
            {"address": B, "entity": "Binance US", "category": "exchange", "confidence": "web_crawl"},
        ]
    )
    assert anchors(con, "address_id, entity_id, level, rival_entity_id, rival_level") == [
        (1, "bitfinex", 60, "kraken", 20), (2, "binance", 50, None, None),
    ]  # fmt: skip
    conflicts = con.execute("select text from beliefs.ontology_report where kind = 'conflict'").fetchall()
    assert conflicts == [("bitfinex | kraken",)]


def test_private_labels_stay_in_the_private_layer() -> None:
    con = build(
        [
            {"address": A, "entity": "Kraken", "category": "exchange"},
            {
                "address": A,
                "entity": "Secret Tea",
                "category": "exchange",
                "confidence": "ownership",
                "visibility": "private",
            },
            {"address": B, "entity": "Secret Tea", "category": "exchange", "visibility": "private"},
        ]
    )
    assert anchors(con, "address_id, visibility, entity_id") == [
        (1, "private", "secret-tea"), (1, "public", "kraken"), (2, "private", "secret-tea"),
    ]  # fmt: skip
    hidden = con.execute("select entity_id from beliefs.entities where visibility = 'private'").fetchall()
    assert hidden == [("secret-tea",)]


def test_public_tags_learn_nothing_from_private_names() -> None:
    tag = {"entity": "Earl Grey X", "label": "Earl Grey X", "category": "other", "source": "etherscan_dump_dawsbot"}
    con = build([{**tag, "address": A}, {**tag, "address": B, "source": "mine", "visibility": "private"}])
    assert anchors(con, "address_id, visibility, entity_id") == [(2, "private", "earl-grey-x")]
    public = con.execute("select entity_id from beliefs.labels where visibility = 'public'").fetchall()
    assert public == [(None,)]
    assert con.execute("select text from beliefs.ontology_report").fetchall() == [("Earl Grey X",)]
    assert con.execute("select visibility from beliefs.entities").fetchall() == [("private",)]


def test_the_trade_of_an_actor() -> None:
    actors = [
        {"slug": "teaswap", "name": "Teaswap", "categories": "organization|exchange|defi_dex", "source": "a"},
        {"slug": "teapay", "name": "Teapay", "categories": "organization", "source": "a"},
        {"slug": "teabank", "name": "Teabank", "categories": "exchange", "source": "a"},
    ]
    claims = [
        {"address": A, "entity": "Teaswap", "category": "exchange"},
        {"address": B, "entity": "teapay", "category": "payment_merchant"},
        {"address": C, "entity": "Teabank 3", "category": "other"},
    ]
    con = build(claims, actors)
    rows = con.execute("select entity_id, category, is_custodial from beliefs.entities order by 1").fetchall()
    assert rows == [
        ("teabank", "exchange", True), ("teapay", "payment_merchant", False), ("teaswap", "dex", False),
    ]  # fmt: skip


def test_retracted_labels_say_nothing() -> None:
    con = build([{"address": A, "entity": "Kraken", "category": "exchange", "retracted_at": None},
                 {"address": B, "entity": "Gemini", "category": "exchange", "retracted_at": 0}])  # fmt: skip
    assert anchors(con) == [(1, "kraken")]


def test_rows_in_any_order_give_the_same_beliefs() -> None:
    labels = [
        {"address": a, "entity": e, "category": "exchange", "confidence": c, "source": s}
        for a in (A, B) for e in ("Kraken", "Gemini", "Tea Clipper", "tea clipper")
        for c in ("web_crawl", "service_data") for s in ("x", "y")
    ]  # fmt: skip
    there, back = build(labels), build(labels[::-1])
    for table in ("labels", "entities", "entity_names", "anchors", "ontology_report"):
        query = f"select * from beliefs.{table}"
        assert there.execute(query).fetchall() == back.execute(query).fetchall(), table


def test_lists_name_addresses_beside_their_owner_and_only_where_they_say_so() -> None:
    con = build(
        [
            {"address": A, "entity": "Kraken", "category": "exchange"},
            {"address": A, "chain": "evm", "label": "OFAC SDN", "category": "sanction", "source": "list-1"},
            {"address": B, "label": "Fake_Phishing1", "category": "phishing_scam", "source": "mine",
             "visibility": "private"},
            {"address": C, "entity": "Gemini", "category": "exchange"},
        ]
    )  # fmt: skip
    found = con.execute(
        "select address_id, category, source, visibility from beliefs.listings order by 1, 2"
    ).fetchall()
    assert found == [
        (1, "sanction", "list-1", "public"),
        (2, "phishing_scam", "mine", "private"),
        (5, "sanction", "list-1", "public"),  # the same hex on polygon, and not on tron
    ]
    assert (1, "kraken") in anchors(con)
