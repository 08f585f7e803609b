"""How fast do a node's answers become transfers, beside ethereum-etl, and how much of an ingest's time is ours?

    .venv/bin/python bench/rpc.py decode LOGS [--logs 1000000] [--peer PYTHON]
    .venv/bin/python bench/rpc.py node URL --blocks A:B

LOGS is a file of recorded logs, one JSON object or list of them per line, as eth_getLogs answers or ethereum-etl
writes them. They are repeated up to --logs as answers to eth_getBlockReceipts, each time in other transactions.
--peer is the Python of an environment with ethereum-etl, which wants an older web3 than ours. Both read the same
answers in the same run. Of ethereum-etl three times are told: from the text of receipts to transfers; its job that
extracts token transfers, from logs as it stores them; and the bare function inside. Ours are from the text (where
blocks, transactions, fees and tips are read as well), and from logs as we store them to checked rows of the lake's
columns. Wall seconds of one machine are noise, the ratios are the result; where others
use the machine, those of processor seconds (of all threads together).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from intel.config import Settings
from intel.etl.node_blocks import stage_logs
from intel.following import Progress, ingest_rpc
from intel.sources.chains import find_chain
from intel.sources.rpc_blocks import RawBlocks
from intel.sources.rpc_tables import Unpacking, unpack_blocks
from intel.store import open_connection

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
times = dict.fromkeys(("parse", "map", "extract", "job"), 0.0)
clock = {"wall": time.perf_counter, "cpu": time.process_time}[sys.argv[2]]
found, total = 0, 0
for line in open(sys.argv[1]):
    start = clock()
    answers = json.loads(line)
    parsed = clock()
    logs = [mapper.json_dict_to_receipt_log(log) for a in answers for r in a["result"] for log in r["logs"]]
    mapped = clock()
    moved = [extractor.extract_transfer_from_log(log) for log in logs]
    done = clock()
    rows = [mapper.receipt_log_to_dict(log) for log in logs]
    for row in rows:
        row["topics"] = ",".join(row["topics"])
    exporter = InMemoryItemExporter(["token_transfer"])
    began = clock()
    ExtractTokenTransfersJob(rows, 100, 1, exporter).run()
    times["job"] += clock() - began
    times["parse"] += parsed - start
    times["map"] += mapped - parsed
    times["extract"] += done - mapped
    assert len(exporter.get_items("token_transfer")) == sum(one is not None for one in moved)
    found += sum(one is not None for one in moved)
    total += sum(one.value for one, log in zip(moved, logs) if one and len(log.topics) == 3 and one.value < 10**37)
print(json.dumps({**times, "transfers": found, "sum": str(total)}))
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


def decode_ours(blocks: Path, receipts: Path, clock: Callable[[], float]) -> dict[str, Any]:
    """Return our times, how many transfers there are, and the sum of ERC-20 amounts below 10^37."""
    con = open_connection(threads=2)
    con.execute("attach ':memory:' as stage")
    how = Unpacking(find_chain("ethereum"), "bench")
    heads = [line.encode() for line in blocks.read_text(encoding="utf-8").splitlines()]
    bodies = [line.encode() for line in receipts.read_text(encoding="utf-8").splitlines()]
    read = decode = 0.0
    found = total = 0
    for start in range(0, len(heads), _ANSWERS_OF_CHUNK):
        part = slice(start, start + _ANSWERS_OF_CHUNK)
        last = (start + len(heads[part])) * _BLOCKS_OF_ANSWER - 1
        raw = RawBlocks(start * _BLOCKS_OF_ANSWER, last, heads[part], bodies[part], [], [], [])
        begin = clock()
        opened = unpack_blocks(con, raw, how)
        middle = clock()
        staged = stage_logs(con, opened["logs"], "bench")
        end = clock()
        read, decode = read + end - begin, decode + end - middle
        for part in staged:
            count, amount = con.execute(
                "select count(*), sum(value_raw) filter (where kind = 'erc20')::varchar from "
                f"stage.{part.name} where issue is null and kind in ('erc20', 'erc721', 'erc20_or_erc721')"
            ).fetchall()[0]
            found, total = found + count, total + int(amount or 0)
    con.close()
    return {"read": read, "decode": decode, "transfers": found, "sum": str(total)}


def compare_decoding(path: Path, logs: int, peer: str) -> None:
    """Print both tools' times and the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        blocks, receipts = write_answers(Path(folder), read_recorded(path), logs)
        print(f"{logs:,} logs, {receipts.stat().st_size / 1e6:,.0f} MB of receipts")
        for name, clock in (("wall", time.perf_counter), ("cpu", time.process_time)):
            print_ratios(blocks, receipts, peer, name, clock)


def print_ratios(blocks: Path, receipts: Path, peer: str, name: str, clock: Callable[[], float]) -> None:
    """Measure both tools by one clock and print what they took."""
    ours = [decode_ours(blocks, receipts, clock) for _ in range(2)]
    told = subprocess.run([peer, "-c", _PEER, receipts, name], check=True, capture_output=True)
    theirs = json.loads(told.stdout)
    decode, read = (min(one[key] for one in ours) for key in ("decode", "read"))
    is_same = all(ours[0][key] == theirs[key] for key in ("transfers", "sum"))
    print(f"{name} seconds; {ours[0]['transfers']:,} transfers, {'the same' if is_same else 'NOT the same'} in both")
    rows = [
        ("receipts' text to transfers", read, theirs["parse"] + theirs["map"] + theirs["extract"]),
        ("logs to transfers, its job", decode, theirs["job"]),
        ("logs to transfers, its bare function", decode, theirs["extract"]),
    ]
    for what, mine, other in rows:
        print(f"{what:>40}: ours {mine:6.2f} s, ethereum-etl {other:6.2f} s, {other / mine:.1f} times")


def measure_node(url: str, blocks: str) -> None:
    """Print how an ingest's wall time parts into waiting for the node and our own work."""
    first, _, last = blocks.partition(":")
    seen: list[Progress] = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        report = ingest_rpc(Settings(store=Path(folder) / "store"), url, (int(first), int(last)), tell=seen.append)
        wall = time.perf_counter() - start
    node, rows = seen[-1].node_seconds, sum(report.rows.values())
    ours = seen[-1].seconds - node
    print(f"{rows:,} rows in {wall:.2f} s: {node:.2f} s waiting for the node, {ours:.2f} s ours: {ours / wall:.1%}")


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
    told = parser.parse_args()
    if told.part == "decode":
        compare_decoding(told.logs_file, told.logs, told.peer)
    else:
        measure_node(told.url, told.blocks)


if __name__ == "__main__":
    main()
