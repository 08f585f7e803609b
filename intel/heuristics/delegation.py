"""Which keys gave their account to code that a list names as malicious (EIP-7702)?

Reads: compromised_keys, event_parties, beliefs.listings.
Requires: authorizations, listings.
Returns: cannot_link, key -> delegate, valid from the authorisation on. From that time on the input clean_transfers
    leaves out what the key sends: whoever holds the delegate moves the funds, so it is no evidence of the owner.
    A delegate that no list names gives nothing: thousands of keys use the same one, and are no kin by it.
Fails when: a list names a harmless delegate; the owner took the account back, which a leaked key rules out.
Source: EIP-7702: code at the delegate acts with all rights of the account that names it.
Cost: events only.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with named as (
    select l.address_id, min(l.category) as category, min(l.source) as source, min(l.visibility) as visibility
    from beliefs.listings l
    where l.category in ('phishing_scam', 'hack', 'ransomware', 'compromised_or_blocked')
    group by l.address_id
)
select
    k.address_id as left_id, p.party_id as right_id, cast(null as varchar) as right_entity,
    'cannot_link' as relation, 'delegation ' || p.tx_hash as event, cast($weight_bits as double) as weight_bits,
    cast(1 as bigint) as support, [p.tx_hash] as tx_hashes, min(p.block_number) as first_block,
    max(p.block_number) as last_block, min(p.block_time) as valid_from, cast(null as timestamp) as valid_to,
    max(n.visibility) as visibility,
    'This key gave its account to code that ' || min(n.source) || ' lists as ' || min(replace(n.category, '_', ' '))
        || '; what it sends since then is no act of its owner' as reason
from compromised_keys k
join event_parties p on p.event = 'authorization' and p.key = 'delegate'
    and coalesce(p.address_id, p.actor_id) = k.address_id
join named n on n.address_id = p.party_id
group by k.address_id, p.party_id, p.tx_hash
"""

HEURISTIC = Heuristic(
    name="delegation",
    version=1,
    family="NEG",
    relations=("cannot_link",),
    requires=("authorizations", "listings"),
    params={"weight_bits": 9.0},
    sql=_SQL,
    title="Gave its account to malicious code",
    consent="not claimed",
)
