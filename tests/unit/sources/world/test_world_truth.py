"""Does the truth of the simulated economy agree with its ledger, and does it hold every case it promises?"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest

from intel.sources.world import World, generate_world
from intel.sources.world.stories import tell_stories
from intel.sources.world.truths import CASES
from intel.store import Connection

from .conftest import SMALL, load_world


def count(con: Connection, sql: str) -> int:
    return int(con.execute(f"select count(*) from ({sql})").fetchall()[0][0])


@pytest.mark.parametrize("preset", ["easy", "default", "hard"])
def test_each_of_the_twenty_cases_occurs_again_and_again_in_the_smallest_world(preset: str) -> None:
    truth = generate_world(replace(SMALL, preset=preset, periods=2)).truth["never_merge"]
    times: dict[str, int] = defaultdict(int)
    for case in truth["case"].to_pylist():
        times[case] += 1
    assert set(times) == set(CASES)
    assert len(CASES) == 20
    assert min(times.values()) >= 4, times
    strengths = truth["strength"].to_pylist()
    assert 0 <= min(strengths) <= max(strengths) <= 1
    assert len(set(strengths)) > 20


def test_never_merge_pairs_have_two_owners(con: Connection) -> None:
    ends = (
        'select n."case", l.cluster_id as a, r.cluster_id as b from truth_never_merge n '
        'left join truth_owners l on l.chain = n.chain and l.address = n."left" '
        'left join truth_owners r on r.chain = n.chain and r.address = n."right"'
    )
    assert count(con, f"select 1 from ({ends}) where a is null or b is null or a = b") == 0


def test_attacks_leave_their_trace_in_the_ledger(con: Connection) -> None:
    """The two ends of these cases deal with each other in the ledger, whatever their owners."""
    meet = (
        'select n.* from truth_never_merge n where n."case" = $case and not exists (select 1 from lake.transfers t '
        'where t.chain = n.chain and least(t.sender, t.receiver) = least(n."left", n."right") '
        'and greatest(t.sender, t.receiver) = greatest(n."left", n."right"))'
    )
    for case in ("poison_look_alike", "first_funder", "approval_drainer", "exchange_to_exchange"):
        assert con.execute(f"select count(*) from ({meet})", {"case": case}).fetchall() == [(0,)], case


def test_same_owner_is_what_owners_say(con: Connection) -> None:
    wrong = (
        'select 1 from truth_same_owner s where not exists (select 1 from truth_owners o where o.address = s."left" '
        'and o.cluster_id = s.cluster_id) or not exists (select 1 from truth_owners o where o.address = s."right" '
        "and o.cluster_id = s.cluster_id)"
    )
    assert count(con, "from truth_same_owner") > 100
    assert count(con, wrong) == 0
    assert count(con, 'select "right" from truth_same_owner group by 1 having count(*) > 1') == 0


def test_bridge_pairs_arrive_after_they_left_and_lose_only_a_fee(con: Connection) -> None:
    pairs = (
        "select p.*, s.block_time as left_at, r.block_time as arrived_at, s.value_raw::double as sent, "
        "r.value_raw::double as received from truth_bridge_pairs p "
        "join lake.transfers s on s.tx_hash = p.sent_tx_hash and s.kind in ('native', 'erc20') "
        "join lake.transfers r on r.tx_hash = p.received_tx_hash and r.kind in ('internal', 'erc20')"
    )
    assert count(con, pairs) == count(con, "from truth_bridge_pairs") > 15
    late = "arrived_at <= left_at or arrived_at > left_at + interval 1 hour"
    assert count(con, f"select 1 from ({pairs}) where {late} or received >= sent or received < 0.99 * sent") == 0
    ids = "select json_extract_string(details, '$.message_id') as id, tx_hash from lake.events where event = "
    joined = f"({ids}'bridge_sent') s join ({ids}'bridge_received') r using (id)"
    matched = (
        f"select 1 from {joined} join truth_bridge_pairs p on (sent_tx_hash, received_tx_hash) = (s.tx_hash, r.tx_hash)"
    )
    assert count(con, matched) == count(con, "from truth_bridge_pairs where has_id")


def test_laundered_money_reaches_its_end_over_the_thief_s_own_hops(con: Connection) -> None:
    rows = con.execute("select source, terminal, service, usd from truth_laundering").fetchall()
    assert len(rows) >= 9
    for source, terminal, service, usd in rows:
        reached = con.execute(
            """
            with recursive path as (
                select $source as address, 0 as hops
                union
                select t.receiver, p.hops + 1 from path p
                join lake.transfers t on t.sender = p.address and t.kind = 'native'
                join truth_roles r on r.address = t.sender and r.role in ('hacker', 'launderer')
                where p.hops < 8
            )
            select count(*) from path join truth_owners o using (address)
            where address = $terminal or o.entity = $service
            """,
            {"source": source, "terminal": terminal, "service": service},
        ).fetchall()[0][0]
        assert reached, (source, terminal)
        assert usd > 1000
    assert {service for _, _, service, _ in rows} >= {"Custard Mixer", "Crumpet Hop"}


def test_sold_wallets_are_fed_by_the_seller_before_and_by_the_buyer_after(con: Connection) -> None:
    fed = con.execute(
        "select t.block_time < s.sold_at, o.cluster_id = s.seller, o.cluster_id = s.buyer from truth_sales s "
        "join lake.transfers t on t.receiver = s.address and t.kind = 'native' "
        "join truth_owners o on o.address = t.sender and o.chain = t.chain "
        "join truth_roles r on r.address = t.sender and r.chain = t.chain where r.role = 'person'"
    ).fetchall()
    assert len(fed) >= 8
    strangers = [row for row in fed if not (row[1] or row[2])]
    assert len(strangers) < len(fed) / 4, "others may pay a friend there"
    assert all(before == by_seller for before, by_seller, by_buyer in fed if by_seller != by_buyer)


def test_safes_and_smart_accounts_tell_who_signs(con: Connection) -> None:
    told = "select json_extract_string(details, '$.signer') as signer, * from lake.events where event = 'safe_executed'"
    assert count(con, told) > 5
    assert count(con, f"select 1 from ({told}) where signer <> actor") == 0
    named = "select address, json_extract_string(details, '$.owner') as signer from lake.events "
    named += "where event = 'safe_owner_added'"
    assert count(con, f"select 1 from ({told}) anti join ({named}) using (address, signer)") == 0
    operations = "select tx_hash, actor as sender from lake.events where event = 'user_operation'"
    assert count(con, operations) > 10
    assert count(con, f"select 1 from ({operations}) join lake.transactions using (tx_hash, sender)") == 0


def test_profit_is_that_of_plain_average_cost(con: Connection) -> None:
    """Replay the priced transfers of all people in Python, with dictionaries, and compare."""
    owner = dict(con.execute("select chain || address, cluster_id from truth_owners").fetchall())
    bridges = {row[0] for row in con.execute("select address from truth_roles where role = 'bridge'").fetchall()}
    rows = con.execute(
        "select t.chain, t.sender, t.receiver, if(a.symbol = 'WETH', 'ETH', a.symbol), "
        "t.value_raw::double / pow(10, a.decimals), p.usd, t.kind from (select row_number() over () as place, * "
        "from lake.transfers) t join lake.assets a on a.chain = t.chain and a.token is not distinct from t.token "
        "join lake.prices p on p.symbol = a.symbol and p.date = t.block_time::date order by t.block_time, place"
    ).fetchall()
    held: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    for chain, sender, receiver, symbol, quantity, usd, kind in rows:
        payer, payee = owner.get(f"{chain}{sender}"), owner.get(f"{chain}{receiver}")
        if payer == payee:
            continue
        for who, sign in ((payer, -1), (payee, 1)):
            if who is None:
                continue
            lot, total = held[who, symbol], sums[who]
            if sender in bridges or (receiver in bridges and kind != "fee"):
                lot[0] += sign * quantity
            elif sign > 0:
                lot[0] += quantity
                lot[1] += quantity * usd
                total[1] += quantity * usd
            else:
                cost = lot[1] * min(quantity / lot[0], 1.0) if lot[0] > 0 else 0.0
                lot[0] -= quantity
                lot[1] -= cost
                total[0] += quantity * usd - cost
                total[3 if kind == "fee" else 2] += quantity * usd
    last = dict(con.execute("select symbol, arg_max(usd, date) from lake.prices group by symbol").fetchall())
    unrealized: dict[str, float] = defaultdict(float)
    for (who, symbol), (quantity, cost) in held.items():
        unrealized[who] += quantity * last[symbol] - cost
    people = con.execute("select * from truth_pnl").fetchall()
    assert len(people) > 100
    for cluster, realized, paper, received, sent, fees in people:
        wanted = (sums[cluster][0], unrealized[cluster], *sums[cluster][1:])
        assert (realized, paper, received, sent, fees) == pytest.approx(wanted, rel=1e-6, abs=1e-3), cluster


def test_without_traces_the_source_says_so() -> None:
    world = generate_world(replace(SMALL, lacks_traces=True))
    kinds = {kind for batch in world.batches("transfers") for kind in batch["kind"].to_pylist()}
    assert "internal" not in kinds
    assert "internal" not in {part.kind for part in world.coverage}


def test_orphans_stood_at_the_same_height_under_another_hash(world: World) -> None:
    assert world.orphans("blocks").num_rows == 0
    shaken = generate_world(replace(SMALL, reorgs=6))
    orphans = load_world(shaken)
    orphans.register("orphans", shaken.orphans("blocks"))
    both = "orphans o join lake.blocks b using (chain, block_number)"
    assert count(orphans, f"select 1 from {both} where o.block_hash <> b.block_hash") >= 6
    assert count(orphans, f"select 1 from {both} where o.block_hash = b.block_hash") == 0
    heights = set(shaken.orphans("blocks")["block_number"].to_pylist())
    assert set(shaken.orphans("transfers")["block_number"].to_pylist()) <= heights


def test_stories_are_about_addresses_of_the_ledger(world: World, con: Connection) -> None:
    stories = tell_stories(world)
    roles = [
        con.execute("select any_value(role) from truth_roles where address = $a", {"a": story.address}).fetchall()[0][0]
        for story in stories
    ]
    assert roles == ["deposit", "sybil", "hacker"]
    assert "Marmalade Exchange" in stories[0].found
