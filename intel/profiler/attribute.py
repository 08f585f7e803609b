"""Who is behind each address of a long list?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from intel.model import Tier
from intel.sources.chains import bare_family_sql, is_address_sql, normalise_address_sql, resolve_chains
from intel.store.reader import Reader

if TYPE_CHECKING:
    import pandas as pd

OUT_COLUMNS = (
    "address", "chain", "entity_id", "entity_name", "category", "role", "role_probability", "confidence", "status",
    "reason", "basis", "label_source", "build", "tier", "visibility", "role_reason",
)  # fmt: skip

_NAMED = """select * from beliefs.entities where visibility = 'public' or $private
    qualify row_number() over (partition by entity_id order by visibility) = 1"""
_ON_CHAIN = r"^\s*([-\w]+(:[-\w]+)?):([^:\s]+)\s*$"


def attribute_addresses(
    reader: Reader,
    addresses: Iterable[object] | pa.Array | pa.ChunkedArray | pd.Series,
    *,
    tier: Tier = "probable",
    with_private: bool = True,
) -> pa.Table:
    """Return one row per input, in input order, with the columns of `OUT_COLUMNS`.

    An input is a hex address (on any chain), CAIP-10, or another chain's own form. `chain` is null unless given or
    decided: all that is known about the address is on one chain. Junk gets status `invalid` and a reason. What rests
    on private labels has `visibility` private; without `with_private` it is not looked at. `role_probability` is null
    where the role was not predicted. One join for the whole list: a million addresses take seconds.
    """
    _load_wanted(reader, _read_texts(addresses))
    _find_owners(reader, tier, with_private)
    _find_known(reader, with_private)
    return reader.arrow(
        f"""select w.address, coalesce(w.chain, k.only_chain) as chain, o.entity_id,
            coalesce(e.name, o.entity_id) as entity_name, coalesce(e.category, k.category) as category,
            coalesce(o.role, r.role) as role, case when o.role is null then r.probability end as role_probability,
            o.confidence,
            case when not w.is_valid then 'invalid' when o.entity_id is not null then o.status
                when k.category is not null then 'labelled' when r.role is not null then 'predicted'
                else 'unknown' end as status,
            case when not w.is_valid then w.fault
                when o.rivals > 0 then o.reason || '; on another chain it belongs to ' || o.other
                when o.entity_id is not null then o.reason
                when k.category is not null then 'Labelled ' || k.category || '; no label names an owner'
                when r.role is not null and r.probability is null
                    then 'No owner is known; the ledger shows what it is: ' || r.role
                when r.role is not null then 'No owner is known; its behaviour is that of: ' || r.role
                when k.only_chain is not null or k.chains > 1 then 'Seen, but nothing says whose it is'
                else 'Occurs nowhere in this store' end as reason,
            o.basis, coalesce(o.label_source, k.label_source) as label_source, $build as build, o.tier,
            coalesce(o.visibility, k.visibility) as visibility,
            case when o.role is null then coalesce(r.explanation, r.basis) else o.reason end as role_reason
        from wanted w
        left join wanted_owners o on o.position = w.position
        left join ({_NAMED}) e on e.entity_id = o.entity_id
        left join wanted_known k on k.position = w.position
        left join wanted_roles r on r.position = w.position
        order by w.position""",
        {"build": reader.build_id, "private": with_private},
    )


def frame_attributions(
    reader: Reader,
    addresses: Iterable[object] | pa.Array | pa.ChunkedArray | pd.Series,
    *,
    tier: Tier = "probable",
    with_private: bool = True,
) -> pd.DataFrame:
    """Return `attribute_addresses` as a pandas frame."""
    frame: pd.DataFrame = attribute_addresses(reader, addresses, tier=tier, with_private=with_private).to_pandas()
    return frame


def _read_texts(addresses: Iterable[object] | pa.Array | pa.ChunkedArray | pd.Series) -> pa.Array | pa.ChunkedArray:
    if isinstance(addresses, pa.Array | pa.ChunkedArray):
        return pc.cast(addresses, pa.string())
    # A missing value of pandas is a float.
    return pa.array([None if item is None or isinstance(item, float) else str(item) for item in addresses], pa.string())


def _load_wanted(reader: Reader, texts: pa.Array | pa.ChunkedArray) -> None:
    """Fill `wanted`: position, address (normalised; junk as it came), chain, family, is_valid, fault."""
    reader.load("wanted_texts", pa.table({"position": pa.array(range(len(texts)), pa.int64()), "text": texts}))
    chains = reader.query(
        f"""select distinct regexp_extract(text, '{_ON_CHAIN}', 1) as name from wanted_texts
        where contains(text, ':') order by 1"""
    )
    reader.load("wanted_chains", resolve_chains([str(name) for (name,) in chains if name]))
    reader.query(
        f"""create or replace temp table wanted as
        with split as (
            select t.position, trim(t.text) as text, c.chain, c.family,
                case when c.chain is null then trim(t.text) else regexp_extract(t.text, '{_ON_CHAIN}', 3) end as bare
            from wanted_texts t left join wanted_chains c
                on c.chain is not null and c.chain_text = regexp_extract(t.text, '{_ON_CHAIN}', 1)),
        typed as (
            select *, {bare_family_sql("bare")} as form,
                coalesce(family, form, 'other') as kind
            from split),
        named as (
            select *, case when kind = 'evm' and regexp_full_match(lower(bare), '[0-9a-f]{{40}}')
                then '0x' || lower(bare)
                else {normalise_address_sql("bare", "kind")} end as address from typed)
        select position, chain, kind, coalesce({is_address_sql("address", "kind")}, false)
                and (form is not null or chain is not null) as is_formed,
            coalesce(address, text) as address, text, false as is_valid, null::varchar as fault
        from named"""
    )
    _judge_wanted(reader)


def _judge_wanted(reader: Reader) -> None:
    """Decide what is junk: wrong form, or a form that no chain has and no table of the store knows."""
    reader.query(
        """create or replace temp table wanted_bare as select distinct address from wanted
        where not is_formed and kind = 'other' and text <> ''"""
    )
    if reader.query("select 1 from wanted_bare limit 1"):
        reader.query(
            """create or replace temp table wanted_bare as
            select address from facts.address_lookup where address in (select address from wanted_bare)
            union select address from beliefs.attributions where address in (select address from wanted_bare)
            union select address from beliefs.labels where address in (select address from wanted_bare)"""
        )
    reader.query(
        """create or replace temp table wanted as
        select position, chain, address, is_formed or address in (select address from wanted_bare) as is_valid,
            case when coalesce(text, '') = '' then 'Empty'
                when regexp_full_match(lower(text), '0x[0-9a-f]{64}') then 'A transaction hash, not an address'
                when kind = 'evm' then 'Not an address: 0x and 40 hex digits are expected'
                else 'Not an address of any known form' end as fault
        from wanted"""
    )


_ON_ITS_CHAIN = "(w.chain is null or x.chain = w.chain or (x.chain = 'evm' and w.address like '0x%'))"
_SHOWN = "(x.visibility = 'public' or $private)"


def _find_owners(reader: Reader, tier: Tier, with_private: bool) -> None:
    """Fill `wanted_owners` by position: the best attribution, and how many others there are on other chains."""
    reader.query(
        f"""create or replace temp table wanted_owners as
        with found as (
            select w.position, x.*, max(x.visibility = 'private') over (partition by w.position, x.chain) as overlaid
            from wanted w join beliefs.attributions x on x.address = w.address and {_ON_ITS_CHAIN}
            where w.is_valid and {_SHOWN}),
        ranked as (
            select *, row_number() over best_first as place, first_value(entity_id) over best_first as best
            from found
            where (tier = 'confirmed' or status = 'labelled' or $tier = 'probable')
                and (visibility = 'private' or not overlaid)
            window best_first as (
                partition by position order by visibility = 'private' desc, confidence desc, chain, entity_id)),
        others as (
            select position, count(distinct entity_id) as rivals, min(entity_id) as other from ranked
            where entity_id <> best group by 1)
        select r.position, r.entity_id, r.confidence, r.tier, r.status, r.role, r.basis, r.reason, r.label_source,
            r.visibility, coalesce(o.rivals, 0) as rivals, o.other
        from ranked r left join others o using (position) where r.place = 1""",
        {"tier": tier, "private": with_private},
    )


def _find_known(reader: Reader, with_private: bool) -> None:
    """Fill `wanted_known` (chains and category of labels) and `wanted_roles`, by position."""
    private: dict[str, object] = {"private": with_private}
    reader.query(
        f"""create or replace temp table wanted_ids as
        select w.position, x.chain, x.address_id from wanted w
        join facts.address_lookup x on x.address = w.address and {_ON_ITS_CHAIN} where w.is_valid"""
    )
    reader.query(
        f"""create or replace temp table wanted_known as
        with seen as (
            select position, chain, null as category, null as source, -1 as level, 'public' as visibility
                from wanted_ids
            union all select w.position, x.chain, x.category, x.source, coalesce(x.level, 0), x.visibility from wanted w
                join beliefs.labels x on x.address = w.address and {_ON_ITS_CHAIN} where w.is_valid and {_SHOWN})
        select position, count(distinct chain) filter (chain <> 'evm') as chains,
            case when count(distinct chain) = 1 then nullif(min(chain), 'evm') end as only_chain,
            arg_max(category, (level, category, source)) filter (category is not null) as category,
            arg_max(source, (level, category, source)) filter (category is not null) as label_source,
            case when bool_or(visibility = 'private') then 'private' else 'public' end as visibility
        from seen group by 1""",
        private,
    )
    # What the ledger shows stands before what was predicted.
    reader.query(
        f"""create or replace temp table wanted_roles as
        select i.position, x.role, x.probability, x.basis, x.explanation
        from wanted_ids i join beliefs.roles x on x.address_id = i.address_id and {_SHOWN}
        qualify row_number() over (partition by i.position
            order by x.probability is not null, x.probability desc, i.chain, x.role, x.basis) = 1""",
        private,
    )
