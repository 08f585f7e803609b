"""Which entities are so large that a build adds up their dealings, by the very statements their profile would run?"""

from __future__ import annotations

from contextlib import closing
from typing import get_args

from intel.model import Subject, Tier
from intel.profiler.activity import SUM_FLOWS
from intel.profiler.counterparties import LARGEST_FIRST, gather_parties
from intel.profiler.large_sums import KEPT_PARTIES, digest_ids
from intel.profiler.postings import ALWAYS, EXCHANGE_CATEGORIES, count_postings
from intel.profiler.subjects import take_entity
from intel.store import Connection
from intel.store.draft import DraftReader

LARGE_POSTINGS = 1_000_000  # a profile adds up fewer in a third of a second

_LARGE = """select entity_id from beliefs.attributions a join (
        select address_id, sum(transfers_in + transfers_out) as postings from facts.address_assets group by 1)
    using (address_id) group by 1 having sum(postings) >= $least order by 1"""


def build_large_sums(con: Connection) -> None:
    """Fill beliefs.entity_sums and entity_parties for both tiers; reads beliefs as every judgement left them."""
    with closing(DraftReader(con)) as reader:
        for (entity_id,) in reader.query(_LARGE, {"least": LARGE_POSTINGS}):
            for tier in get_args(Tier):
                subject = take_entity(reader, entity_id, entity_id, kind="owner", tier=tier)
                if count_postings(reader, subject) >= LARGE_POSTINGS:
                    _sum_entity(reader, subject)


def _sum_entity(reader: DraftReader, subject: Subject) -> None:
    parties, _ = gather_parties(reader, subject, ALWAYS)
    whose: dict[str, object] = {"tier": subject.tier, "entity_id": subject.entity_id}
    reader.query(
        f"""insert into beliefs.entity_sums by name
        select $tier as tier, $entity_id as entity_id, $members as members, * from ({SUM_FLOWS}) order by all""",
        whose | {"members": digest_ids(subject.address_ids)},
    )
    reader.query(
        f"""insert into beliefs.entity_parties by name
        select $tier as tier, $entity_id as entity_id, * rename (entity_id as party) from (
            (select * from {parties} where not is_venue order by {LARGEST_FIRST} limit $kept)
            union (select * from {parties} where is_venue order by {LARGEST_FIRST} limit $kept)
            union (select * from {parties} where entity_id is not null
                and category in (select unnest($exchanges))))
        order by {LARGEST_FIRST}""",
        whose | {"kept": KEPT_PARTIES, "exchanges": list(EXCHANGE_CATEGORIES)},
    )
