"""How fast do a node's answers become transfers, beside ethereum-etl, and how much of an ingest's time is ours?

    .venv/bin/python bench/rpc.py decode LOGS [--logs 1000000] [--peer PYTHON]
    .venv/bin/python bench/rpc.py node URL --blocks A:B
    .venv/bin/python bench/rpc.py anvil [--blocks 2000] [--transactions 30]

LOGS is a file of recorded logs, one JSON object or list of them per line, as eth_getLogs answers or ethereum-etl
writes them. They are repeated up to --logs as answers to eth_getBlockReceipts, each time in other transactions.
--peer is the Python of an environment with ethereum-etl, which wants an older web3 than ours. Both read the same text
in the same run, and every transfer of the one must be one of the other, in every column.

What is compared: (1) from the text of receipts to transfers. Ethereum-etl's: json.loads, its mapper, its extractor,
one object per transfer with hex texts and an int. Ours: one walk over the text, and columns of hashes, tokens, parties,
exact amounts, positions and blocks; logs in odd forms (amounts from 2^120 on, unindexed arguments, other events) go
through the SQL that the ingest has for them, with all its checks. (2) From logs already parsed to transfers, beside its
job for that and beside the bare function in the job. (3) Told for ours alone: all that an ingest makes of blocks and
receipts before it writes, with fees, tips and initiators. Seconds are processor seconds of all threads (cpu) and of
the clock (wall): where others use the machine, only those of the processor mean something.

`anvil` fills a fresh node and measures it as `node` does: the wall; for how much of it a request was under way; the
rest, in which the node waited for us; how long our writing part waited for answers; our processor seconds.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import requests

from intel.config import Settings
from intel.etl.logs import STANDARD_EVENTS
from intel.etl.node_blocks import stage_logs, stage_odd_logs
from intel.etl.stage import settle_rows
from intel.following import Progress, ingest_rpc
from intel.sources.chains import find_chain
from intel.sources.files import FILE_COLUMN, ROW_COLUMN, RawTable
from intel.sources.json_columns import Walked, walk_texts
from intel.sources.rpc_blocks import RawBlocks
from intel.sources.rpc_tables import RECEIPTS, Unpacking, unpack_blocks
from intel.sources.rpc_transfers import UsualTransfers, read_numbers
from intel.store import Connection, open_connection
from tests.live.nodes import STARTED, WETH, start_anvil

_LOGS_OF_BLOCK = 250
_BLOCKS_OF_ANSWER = 20
_ANSWERS_OF_CHUNK = 50  # as many rows as a commit has
_PEER = """
import inspect, json, logging, sys, time
inspect.getargspec = inspect.getfullargspec  # what ethereum-etl needs of others' old releases
logging.disable(logging.CRITICAL)
from blockchainetl.jobs.exporters.in_memory_item_exporter import InMemoryItemExporter
from ethereumetl.jobs.extract_token_transfers_job import ExtractTokenTransfersJob
from ethereumetl.mappers.receipt_log_mapper import EthReceiptLogMapper
from ethereumetl.service.token_transfer_extractor import EthTokenTransferExtractor
mapper, extractor = EthReceiptLogMapper(), EthTokenTransferExtractor()
times = {key: [0.0, 0.0] for key in ("text", "job", "bare")}
def add(key, start):
    times[key][0] += time.perf_counter() - start[0]
    times[key][1] += time.process_time() - start[1]
def now():
    return time.perf_counter(), time.process_time()
with open(sys.argv[2], "w") as out:
    for line in open(sys.argv[1]):
        start = now()
        receipts = [r for answer in json.loads(line) for r in answer["result"]]
        logs = [mapper.json_dict_to_receipt_log(log) for receipt in receipts for log in receipt["logs"]]
        parsed = now()
        moved = [extractor.extract_transfer_from_log(log) for log in logs]
        add("bare", parsed)
        add("text", start)
        rows = [mapper.receipt_log_to_dict(log) for log in logs]
        for row in rows:
            row["topics"] = ",".join(row["topics"])
        exporter = InMemoryItemExporter(["token_transfer"])
        start = now()
        ExtractTokenTransfersJob(rows, 100, 1, exporter).run()
        add("job", start)
        found = [one for one in moved if one is not None]
        assert len(exporter.get_items("token_transfer")) == len(found)
        for t in found:
            told = [t.transaction_hash, t.log_index, t.block_number, t.token_address, t.from_address, t.to_address]
            out.write(",".join(map(str, [*told, t.value])) + "\\n")
print(json.dumps(times))
"""
# What ethereum-etl tells of a transfer; of an ERC-721 it calls the id its value.
_MOVED = "kind in ('erc20', 'erc721', 'erc20_or_erc721')"
_SAME = f"""
select tx_hash, position, block_number, token, sender, receiver, amount::varchar as value from usual
union all select tx_hash, position, block_number, token, sender, receiver,
    case kind when 'erc721' then token_id else coalesce(value_raw::varchar, value_text) end
from stage.transfers_raw_unusual_logs where issue is null and {_MOVED}
"""
# Logs that are not usual, in the columns of the ingest, as far as receipts alone tell them.
_ODD = f"""
create or replace temp table raw_logs as
select l.row as {ROW_COLUMN}, 'bench' as {FILE_COLUMN}, 'ethereum' as chain, r.blockNumber::bigint as block_number,
    null::timestamp as block_time, l.transactionHash as tx_hash, l.logIndex::bigint as position,
    lower(l.address) as token, lower(topics0) as topic0, lower(topics1) as topic1, lower(topics2) as topic2,
    lower(topics3) as topic3, lower(data) as data, r."from" as initiator, false as is_wrapped_coin
from told_logs l join told_receipts r on r.row = l.parent
where lower(topics0) in {STANDARD_EVENTS} and l.row not in (select row from usual)
"""


def read_recorded(path: Path) -> list[dict[str, Any]]:
    """Return the recorded logs as a node writes them in receipts."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        for log in told if isinstance(told, list) else [told]:
            topics = log["topics"]
            if isinstance(topics, str):
                topics = [topic for topic in topics.replace("'", "").strip("[]").replace(",", " ").split() if topic]
            if topics:
                found.append({"address": log["address"], "topics": topics, "data": log["data"]})
    return found


def write_answers(folder: Path, recorded: list[dict[str, Any]], logs: int) -> tuple[Path, Path]:
    """Write answers to eth_getBlockByNumber and eth_getBlockReceipts that hold the logs over and over."""
    blocks, receipts = folder / "blocks", folder / "receipts"
    with blocks.open("w", encoding="utf-8") as block_file, receipts.open("w", encoding="utf-8") as receipt_file:
        number, taken = 0, 0
        while taken < logs:
            heads, bodies = [], []
            for _ in range(_BLOCKS_OF_ANSWER):
                chosen = [recorded[(taken + n) % len(recorded)] for n in range(min(_LOGS_OF_BLOCK, logs - taken))]
                taken += len(chosen)
                head, body = make_block(number, chosen)
                heads.append({"jsonrpc": "2.0", "id": number, "result": head})
                bodies.append({"jsonrpc": "2.0", "id": number, "result": body})
                number += 1
            block_file.write(json.dumps(heads) + "\n")
            receipt_file.write(json.dumps(bodies) + "\n")
    return blocks, receipts


def make_block(number: int, logs: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a block whose transactions bear five logs each, and its receipts."""
    block_hash, transactions, receipts = f"0x{number + 1:064x}", [], []
    for index in range(0, len(logs), 5):
        tx_hash, sender = f"0x{number:032x}{index:032x}", f"0x{number * 1000 + index:040x}"
        place = {"transactionHash": tx_hash, "blockNumber": hex(number), "blockHash": block_hash}
        place["transactionIndex"] = hex(index // 5)
        transactions.append({
            "hash": tx_hash, "nonce": "0x1", "transactionIndex": hex(index // 5), "from": sender, "to": sender,
            "value": "0x0", "gas": "0x5208", "gasPrice": "0x3b9aca00", "input": "0x", "type": "0x2",
        })  # fmt: skip
        written = [{**log, **place, "logIndex": hex(index + n)} for n, log in enumerate(logs[index : index + 5])]
        receipts.append({
            **place, "from": sender, "to": sender, "status": "0x1", "gasUsed": "0x5208", "logs": written,
            "effectiveGasPrice": "0x3b9aca00", "contractAddress": None, "logsBloom": "0x" + "0" * 512,
        })  # fmt: skip
    head = {
        "number": hex(number), "hash": block_hash, "parentHash": f"0x{number:064x}", "timestamp": hex(1_600_000_000),
        "miner": "0x" + "0" * 40, "baseFeePerGas": "0x1", "difficulty": "0x0", "transactions": transactions,
    }  # fmt: skip
    return head, receipts


class Clock:
    """Adds up wall and processor seconds by name."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def add(self, name: str, start: tuple[float, float]) -> None:
        """Add what passed since `start` (of `now`)."""
        told = self.times.setdefault(name, [0.0, 0.0])
        told[0] += time.perf_counter() - start[0]
        told[1] += time.process_time() - start[1]

    @staticmethod
    def now() -> tuple[float, float]:
        """Return the moment."""
        return time.perf_counter(), time.process_time()


def decode_ours(receipts: Path, clock: Clock, theirs: Path | None) -> tuple[int, int]:
    """Measure text to transfers, and logs to transfers; return how many there are, and how many are not the peer's."""
    con = open_connection(threads=2)
    con.execute("attach ':memory:' as stage")
    if theirs:
        con.execute(
            "create table theirs as from read_csv(?, header = false, all_varchar = true, columns = {'tx_hash': "
            "'varchar', 'position': 'bigint', 'block_number': 'bigint', 'token': 'varchar', 'sender': 'varchar', "
            "'receiver': 'varchar', 'value': 'varchar'}, auto_detect = false)", [str(theirs)]
        )  # fmt: skip
        con.execute("create table ours as from theirs limit 0")
    bodies = receipts.read_bytes().splitlines()
    count = 0
    for start in range(0, len(bodies), _ANSWERS_OF_CHUNK):
        count += decode_part(con, bodies[start : start + _ANSWERS_OF_CHUNK], clock, keeps=bool(theirs))
    differ = 0
    if theirs:
        one, other = "(from ours except all from theirs)", "(from theirs except all from ours)"
        differ = con.execute(f"select count(*) from ({one} union all {other})").fetchall()[0][0]
    con.close()
    return count, differ


def decode_part(con: Connection, bodies: list[bytes], clock: Clock, *, keeps: bool) -> int:
    """Decode some answers to eth_getBlockReceipts; return how many transfers there are."""
    usual, spent = UsualTransfers(), Clock()

    def add(text: Any, walked: Walked, before: Any) -> None:
        start = Clock.now()
        usual.add(text, walked, before)
        spent.add("add", start)

    begin = Clock.now()
    walked = walk_texts(RECEIPTS, bodies, add)
    told = {"told_receipts": walked.table("receipts"), "told_logs": walked.table("logs")}
    middle = Clock.now()
    found = usual.table(walked)
    blocks = pa.array(read_numbers(walked, "receipts", "blockNumber")[found["parent"].to_numpy()])
    for name, table in {**told, "usual": found.append_column("block_number", blocks)}.items():
        con.register(name, table)
    con.execute(_ODD)
    columns = {str(row[0]): str(row[1]) for row in con.execute("describe raw_logs").fetchall()}
    staged = stage_odd_logs(con, RawTable("raw_logs", (Path("bench"),), columns), "bench")
    settle_rows(con, [staged])
    clock.add("text", begin)
    clock.add("logs", (middle[0] - spent.times["add"][0], middle[1] - spent.times["add"][1]))
    if keeps:
        con.execute(f"insert into ours {_SAME}")
    odd = con.execute(f"select count(*) from stage.{staged.name} where issue is null and {_MOVED}").fetchall()[0][0]
    for name in (*told, "usual"):
        con.unregister(name)
    return len(found) + int(odd)


def read_whole(blocks: Path, receipts: Path, clock: Clock) -> None:
    """Measure all that an ingest makes of blocks and receipts before it settles and writes."""
    con = open_connection(threads=2)
    con.execute("attach ':memory:' as stage")
    how = Unpacking(find_chain("ethereum"), "bench")
    heads, bodies = blocks.read_bytes().splitlines(), receipts.read_bytes().splitlines()
    for start in range(0, len(heads), _ANSWERS_OF_CHUNK):
        part = slice(start, start + _ANSWERS_OF_CHUNK)
        last = (start + len(heads[part])) * _BLOCKS_OF_ANSWER - 1
        raw = RawBlocks(start * _BLOCKS_OF_ANSWER, last, heads[part], bodies[part], [], [], [])
        begin = Clock.now()
        stage_logs(con, unpack_blocks(con, raw, how), "bench")
        clock.add("whole", begin)
    con.close()


def compare_decoding(path: Path, logs: int, peer: str) -> None:
    """Print both tools' times and the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        blocks, receipts = write_answers(Path(folder), read_recorded(path), logs)
        print(f"{logs:,} logs, {receipts.stat().st_size / 1e6:,.0f} MB of receipts")
        theirs = Path(folder) / "theirs.csv"
        told = subprocess.run([peer, "-c", _PEER, receipts, theirs], check=True, capture_output=True)
        peers: dict[str, list[float]] = json.loads(told.stdout)
        count, differ = decode_ours(receipts, Clock(), theirs)  # compiles, too, where nothing was compiled yet
        print(f"{count:,} transfers, {differ:,} of which are not the same in both")
        ours = []
        for _ in range(3):
            clock = Clock()
            decode_ours(receipts, clock, None)
            ours.append(clock.times)
        whole = Clock()
        read_whole(blocks, receipts, whole)
        print_ratios(ours, peers, whole.times["whole"])


def print_ratios(ours: list[dict[str, list[float]]], peers: dict[str, list[float]], whole: list[float]) -> None:
    """Print what both tools took, by both clocks."""
    rows = [
        ("(1) receipts' text to transfers", "text", "text"),
        ("(2) logs to transfers, its job", "logs", "job"),
        ("(2) logs to transfers, its bare function", "logs", "bare"),
    ]
    for which, unit in ((1, "cpu"), (0, "wall")):
        for what, mine, other in rows:
            best = min(one[mine][which] for one in ours)
            said = f"ours {best:6.2f} s, ethereum-etl {peers[other][which]:6.2f} s"
            print(f"{what:>42}, {unit:>4}: {said}, {peers[other][which] / best:5.1f} times")
        print(f"{'(3) all before writing':>42}, {unit:>4}: ours {whole[which]:6.2f} s")


def measure_node(url: str, blocks: str) -> None:
    """Print how an ingest's wall time parts into the node's and ours."""
    first, _, last = blocks.partition(":")
    seen: list[Progress] = []
    with tempfile.TemporaryDirectory() as folder:
        start = Clock.now()
        report = ingest_rpc(Settings(store=Path(folder) / "store"), url, (int(first), int(last)), tell=seen.append)
        wall, cpu = (after - before for after, before in zip(Clock.now(), start, strict=True))
    busy, waited = seen[-1].busy_seconds, seen[-1].node_seconds
    print(f"{sum(report.rows.values()):,} rows in {wall:.2f} s: {report.rows}")
    print(f"node: a request was under way for {busy:.2f} s, {busy / wall:.1%}; we waited for answers {waited:.2f} s")
    print(f"ours: the node waited for us {wall - busy:.2f} s, {(wall - busy) / wall:.1%} of the wall")
    print(f"ours: {cpu:.2f} processor seconds, {cpu / wall:.1%} of the wall")


def measure_anvil(blocks: int, transactions: int) -> None:
    """Fill an anvil and measure it: coins moved, wrapped and unwrapped, approvals, and two token transfers of six."""
    with tempfile.TemporaryDirectory() as folder, start_anvil(Path(folder), "--no-mining") as node:
        people = [f"0x{(0xAB << 152) + number:040x}" for number in range(200)]
        ask(node.url, [("anvil_autoImpersonateAccount", [True])])
        ask(node.url, [("anvil_setBalance", [one, hex(10**24)]) for one in people])
        chance = random.Random(1)
        for block in range(blocks):
            calls: list[tuple[str, list[Any]]] = [
                ("eth_sendTransaction", [draw_transaction(chance, people, number % 6 if block else 1)])
                for number in range(transactions)
            ]
            calls += [("evm_setNextBlockTimestamp", [STARTED + 12 * (block + 1)]), ("evm_mine", [])]
            ask(node.url, calls)
        for _ in range(2):  # the first compiles and reads what later ones have in memory
            measure_node(node.url, f"0:{blocks}")


def draw_transaction(chance: random.Random, people: list[str], kind: int) -> dict[str, str]:
    """Return a transaction between two of the people, or of one with the wrapped coin."""
    sender, other = chance.sample(people, 2)
    amount, party = f"{chance.randrange(10**12):064x}", f"{int(other, 16):064x}"
    base = {"from": sender, "gas": "0x186a0", "maxFeePerGas": hex(20 * 10**9), "maxPriorityFeePerGas": hex(10**9)}
    if kind == 0:
        return base | {"to": other, "value": hex(chance.randrange(10**15))}
    if kind == 1:
        return base | {"to": WETH, "value": hex(10**18 + chance.randrange(10**15)), "data": "0xd0e30db0"}
    data = {2: f"0x2e1a7d4d{amount}", 3: f"0x095ea7b3{party}{amount}"}.get(kind, f"0xa9059cbb{party}{amount}")
    return base | {"to": WETH, "value": "0x0", "data": data}


def ask(url: str, calls: list[tuple[str, list[Any]]]) -> None:
    """Send a batch of requests that must all succeed."""
    body = [{"jsonrpc": "2.0", "id": n, "method": method, "params": params} for n, (method, params) in enumerate(calls)]
    answers = requests.post(url, json=body, timeout=120).json()
    assert not [one for one in answers if "error" in one], answers


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    decode = parts.add_parser("decode")
    decode.add_argument("logs_file", type=Path, metavar="LOGS")
    decode.add_argument("--logs", type=int, default=1_000_000)
    decode.add_argument("--peer", default=sys.executable, metavar="PYTHON")
    node = parts.add_parser("node")
    node.add_argument("url", metavar="URL")
    node.add_argument("--blocks", required=True, metavar="A:B")
    anvil = parts.add_parser("anvil")
    anvil.add_argument("--blocks", type=int, default=2_000)
    anvil.add_argument("--transactions", type=int, default=30)
    told = parser.parse_args()
    if told.part == "decode":
        compare_decoding(told.logs_file, told.logs, told.peer)
    elif told.part == "anvil":
        measure_anvil(told.blocks, told.transactions)
    else:
        measure_node(told.url, told.blocks)


if __name__ == "__main__":
    main()
