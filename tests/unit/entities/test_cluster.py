"""Is an unnamed owner's id the same in every build?"""

from __future__ import annotations

from intel.entities.cluster import mint_id


def test_an_anonymous_id_depends_on_the_address_alone() -> None:
    assert mint_id("ethereum:0xaa") == mint_id("ethereum:0xaa") != mint_id("polygon:0xaa")
    assert mint_id("ethereum:0xaa").startswith("anon-")
