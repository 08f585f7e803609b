"""Which labels may leave the platform, under which names, and what stays behind?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from intel.model import CONFIDENCE_LEVELS
from intel.sources.categories import load_categories
from intel.store.reader import Reader

# A label of these words and numbers alone names nobody: "Fake_Phishing 12", "Exploiter, hop 3".
_NAMES_NOBODY = (
    "(?: ?(?:a|of|the|and|to|by|x|fake|phish|phishing|phisher|scam|scammer|spam|spammer|hack|hacker|hacked|hacking|"
    "exploit|exploiter|exploited|drainer|stolen|fund|funds|heist|attack|attacker|victim|malware|ransomware|sextortion|"
    "mixer|hop|airdrop|sybil|farmer|collector|user|wallet|address|account|deposit|depositor|withdrawal|hot|cold|contract|"
    "deployer|bot|mev|token|pool|router|blacklist|blacklisted|blocked|reported|list|listed|sanction|sanctions|sanctioned|"
    "ofac|sdn|eth|btc|xbt|usdt|usdc|trx|unknown|donation|whitelist|safe))+"
)

# TagPack's name of a level, for labels that got theirs from the trust in their source.
_LEVEL_NAMES = {
    100: "ownership", 90: "manual_transaction", 70: "service_api", 60: "authority_data", 50: "trusted_provider",
    40: "untrusted_transaction", 20: "web_crawl", 10: "heuristic", 5: "unknown",
}  # fmt: skip

_SHOWN = "(visibility = 'public' or $private)"


@dataclass(frozen=True, slots=True)
class Origin:
    """What every export says of itself."""

    build: str
    built_at: str
    code_version: str
    is_public: bool

    def describe(self) -> str:
        """Return it as one sentence."""
        layer = "the public layer" if self.is_public else "the public layer and the private overlay"
        return f"Exported by intel {self.code_version} from {layer} of build {self.build} of {self.built_at[:10]}."


def name_origin(reader: Reader, *, include_private: bool) -> Origin:
    """Return where an export of this build comes from."""
    manifest = reader.manifest
    return Origin(reader.build_id, manifest.created_at, manifest.code_version, not include_private)


def name_level(level: int) -> str:
    """Return the TagPack confidence of a level 0..100: the strongest that claims no more."""
    return next((name for known, name in _LEVEL_NAMES.items() if known <= level), "unknown")


def prepare_claims(reader: Reader, *, include_private: bool) -> dict[str, int]:
    """Fill `export_claims` and `export_owners`, and return what is left out or changed, counted.

    `export_claims` has the columns of beliefs.labels that leave. A name that may be a private person's is taken out
    of it, unless a public authority gave it: `label` is the category then, `entity` null; a claim that says nothing
    else stays behind whole. `export_owners` has the named owners that may be named.
    """
    private: dict[str, object] = {"private": include_private}
    reader.load("export_categories", _tabulate_categories())
    reader.query(
        f"""create or replace temp table export_owners as
        select e.entity_id, e.name, e.category, e.website
        from beliefs.entities e join export_categories c on c.category = coalesce(e.category, 'organisation')
        where e.kind = 'owner' and c.names_organisations and {_SHOWN}
        qualify row_number() over (partition by e.entity_id order by e.visibility) = 1""",
        private,
    )
    levels = list(range(101))
    reader.load("export_levels", pa.table({"level": levels, "confidence": [name_level(level) for level in levels]}))
    reader.query(
        rf"""create or replace temp table export_judged as
        select l.* exclude (confidence), coalesce(l.confidence, n.confidence) as confidence,
            coalesce(c.names_organisations, false) or o.entity_id is not null or l.level = $authority
                or (l.entity is null and regexp_full_match(
                    trim(regexp_replace(lower(coalesce(l.label, '')), '[\W\d_]+', ' ', 'g')), $nobody)) as is_nameable
        from beliefs.labels l
        left join export_categories c using (category)
        left join export_owners o using (entity_id)
        left join export_levels n on n.level = l.level
        where {_SHOWN}""",
        private | {"authority": CONFIDENCE_LEVELS["authority_data"], "nobody": _NAMES_NOBODY},
    )
    reader.query(
        """create or replace temp table export_claims as
        select * exclude (label, entity, entity_id, is_nameable, origin),
            case when is_nameable then coalesce(label, entity, category) else category end as label,
            case when is_nameable then label end as own_label,
            case when is_nameable then entity end as entity, case when is_nameable then entity_id end as entity_id
        from export_judged
        where is_nameable or category not in (select category from export_categories where says_only_who)"""
    )
    return _count_changes(reader)


def _tabulate_categories() -> pa.Table:
    categories = list(load_categories().values())
    return pa.table(
        {
            "category": [category.slug for category in categories],
            "names_organisations": [category.names_organisations for category in categories],
            "says_only_who": [category.person for category in categories],
        }
    )


def _count_changes(reader: Reader) -> dict[str, int]:
    kept, judged, unnamed = reader.query(
        """select (select count(*) from export_claims), (select count(*) from export_judged),
            (select count(*) from export_judged where not is_nameable)"""
    )[0]
    total = reader.query("select count(*) from beliefs.labels")[0][0]
    left_out = judged - kept
    return {"private_labels": total - judged, "of_a_person": left_out, "names_withheld": unnamed - left_out}


def describe_changes(changes: Mapping[str, int]) -> str:
    """Return what is left out as a sentence."""
    words = {
        "private_labels": "{:,} private labels",
        "of_a_person": "{:,} labels that say nothing but a name that may be a private person's",
        "names_withheld": "{:,} names that may be a private person's (the category stands in their place)",
        "duplicates": "{:,} that say the same of an address again",
        "unnamed_owners": "{:,} addresses whose owner has no name",
    }
    parts = [words[name].format(count) for name, count in changes.items() if count and name in words]
    return f"Left out: {'; '.join(parts)}." if parts else "Nothing is left out."
