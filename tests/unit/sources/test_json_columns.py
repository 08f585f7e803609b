"""Do columns walked out of JSON text hold what the json module reads there, and is other text refused?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intel.sources.json_columns import BadJson, Plan, walk_texts

LOG = {"address": "", "topics": [""], "data": ""}
RECEIPT = {"hash": "", "status": "", "action": {"from": "", "to": ""}, "logs": [LOG]}
PLAN = Plan("receipts", RECEIPT, is_list=True)
BLOCKS = Plan("blocks", {"number": "", "transactions": [{"hash": ""}]}, is_list=False)

# No quotes and backslashes: a string is kept as it is written, with its escapes.
words = st.text(st.characters(exclude_characters='"\\', exclude_categories=("Cs", "Cc")), max_size=40)
values = st.one_of(st.none(), words)
junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)
logs = st.fixed_dictionaries({"address": values, "topics": st.lists(words, max_size=5), "other": junk, "data": values})
receipts = st.fixed_dictionaries(
    {"unknown": junk, "hash": values, "logs": st.lists(logs, max_size=3)},
    optional={"status": values, "action": st.fixed_dictionaries({"to": values, "from": values, "gas": junk})},
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(receipts, max_size=3), max_size=3), st.sampled_from([None, 1]), st.booleans())
def test_columns_are_what_json_reads(answers: list[list[Any]], indent: int | None, is_ascii: bool) -> None:
    texts = [json.dumps([{"id": 1, "result": told}], indent=indent, ensure_ascii=is_ascii).encode() for told in answers]
    if is_ascii:  # letters that JSON escapes stay escaped
        texts = [text for text in texts if b"\\u" not in text]
        answers = [json.loads(text)[0]["result"] for text in texts]
    walked = walk_texts(PLAN, texts)
    flat = [receipt for told in answers for receipt in told]
    rows = walked.table("receipts").to_pylist()
    assert [(row["hash"], row["status"]) for row in rows] == [(one["hash"], one.get("status")) for one in flat]
    assert [(row["action.from"], row["action.to"]) for row in rows] == [
        (one.get("action", {}).get("from"), one.get("action", {}).get("to")) for one in flat
    ]
    expected = [
        (number, log["address"], log["data"], *(log["topics"] + [None] * 4)[:4])
        for number, one in enumerate(flat)
        for log in one["logs"]
    ]
    found = walked.table("logs").to_pylist()
    names = ("parent", "address", "data", "topics0", "topics1", "topics2", "topics3")
    assert [tuple(row[name] for name in names) for row in found] == expected


def test_one_object_per_answer_is_a_row() -> None:
    texts = [b'[{"result":{"number":"0x1","transactions":[{"hash":"a"},{"hash":"b"}]}},{"result":{"number":2}}]']
    walked = walk_texts(BLOCKS, texts)
    assert walked.table("blocks")["number"].to_pylist() == ["0x1", "2"]
    assert walked.table("transactions").select(["hash", "parent"]).to_pylist() == [
        {"hash": "a", "parent": 0},
        {"hash": "b", "parent": 0},
    ]


def test_escapes_stay_as_they_are_written() -> None:
    [row] = (
        walk_texts(PLAN, [rb'[{"result":[{"hash":"said \"no\" \\","status":"0x1"}]}]']).table("receipts").to_pylist()
    )
    assert (row["hash"], row["status"]) == (r"said \"no\" \\", "0x1")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b"[", b'[{"result":[{"hash":"0x1"}]}', b'[{"result":[{"hash":"0x1]}]', b'[{"result":[{"hash"}]}]',
        b'[{"result":[{"hash":"0x1"]}]', b'[{"result":[]}] more', b'[{"result":[{"hash":"\xff\xfe"}]}]',
        b'[{"result":[',
        b'[{"result":[{"hash":', b'[{"result":[{"hash":1', b'[{"result":[{"hash":\\"a"}]}]',
        b'[{"result":[{"hash":1}]}]\\"\\"',
    ],
)  # fmt: skip
def test_other_text_is_refused(text: bytes) -> None:
    with pytest.raises(BadJson):
        walk_texts(PLAN, [text])
