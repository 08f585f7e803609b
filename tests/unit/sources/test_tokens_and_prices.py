"""Are tokens, prices and verified assets read, and impossible ones counted?"""

from __future__ import annotations

from pathlib import Path

import pytest

from intel.errors import BadInput
from intel.sources.parsed import Parsed
from intel.sources.prices import read_prices
from intel.sources.tokens import read_assets, read_tokens
from intel.store import open_connection
from intel.store.lake import lake_schema

A, B, C = ("0x" + digit * 40 for digit in "abc")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def codes(parsed: Parsed) -> dict[str, int]:
    return {issue.code: issue.rows for issue in parsed.issues}


def test_tokens(tmp_path: Path) -> None:
    path = write(
        tmp_path / "tokens.csv",
        "chain_id,contract,symbol,name,decimals,lists\n"
        f"1,{A.upper().replace('0X', '0x')},TEA,Tea,18,7\n"
        f"1,{B},CUP,Cup,,1\n"
        f"1,{C},POT,Pot,78,1\n"
        f"1,{C},POT,Pot,-1,1\n"
        f"1,{C},POT,Pot,many,1\n"
        f"999999999999,{A},TEA,Tea,6,1\n"
        f"1,{A},TEA,Other tea,6,1\n"
        "1,0x1,BAD,Bad,18,1\n",
    )
    parsed = read_tokens(open_connection(threads=1), [path], source="mine")
    assert codes(parsed) == {"bad_decimals": 3, "duplicate_key": 1, "bad_address": 1}
    rows = parsed.tables["tokens"].to_pylist()
    assert [(r["chain"], r["token"], r["decimals"]) for r in rows] == [
        ("ethereum", A, 18), ("ethereum", B, None), ("eip155:999999999999", A, 6),
    ]  # fmt: skip
    assert parsed.tables["tokens"].schema.types == lake_schema("tokens").types
    assert parsed.bad_rows == 5


def test_assets_may_be_native(tmp_path: Path) -> None:
    path = write(
        tmp_path / "assets.csv", f"chain,token,symbol,decimals,lists\nethereum,,ETH,18,9\nethereum,{A},TEA,6,5\n"
    )
    parsed = read_assets(open_connection(threads=1), [path])
    assert [(r["token"], r["symbol"]) for r in parsed.tables["assets"].to_pylist()] == [(None, "ETH"), (A, "TEA")]
    assert parsed.tables["assets"].schema.names == lake_schema("assets").names


def test_prices(tmp_path: Path) -> None:
    path = write(
        tmp_path / "prices.csv",
        "date,symbol,usd,spread_flag\n"
        "2024-01-01,tea,1.5,true\n2024-01-02,TEA,0,false\n2024-01-03,TEA,-1,false\n2024-01-04,TEA,inf,false\n"
        "2024-01-05,TEA,nan,false\n2024-01-06,TEA,cheap,false\n2024-01-07,TEA,,false\n2024-13-01,TEA,1,false\n"
        "2024-01-08,,1,false\n2024-01-01,TEA,1.5,true\n2024-01-01,TEA,1.6,true\n",
    )
    parsed = read_prices(open_connection(threads=1), [path])
    assert codes(parsed) == {
        "bad_price": 6, "bad_time": 1, "missing_field": 1, "duplicate_row": 1, "duplicate_key": 1,
    }  # fmt: skip
    [row] = parsed.tables["prices"].to_pylist()
    assert (str(row["date"]), row["symbol"], row["usd"], row["is_doubtful"]) == ("2024-01-01", "TEA", 1.5, True)
    assert parsed.tables["prices"].schema.types == lake_schema("prices").types


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no column 'usd'"):
        read_prices(open_connection(threads=1), [write(tmp_path / "p.csv", "date,symbol,eur\n2024-01-01,TEA,1\n")])
    with pytest.raises(BadInput, match="no column 'token'"):
        read_tokens(open_connection(threads=1), [write(tmp_path / "t.csv", "chain,symbol\nethereum,TEA\n")])
