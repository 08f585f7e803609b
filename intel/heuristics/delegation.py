"""Which keys gave their account to code that a list names as malicious (EIP-7702)?

Reads: event_parties, beliefs.listings.
Requires: authorizations, listings.
Returns: cannot_link, key -> delegate, valid from the authorisation on. From that time on the input clean_transfers
    leaves out what the key sends (public lists only): whoever holds the delegate moves the funds, so it is no evidence
    of the owner.
    A delegate that no list names gives nothing: thousands of keys use the same one, and are no kin by it.
Fails when: a list names a harmless delegate; the owner took the account back, which a leaked key rules out.
Source: EIP-7702: code at the delegate acts with all rights of the account that names it.
Cost: events only.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with named as (
    select
        l.address_id, l.category, l.source, l.visibility,
        row_number() over (partition by l.address_id order by l.visibility desc, l.category, l.source) as choice
    from beliefs.listings l
    where l.category in ('phishing_scam', 'hack', 'ransomware', 'compromised_or_blocked')
),
authorizations as (
    select
        coalesce(p.address_id, p.actor_id) as key_id, p.party_id as delegate_id, p.tx_hash, p.block_number,
        p.block_time,
        row_number() over (
            partition by coalesce(p.address_id, p.actor_id), p.party_id order by p.block_time, p.tx_hash
        ) as nth
    from event_parties p
    where p.event = 'authorization' and p.key = 'delegate'
)
select
    k.key_id as left_id, k.delegate_id as right_id, cast(null as varchar) as right_entity,
    'cannot_link' as relation, 'delegation ' || k.tx_hash as event, cast($weight_bits as double) as weight_bits,
    cast(1 as bigint) as support, [k.tx_hash] as tx_hashes, k.block_number as first_block,
    k.block_number as last_block, k.block_time as valid_from, cast(null as timestamp) as valid_to, n.visibility,
    'This key gave its account to code that ' || n.source || ' lists as ' || replace(n.category, '_', ' ')
        || '; what it sends since then is no act of its owner' as reason
from authorizations k
join named n on n.address_id = k.delegate_id and n.choice = 1
where k.nth = 1
"""

HEURISTIC = Heuristic(
    name="delegation",
    version=1,
    family="NEG",
    relations=("cannot_link",),
    requires=("authorizations", "listings"),
    params={"weight_bits": -10.0},
    sql=_SQL,
    title="Gave its account to malicious code",
    consent="not claimed",
)
