"""Which transfers did the subject send and receive?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from intel.errors import UnknownSubject, UsageError
from intel.model import MICRO, TRANSFER_KINDS, Subject
from intel.profiler.postings import (
    ALWAYS,
    FEE,
    Window,
    fill_owners,
    gather_moves,
)
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader

if TYPE_CHECKING:
    import pandas as pd

Direction = Literal["in", "out"]
Sort = Literal["time", "value", "amount", "token", "counterparty", "kind", "direction"]
PageKey = tuple[Any, ...]  # of the last row seen: sort value (unless by time), block_time, transfer_id, direction

_OURS = ["transfer_id", "side", "sort_value"]
AMOUNT_TYPE = pa.decimal256(76, 38)


@dataclass(frozen=True, slots=True)
class TransferFilter:
    """Which rows are wanted; None means all.

    `counterparty` is an address, entity id or name; `token` a contract, a symbol or `native`; `min_usd` and `max_usd`
    leave out what has no price.
    """

    counterparty: str | None = None
    token: str | None = None
    direction: Direction | None = None
    min_usd: float | None = None
    kind: str | None = None
    window: Window = ALWAYS
    hides_spam: bool = False
    max_usd: float | None = None
    chain: str | None = None
    tx_hash: str | None = None
    category: str | None = None  # of the counterparty's owner
    hides_internal: bool = False  # moves between two members of the subject
    hides_fees: bool = False


EVERYTHING = TransferFilter()


@dataclass(frozen=True, slots=True)
class TransferPage:
    """Some rows, and the key of the last: pass it as `after` for the next page; None after the last page."""

    rows: pa.Table
    next_key: PageKey | None


# The exact amount as text: digits moved by the token's decimals, no trailing zeros, no exponent.
_DIGITS = "lpad(t.value_raw::varchar, greatest(a.decimals + 1, length(t.value_raw::varchar))::integer, '0')"
_AMOUNT = f"""case
    when a.token_id is not null or a.decimals = 0 then t.value_raw::varchar
    when t.value_raw is null or a.decimals is null or a.decimals > 38 then null
    else rtrim(rtrim(left({_DIGITS}, -a.decimals) || '.' || right({_DIGITS}, a.decimals), '0'), '.') end"""

_SELECT = f"""with flagged as (
        select transfer_id, string_agg(flag, '|' order by flag) as flags from (
            select f.transfer_id, f.flag from beliefs.transfer_flags f
                where f.transfer_id in (select transfer_id from hits)
            union select h.transfer_id, f.flag from hits h join beliefs.asset_flags f using (asset_id))
        group by 1)
    select t.chain, t.block_number, h.block_time, t.tx_hash, t.kind,
        case when h.direction > 0 then 'in' else 'out' end as direction,
        s.address, c.address as counterparty, o.entity_id as counterparty_entity, o.name as counterparty_name,
        a.token, a.symbol, a.token_id, {_AMOUNT} as amount, t.value_raw, t.value_text,
        h.value_micro_usd / {MICRO}.0::double as value_usd,
        concat_ws('|', x.flags,
            case when coalesce(t.block_time_is_estimated, false) then 'estimated_time' end,
            case when a.decimals is null and a.token_id is null then 'unknown_decimals' end) as flags,
        t.source, h.transfer_id, h.direction as side,
        h.sort_value
    from hits h
    join facts.transfers t using (transfer_id)
    join facts.addresses s on s.address_id = h.address_id
    left join facts.addresses c on c.address_id = h.counterparty_id
    left join facts.assets a on a.asset_id = h.asset_id
    left join hit_owners o on o.address_id = h.counterparty_id
    left join flagged x on x.transfer_id = h.transfer_id
    order by h.sort_value {{order}} nulls last, h.block_time {{order}}, h.transfer_id {{order}}, h.direction {{order}},
        h.address_id"""

# What a page is ordered by, before time: expressions that are never null, so a key compares with any row.
_SORTS: Mapping[str, str] = {
    "time": "0",
    "value": "coalesce(p.value_micro_usd, -1)",
    "amount": "coalesce(p.value_raw::double / pow(10, coalesce(a.decimals, 0)), -1)",
    "token": "lower(coalesce(a.symbol, a.token, ''))",
    "counterparty": "lower(coalesce(o.name, c.address, ''))",
    "kind": "p.kind_code",
    "direction": "p.direction",
}


def read_page(
    reader: Reader,
    subject: Subject,
    wanted: TransferFilter = EVERYTHING,
    *,
    limit: int = 100,
    after: PageKey | None = None,
    newest_first: bool = False,
    sort: Sort = "time",
    descending: bool = False,
) -> TransferPage:
    """Return up to `limit` transfers in order of time, or of another column, the ones behind the key `after`.

    `amount` is exact text in whole tokens (null: unknown decimals, more than 38 decimals, or oversize); `value_raw`
    is base units, `value_text` the exact value where it is oversize. Between two members a transfer stands twice.
    Ties stand in order of time, in the same direction; what has no price is the smallest value.
    """
    page = _Page(sort, newest_first or descending, limit, after)
    _find_hits(reader, subject, wanted, page)
    table = reader.arrow(_SELECT.format(order=page.order))
    key: PageKey | None = None
    if table.num_rows == limit and limit:
        last = table.slice(limit - 1).to_pylist()[0]
        key = (last["sort_value"], last["block_time"], last["transfer_id"], last["side"])
    return TransferPage(table.drop_columns(_OURS), key)


def stream_transfers(
    reader: Reader,
    subject: Subject,
    wanted: TransferFilter = EVERYTHING,
    *,
    amounts: Literal["decimal", "text"] = "decimal",
) -> Iterator[pa.RecordBatch]:
    """Yield all transfers, oldest first, in Arrow batches of bounded size; columns as in `read_page`.

    `amount` is an exact decimal256(76, 38), or exact text for files: many readers of Parquet make a double of the
    former. The stream has a cursor of its own, so the reader stays free meanwhile.
    """
    with reader.fork() as own:
        _find_hits(own, subject, wanted, _Page())
        for batch in own.batches(_SELECT.format(order="asc")):
            plain = batch.select(batch.schema.names[: -len(_OURS)])
            yield plain if amounts == "text" else _with_decimals(plain)


def tabulate_transfers(reader: Reader, subject: Subject, wanted: TransferFilter = EVERYTHING) -> pa.Table:
    """Return all transfers as one Arrow table; `amount` is an exact decimal256(76, 38)."""
    page = read_page(reader, subject, wanted, limit=2**62)
    return pa.Table.from_batches(
        [_with_decimals(batch) for batch in page.rows.to_batches()], _decimal_schema(page.rows)
    )


def frame_transfers(reader: Reader, subject: Subject, wanted: TransferFilter = EVERYTHING) -> pd.DataFrame:
    """Return all transfers as a pandas frame; `amount` and `value_raw` hold exact Decimals."""
    rows = read_page(reader, subject, wanted, limit=2**62).rows
    frame: pd.DataFrame = rows.to_pandas()
    frame["amount"] = _to_objects(rows["amount"].to_pylist())
    return frame


def _to_objects(texts: list[str | None]) -> pd.Series:
    import pandas as pd

    return pd.Series([None if text is None else Decimal(text) for text in texts], dtype="object")


def _with_decimals(batch: pa.RecordBatch) -> pa.RecordBatch:
    position = batch.schema.get_field_index("amount")
    return batch.set_column(position, pa.field("amount", AMOUNT_TYPE), batch.column(position).cast(AMOUNT_TYPE))


def _decimal_schema(table: pa.Table) -> pa.Schema:
    return table.schema.set(table.schema.get_field_index("amount"), pa.field("amount", AMOUNT_TYPE))


@dataclass(frozen=True, slots=True)
class _Page:
    sort: Sort = "time"
    is_descending: bool = False
    limit: int | None = None
    after: PageKey | None = None

    @property
    def order(self) -> str:
        return "desc" if self.is_descending else "asc"


def _find_hits(reader: Reader, subject: Subject, wanted: TransferFilter, page: _Page) -> None:
    """Fill `hits` with the postings that are wanted, and `hit_owners` with who their counterparties belong to."""
    if page.sort not in _SORTS:
        raise UsageError(f"transfers cannot be sorted by {page.sort!r}", f"sort by {', '.join(_SORTS)}")
    gather_moves(reader, subject, wanted.window)
    conditions, params = _conditions(reader, subject, wanted)
    if wanted.category is not None or page.sort == "counterparty":
        fill_owners(reader, "select counterparty_id from moves", subject.tier, table="move_owners")
    order = page.order
    key = "h.sort_value, h.block_time, h.transfer_id, h.direction"
    behind, sort = "", ""
    if page.after is not None:
        behind = f"where ({key}) {'<' if page.is_descending else '>'} ($k0, $k1, $k2, $k3)"
        params |= {f"k{place}": value for place, value in enumerate(page.after)}
    if page.limit is not None:
        sort = f"order by {key.replace(',', f' {order},')} {order} limit $limit"
        params["limit"] = page.limit
    joined = {
        "token": "left join facts.assets a on a.asset_id = p.asset_id",
        "amount": "left join facts.assets a on a.asset_id = p.asset_id",
        "counterparty": """left join move_owners o on o.address_id = p.counterparty_id
            left join facts.addresses c on c.address_id = p.counterparty_id""",
    }.get(page.sort, "")
    reader.query(
        f"""create or replace temp table hits as
        select h.* from (
            select p.*, {_SORTS[page.sort]} as sort_value from moves p {joined} where {" and ".join(conditions)}) h
        {behind} {sort}""",
        params,
    )
    fill_owners(reader, "select counterparty_id from hits", subject.tier, table="hit_owners")


def _conditions(reader: Reader, subject: Subject, wanted: TransferFilter) -> tuple[list[str], dict[str, object]]:
    params: dict[str, object] = {}
    conditions = ["true"]
    if wanted.direction is not None:
        if wanted.direction not in {"in", "out"}:
            raise UsageError(f"direction {wanted.direction!r} is neither in nor out", "use in or out")
        conditions.append("p.direction > 0" if wanted.direction == "in" else "p.direction < 0")
    for sign, usd, name in ((">=", wanted.min_usd, "min_micro_usd"), ("<=", wanted.max_usd, "max_micro_usd")):
        if usd is not None:
            conditions.append(f"p.value_micro_usd {sign} ${name}")
            params[name] = round(usd * MICRO)
    if wanted.counterparty is not None:
        ids = resolve_subject(reader, wanted.counterparty, subject.tier).address_ids
        reader.load("wanted_parties", pa.table({"address_id": pa.array(ids, pa.int64())}))
        conditions.append("p.counterparty_id in (select address_id from wanted_parties)")
    if wanted.token is not None:
        find_assets(reader, wanted.token)
        conditions.append("p.asset_id in (select asset_id from wanted_assets)")
    if wanted.kind is not None:
        if wanted.kind not in TRANSFER_KINDS:
            raise UsageError(f"there is no transfer kind {wanted.kind!r}", f"kinds: {', '.join(TRANSFER_KINDS)}")
        conditions.append("p.kind_code = $kind_code")
        params["kind_code"] = TRANSFER_KINDS.index(wanted.kind)
    if wanted.hides_spam:
        conditions.append("p.asset_id not in (select asset_id from spam_assets)")
        conditions.append("p.transfer_id not in (select transfer_id from spam_transfers)")
    return _more_conditions(wanted, conditions, params)


def _more_conditions(
    wanted: TransferFilter, conditions: list[str], params: dict[str, object]
) -> tuple[list[str], dict[str, object]]:
    if wanted.chain is not None:
        conditions.append("p.asset_id in (select asset_id from facts.assets where chain = $chain)")
        params["chain"] = wanted.chain
    if wanted.tx_hash is not None:
        conditions.append("p.transfer_id in (select transfer_id from facts.transfers where tx_hash = $tx_hash)")
        params["tx_hash"] = wanted.tx_hash.strip().lower()
    if wanted.category is not None:
        conditions.append("p.counterparty_id in (select address_id from move_owners where category = $category)")
        params["category"] = wanted.category
    if wanted.hides_internal:
        conditions.append("coalesce(p.counterparty_id not in (select address_id from members), true)")
    if wanted.hides_fees:
        conditions.append(f"p.kind_code <> {FEE}")
    return conditions, params


def find_assets(reader: Reader, token: str) -> None:
    """Fill the thread's `wanted_assets(asset_id)`: the tokens of a contract or symbol; raise UnknownSubject."""
    reader.query(
        """create or replace temp table wanted_assets as select asset_id from facts.assets
        where lower(token) = lower($token) or lower(symbol) = lower($token)
            or (token is null and lower($token) = 'native')""",
        {"token": token.strip()},
    )
    if not reader.query("select 1 from wanted_assets limit 1"):
        raise UnknownSubject(f"no token of this store goes by {token!r}", "give its contract, its symbol, or `native`")
