"""Is the simulated economy a ledger one can rely on: repeatable, solvent, in lake columns, with matching truth?"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace

import pyarrow as pa
import pytest

from intel.errors import BadInput
from intel.model import COUNTED_KINDS
from intel.sources.categories import load_categories
from intel.sources.world import PRESETS, World, WorldSettings, generate_world
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables, read_tables
from intel.store.lake import lake_schema

DATASETS = ("transfers", "transactions", "blocks", "events", "tokens", "prices", "assets", "labels", "actors")
ZERO = "0x" + "0" * 40
SMALL = WorldSettings(transfers=22_000, days=120)


def read_table(world: World, dataset: str) -> pa.Table:
    return pa.Table.from_batches(world.batches(dataset), lake_schema(dataset))


def count(con: Connection, sql: str) -> int:
    row = con.execute(f"select count(*) from ({sql})").fetchone()
    assert row is not None
    return int(row[0])


def test_one_seed_repeats() -> None:
    first, second = generate_world(SMALL), generate_world(SMALL)
    for dataset in DATASETS:
        assert read_table(first, dataset).equals(read_table(second, dataset)), dataset
    assert all(first.truth[name].equals(second.truth[name]) for name in first.truth)
    assert first.coverage == second.coverage
    assert first.private_labels.equals(second.private_labels)


def test_batch_size_changes_nothing() -> None:
    whole, cut = generate_world(SMALL), generate_world(replace(SMALL, rows=777))
    for dataset in ("transfers", "transactions", "blocks", "events"):
        assert read_table(whole, dataset).equals(read_table(cut, dataset)), dataset


def test_ten_seeds_differ() -> None:
    hashes = set()
    for seed in range(10):
        batch = next(generate_world(replace(SMALL, seed=seed)).batches("transfers"))
        hashes.add(batch["tx_hash"][5000].as_py())
    assert len(hashes) == 10


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("periods", [1, 4])
def test_nobody_spends_what_he_does_not_have(preset: str, periods: int) -> None:
    """Replay every transfer in ledger order with exact Python integers: shares no code with the world."""
    world = generate_world(replace(SMALL, preset=preset, seed=periods, periods=periods))
    balances: dict[tuple[str, str, str | None, str | None], int] = defaultdict(int)
    columns = ["chain", "token", "token_id", "sender", "receiver", "value_raw", "block_number", "kind", "tx_hash"]
    last_block: dict[str, int] = defaultdict(int)
    for batch in world.batches("transfers"):
        rows = zip(*(batch[column].to_pylist() for column in columns), strict=True)
        for chain, token, token_id, sender, receiver, value, block, kind, tx_hash in rows:
            assert block >= last_block[chain], "rows are in the order of the chain"
            last_block[chain] = block
            if sender not in {None, ZERO}:
                balances[chain, sender, token, token_id] -= int(value)
                assert balances[chain, sender, token, token_id] >= 0, (kind, tx_hash, sender)
            if receiver is not None:
                balances[chain, receiver, token, token_id] += int(value)


def test_money_is_made_only_by_rewards_mints_and_wraps(con: Connection) -> None:
    made = con.execute(
        "select kind, count(*) from lake.transfers where sender is null group by kind order by kind"
    ).fetchall()
    assert {kind for kind, _ in made} == {"reward", "withdrawal", "wrap"}
    assert count(con, "select 1 from lake.transfers where receiver is null and kind <> 'unwrap'") == 0


def test_wrapped_coins_are_backed_by_coins(con: Connection) -> None:
    row = con.execute(
        "with weth as (select token from lake.tokens where symbol = 'WETH') select "
        "(select sum(if(kind = 'wrap', value_raw, -value_raw)) from lake.transfers where kind in ('wrap', 'unwrap')), "
        "(select sum(if(t.receiver = w.token, value_raw, -value_raw)) from lake.transfers t, weth w "
        " where t.token is null and (receiver = w.token or sender = w.token))"
    ).fetchone()
    assert row is not None
    assert row[0] == row[1] > 0


def test_edges_have_no_rows(world: World) -> None:
    assert list(world.batches("edges")) == []


def test_columns_are_those_of_the_lake(world: World) -> None:
    con = open_connection()
    con.execute("create schema lake")
    create_tables(con, "lake")
    for dataset in DATASETS:
        con.register("batches", read_table(world, dataset))
        wanted = con.execute(f"describe lake.{dataset}").fetchall()
        assert [row[:2] for row in con.execute("describe batches").fetchall()] == [row[:2] for row in wanted]
    assert set(DATASETS) <= set(read_tables()["lake"])


def test_keys_are_unique_and_text_is_well_formed(con: Connection) -> None:
    key = "chain, tx_hash, kind, position, sub_position"
    assert count(con, f"select {key} from lake.transfers group by all having count(*) > 1") == 0
    assert count(con, "select chain, tx_hash from lake.transactions group by all having count(*) > 1") == 0
    assert count(con, "select chain, sender, nonce from lake.transactions group by all having count(*) > 1") == 0
    assert (
        count(con, "select chain, block_number, tx_index from lake.transactions group by all having count(*) > 1") == 0
    )
    for column in ("sender", "receiver", "token", "initiator"):
        bad = f"select 1 from lake.transfers where not regexp_full_match({column}, '0x[0-9a-f]{{40}}')"
        assert count(con, bad) == 0, column
    assert count(con, "select 1 from lake.transfers where not regexp_full_match(tx_hash, '0x[0-9a-f]{64}')") == 0


def test_transactions_blocks_and_transfers_agree(con: Connection) -> None:
    joined = "lake.transfers t join lake.transactions x using (chain, tx_hash)"
    assert count(con, f"select 1 from {joined} where t.initiator <> x.sender or t.block_time <> x.block_time") == 0
    assert count(con, f"select 1 from {joined} where t.kind = 'fee' and t.value_raw <> x.fee_raw") == 0
    assert count(con, f"select 1 from {joined} where t.kind = 'native' and t.value_raw <> x.value_raw") == 0
    assert count(con, f"select 1 from {joined} where t.kind = 'fee'") == count(con, "select 1 from lake.transactions")
    outside = "select kind from lake.transfers anti join lake.transactions using (chain, tx_hash)"
    assert count(con, f"select 1 from ({outside}) where kind not in ('reward', 'withdrawal')") == 0
    assert (
        count(con, "select 1 from lake.transfers t anti join lake.blocks b using (chain, block_number, block_time)")
        == 0
    )
    assert count(con, "select 1 from lake.transactions where fee_raw <> gas_limit * gas_price") == 0


def test_failed_transactions_cost_their_fee_and_move_nothing(con: Connection) -> None:
    failed = "select t.kind from lake.transactions x join lake.transfers t using (chain, tx_hash) where not x.success"
    assert count(con, failed) > 5
    assert con.execute(f"select distinct kind from ({failed})").fetchall() == [("fee",)]


def test_deposits_are_swept_to_their_exchange_alone(con: Connection) -> None:
    out = (
        "select d.exchange, o.entity, r.role from lake.transfers t "
        "join (select distinct deposit, exchange from truth_deposits) d on t.sender = d.deposit "
        "join truth_owners o on o.address = t.receiver and o.chain = t.chain "
        "join truth_roles r on r.address = t.receiver and r.chain = t.chain where t.kind <> 'fee'"
    )
    assert count(con, out) > 300
    assert count(con, f"select 1 from ({out}) where entity <> exchange or role not in ('hot_wallet', 'omnibus')") == 0


def test_deposits_are_paid_by_their_users_and_gas_suppliers(con: Connection) -> None:
    tills = (
        "select deposit from truth_deposits join truth_owners o on o.cluster_id = user "
        "where entity is null group by 1 having count(*) = 0"
    )
    assert count(con, tills) == 0
    paid = (
        "select t.receiver, t.kind, r.role, s.entity, o.entity as exchange, "
        "s.cluster_id in (select user from truth_deposits d where d.deposit = t.receiver) as by_user "
        "from lake.transfers t "
        "join truth_roles q on q.address = t.receiver and q.chain = t.chain and q.role = 'deposit' "
        "join truth_owners o on o.address = t.receiver and o.chain = t.chain "
        "join truth_owners s on s.address = t.sender and s.chain = t.chain "
        "join truth_roles r on r.address = t.sender and r.chain = t.chain"
    )
    assert count(con, f"select 1 from ({paid}) where by_user") > 300
    strangers = f"select * from ({paid}) where not by_user and role not in ('gas_supplier', 'duster')"
    merchants = f"select receiver from ({strangers}) group by 1"
    assert count(con, merchants) == 2, "the tills of two merchants are paid by their customers"
    assert count(con, f"select 1 from ({paid}) where role = 'gas_supplier' and entity <> exchange") == 0


def test_a_few_deposits_are_shared_by_two_users_in_default_and_none_in_easy(con: Connection) -> None:
    shared = "select deposit from truth_deposits group by 1 having count(distinct user) {}"
    assert count(con, shared.format("= 2")) > 0
    assert count(con, shared.format("> 2")) == 0
    easy = generate_world(replace(SMALL, preset="easy")).truth["deposits"]
    users = easy.group_by("deposit").aggregate([("user", "count_distinct")])["user_count_distinct"].to_pylist()
    assert set(users) == {1}


def test_default_has_people_who_look_like_deposits_and_easy_has_none() -> None:
    found = {}
    for preset in ("easy", "default"):
        world = generate_world(WorldSettings(transfers=90_000, preset=preset))
        con = open_connection()
        con.register("transfers", read_table(world, "transfers"))
        con.register("roles", world.truth["roles"])
        found[preset] = count(
            con,
            "select sender from transfers where kind <> 'fee' "
            "and sender in (select address from roles where role = 'person') group by sender having count(*) >= 2 "
            "and bool_and(receiver in (select address from roles where role = 'hot_wallet'))",
        )
    assert found["easy"] == 0
    assert 5 < found["default"] < 100


def test_poisoners_move_nothing_of_their_victims(con: Connection) -> None:
    poison = (
        "select t.* from lake.transfers t join truth_roles r on r.address = t.receiver and r.chain = t.chain "
        "where r.role = 'look_alike' and t.initiator <> t.sender and t.kind = 'erc20' "
        f"and t.sender <> '{ZERO}'"
    )
    assert count(con, poison) > 10
    assert count(con, f"select 1 from ({poison}) where value_raw <> 0") == 0
    genuine = (
        f"select p.receiver from ({poison}) p join lake.transfers t on t.sender = p.sender and t.initiator = t.sender "
        "and t.block_number < p.block_number and t.receiver <> p.receiver "
        "and left(t.receiver, 6) = left(p.receiver, 6) and right(t.receiver, 4) = right(p.receiver, 4)"
    )
    assert count(con, f"select distinct receiver from ({genuine})") == count(
        con, f"select distinct receiver from ({poison})"
    )


def test_swaps_have_several_legs_signed_by_one_person(con: Connection) -> None:
    legs = (
        "select tx_hash, count(*) as legs, count(distinct initiator) as signers from lake.transfers "
        "join truth_roles r on r.role = 'dex_pool' and r.address in (sender, receiver) "
        "where initiator in (select address from truth_roles where role = 'person') group by 1"
    )
    assert count(con, f"select 1 from ({legs}) where signers <> 1") == 0
    assert count(con, f"select 1 from ({legs}) where legs >= 2") > 100


def test_truth_knows_every_address_of_the_ledger_once(con: Connection) -> None:
    seen = (
        "select chain, sender as address from lake.transfers where sender is not null union "
        "select chain, receiver from lake.transfers where receiver is not null union "
        "select chain, initiator from lake.transfers where initiator is not null"
    )
    for table in ("owners", "roles"):
        assert count(con, f"select * from ({seen}) anti join truth_{table} using (chain, address)") <= 4  # zero address
        assert count(con, f"select chain, address from truth_{table} group by all having count(*) > 1") == 0


def test_labels_speak_the_vocabulary_and_err_a_little(con: Connection) -> None:
    categories = {row[0] for row in con.execute("select distinct category from lake.labels").fetchall()}
    assert categories <= set(load_categories())
    labelled = con.execute(
        "select o.entity, l.entity, l.source from lake.labels l join truth_owners o using (address) "
        "where l.entity is not null and l.category in ('exchange', 'exchange_deposit')"
    ).fetchall()
    wrong = [source for owner, said, source in labelled if owner != said]
    assert wrong
    assert set(wrong) == {"world-forum"}, "only the forum errs"
    assert len({said for _, said, source in labelled if source == "world-disclosure"}) == 5
    disputed = "select address from lake.labels where entity is not null group by 1 having count(distinct entity) > 1"
    assert count(con, disputed) >= 2
    assert count(con, "select distinct source_date from lake.labels") > 50


def test_counterfeits_share_a_symbol_but_are_not_verified(con: Connection) -> None:
    twins = "select symbol from lake.tokens where chain = 'ethereum' group by 1 having count(distinct token) > 1"
    assert count(con, twins) == 2
    assert count(con, "select chain, symbol from lake.assets group by all having count(*) > 1") == 0
    assert count(con, "select 1 from lake.assets a anti join lake.prices p using (symbol)") == 0


def test_coverage_is_whole_and_counts_the_rows(world: World, con: Connection) -> None:
    for part in world.coverage:
        assert part.first_block == 0
        where = " and kind = $kind" if part.kind else ""
        params = {"chain": part.chain, "last": part.last_block} | ({"kind": part.kind} if part.kind else {})
        row = con.execute(
            f"select count(*) from lake.{part.dataset} where chain = $chain and block_number <= $last{where}", params
        ).fetchone()
        assert row == (part.rows,)
    assert {part.kind for part in world.coverage if part.dataset == "transfers"} == set(COUNTED_KINDS)
    assert sum(part.rows for part in world.coverage if part.dataset == "transfers") == count(con, "from lake.transfers")


def test_the_usual_size_is_generated_in_seconds() -> None:
    begin = time.perf_counter()
    world = generate_world(WorldSettings())
    assert time.perf_counter() - begin < 15  # about half a second alone; the machine may be busy
    rows = sum(part.rows for part in world.coverage if part.dataset == "transfers")
    assert 0.9 < rows / 200_000 < 1.1
    assert world.truth["roles"].column("role").to_pylist().count("deposit") > 2000
    addresses = len(set(world.truth["owners"]["address"].to_pylist()))
    labelled = {address for batch in world.batches("labels") for address in batch["address"].to_pylist()}
    assert 0.01 < len(labelled) / addresses < 0.04
    assert 0 < world.private_labels.num_rows < 0.002 * addresses


def test_impossible_settings_are_refused_with_a_hint() -> None:
    for settings in (WorldSettings(transfers=100), WorldSettings(days=3), WorldSettings(preset="brutal")):
        with pytest.raises(BadInput) as caught:
            generate_world(settings)
        assert caught.value.hint
    with pytest.raises(BadInput):
        list(generate_world(SMALL).batches("movements"))
