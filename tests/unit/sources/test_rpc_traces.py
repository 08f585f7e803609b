"""Are the calls of a tree told apart, with who paid whom?"""

from __future__ import annotations

import json

from intel.sources.rpc_traces import flatten_call_traces


def test_a_tree_becomes_rows_of_its_block() -> None:
    ending = {"type": "SELFDESTRUCT", "from": "0xc", "to": "0xd", "value": "0x2"}
    made = {"type": "CREATE2", "from": "0xb", "to": "0xc", "value": "0x1", "calls": [ending], "error": "out of gas"}
    borrowed = {"type": "DELEGATECALL", "from": "0xb", "to": "0xe", "value": "0x5"}
    root = {"type": "CALL", "from": "0xa", "to": "0xb", "value": "0x3", "calls": [borrowed, made]}
    answers = [{"id": 8, "result": [{"txHash": "0x2", "result": root}]}, {"id": 7, "result": []}]
    rows = flatten_call_traces([json.dumps(answers).encode()], [100, 101])
    told = {(row["block_number"], row["trace_address"]): row for row in rows}
    assert sorted(told) == [(101, ""), (101, "0"), (101, "1"), (101, "1,0")]
    assert (told[101, "0"]["trace_type"], told[101, "0"]["call_type"]) == ("call", "delegatecall")
    assert (told[101, "1"]["created"], told[101, "1"]["receiver"]) == ("0xc", None)
    assert told[101, "1"]["error"] == "out of gas"
    assert (told[101, "1,0"]["trace_type"], told[101, "1,0"]["value_raw"]) == ("suicide", "0x2")


def test_what_an_ending_gave_is_not_guessed() -> None:
    root = {"type": "CALL", "from": "0xa", "to": "0xb", "value": "0x0", "calls": [{"type": "SELFDESTRUCT"}]}
    rows = flatten_call_traces([json.dumps([{"id": 1, "result": [{"result": root}]}]).encode()], [5])
    assert [row["value_raw"] for row in rows] == ["0x0", None]
