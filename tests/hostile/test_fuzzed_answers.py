"""Does an answer of a node, however broken, end in a refusal, and never in a read beyond its end or a wrong row?"""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given, settings

from intel.sources.json_columns import BadJson, Plan, walk_texts
from tests.hostile.inputs import spoiled
from tests.hostile.test_fuzzed_files import SOAK

SHAPE = {
    "number": "", "hash": "", "header": {"miner": "", "inner": {"deep": ""}},
    "logs": [{"address": "", "topics": [""], "data": ""}],
}  # fmt: skip
SOUND = json.dumps(
    [
        {"jsonrpc": "2.0", "id": number, "result": {
            "number": hex(number), "hash": None, "other": {"a": [1, {"b": "}]"}]},
            "header": {"miner": "0xabc\\u0041", "inner": {"deep": "x" * 20}},
            "logs": [{"address": "0x1", "topics": ["0x2", "0x3"], "data": "0x" + "f" * 70}] * number,
        }}
        for number in range(3)
    ]
).encode()  # fmt: skip


def test_a_broken_answer_is_refused_or_read_as_json_reads_it(tried_inputs: Callable[[str, int], None]) -> None:
    plan, count = Plan("block", SHAPE, is_list=False), [0, 0]

    @settings(max_examples=300 * SOAK, deadline=None, derandomize=SOAK == 1)
    @given(spoiled(SOUND))
    def check(text: bytes) -> None:
        count[0] += 1
        try:
            walked = walk_texts(plan, [text])
        except BadJson:
            return
        count[1] += 1
        logs = walked.table("logs")
        assert all(0 <= parent < walked.table("block").num_rows for parent in logs["parent"].to_pylist())
        for name in ("block", "logs"):
            for column in walked.plan.columns[name]:
                for cell in walked.table(name)[column].cast("binary").to_pylist():
                    assert cell is None or cell in text  # nothing from beyond the text

    check()
    assert 0 < count[1] < count[0]
    tried_inputs("broken answers", count[0])
