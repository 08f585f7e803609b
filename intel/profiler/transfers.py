"""Which transfers did the subject send and receive?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from intel.errors import UnknownSubject, UsageError
from intel.model import MICRO, TRANSFER_KINDS, Subject
from intel.profiler.postings import (
    ALWAYS,
    Window,
    fill_owners,
    gather_moves,
)
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader

if TYPE_CHECKING:
    import pandas as pd

Direction = Literal["in", "out"]
PageKey = tuple[datetime, int, int]  # block_time, transfer_id, direction of the last row seen

AMOUNT_TYPE = pa.decimal256(76, 38)


@dataclass(frozen=True, slots=True)
class TransferFilter:
    """Which rows are wanted; None means all.

    `counterparty` is an address, entity id or name; `token` a contract, a symbol or `native`; `min_usd` leaves out
    what has no price.
    """

    counterparty: str | None = None
    token: str | None = None
    direction: Direction | None = None
    min_usd: float | None = None
    kind: str | None = None
    window: Window = ALWAYS
    hides_spam: bool = False


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
        t.source, h.transfer_id, h.direction as side
    from hits h
    join facts.transfers t using (transfer_id)
    join facts.addresses s on s.address_id = h.address_id
    left join facts.addresses c on c.address_id = h.counterparty_id
    left join facts.assets a on a.asset_id = h.asset_id
    left join hit_owners o on o.address_id = h.counterparty_id
    left join flagged x on x.transfer_id = h.transfer_id
    order by h.block_time {{order}}, h.transfer_id {{order}}, h.direction {{order}}, h.address_id"""


def read_page(
    reader: Reader,
    subject: Subject,
    wanted: TransferFilter = EVERYTHING,
    *,
    limit: int = 100,
    after: PageKey | None = None,
    newest_first: bool = False,
) -> TransferPage:
    """Return up to `limit` transfers in order of time, the ones behind the key `after`.

    `amount` is exact text in whole tokens (null: unknown decimals, more than 38 decimals, or oversize); `value_raw`
    is base units, `value_text` the exact value where it is oversize. Between two members a transfer stands twice.
    """
    _find_hits(reader, subject, wanted, (limit, after, newest_first))
    table = reader.arrow(_SELECT.format(order="desc" if newest_first else "asc"))
    key: PageKey | None = None
    if table.num_rows == limit and limit:
        last = table.slice(limit - 1).to_pylist()[0]
        key = (last["block_time"], last["transfer_id"], last["side"])
    return TransferPage(table.drop_columns(["transfer_id", "side"]), key)


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
        _find_hits(own, subject, wanted, (None, None, False))
        for batch in own.batches(_SELECT.format(order="asc")):
            plain = batch.select(batch.schema.names[:-2])
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


def _find_hits(
    reader: Reader, subject: Subject, wanted: TransferFilter, page: tuple[int | None, PageKey | None, bool]
) -> None:
    """Fill `hits` with the postings that are wanted, and `hit_owners` with who their counterparties belong to."""
    limit, after, newest_first = page
    gather_moves(reader, subject, wanted.window)
    conditions, params = _conditions(reader, subject, wanted)
    if after is not None:
        sign = "<" if newest_first else ">"
        conditions.append(f"(p.block_time, p.transfer_id, p.direction) {sign} ($after_time, $after_id, $after_side)")
        params |= dict(zip(("after_time", "after_id", "after_side"), after, strict=True))
    order = "desc" if newest_first else "asc"
    sort = (
        ""
        if limit is None
        else f"order by p.block_time {order}, p.transfer_id {order}, p.direction {order} limit $limit"
    )
    if limit is not None:
        params["limit"] = limit
    reader.query(
        f"""create or replace temp table hits as
        select p.* from moves p where {" and ".join(conditions)} {sort}""",
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
    if wanted.min_usd is not None:
        conditions.append("p.value_micro_usd >= $min_micro_usd")
        params["min_micro_usd"] = round(wanted.min_usd * MICRO)
    if wanted.counterparty is not None:
        ids = resolve_subject(reader, wanted.counterparty, subject.tier).address_ids
        reader.load("wanted_parties", pa.table({"address_id": pa.array(ids, pa.int64())}))
        conditions.append("p.counterparty_id in (select address_id from wanted_parties)")
    if wanted.token is not None:
        _find_assets(reader, wanted.token)
        conditions.append("p.asset_id in (select asset_id from wanted_assets)")
    if wanted.kind is not None:
        if wanted.kind not in TRANSFER_KINDS:
            raise UsageError(f"there is no transfer kind {wanted.kind!r}", f"kinds: {', '.join(TRANSFER_KINDS)}")
        conditions.append("p.transfer_id in (select transfer_id from facts.transfers where kind = $kind)")
        params["kind"] = wanted.kind
    if wanted.hides_spam:
        conditions.append("p.asset_id not in (select asset_id from spam_assets)")
        conditions.append("p.transfer_id not in (select transfer_id from spam_transfers)")
    return conditions, params


def _find_assets(reader: Reader, token: str) -> None:
    reader.query(
        """create or replace temp table wanted_assets as select asset_id from facts.assets
        where lower(token) = lower($token) or lower(symbol) = lower($token)
            or (token is null and lower($token) = 'native')""",
        {"token": token.strip()},
    )
    if not reader.query("select 1 from wanted_assets limit 1"):
        raise UnknownSubject(f"no token of this store goes by {token!r}", "give its contract, its symbol, or `native`")
