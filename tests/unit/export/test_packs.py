"""Do our TagPacks and FollowTheMoney entities pass the tools of their makers, say all they may, and nothing more?"""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from intel import pipeline
from intel.config import Settings
from intel.errors import BadInput
from intel.export.claims import name_level
from intel.export.ftm import export_entities
from intel.export.tagpack import ABOUT, export_tagpacks
from intel.model import CONFIDENCE_LEVELS
from intel.sources.categories import load_categories, resolve_category
from intel.sources.labels import read_labels
from intel.store import open_connection
from intel.store.reader import Reader
from tests.commands import moved, succeed
from tests.ledger_files import write_csv
from tests.parts import require_part

HOT, DEPOSIT, STRANGER = ("0x" + digit * 40 for digit in "123")
PERSON, LISTED, CROOK, SECRET = ("0x" + digit * 40 for digit in "4567")
TRON, BITCOIN = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"

HOSTILE = [  # texts that would be something else in YAML or JSON, or in somebody's terminal
    'a"b\\c', "k: v # no", "- x", "!include header.yaml", "&a *a", "{[%@`", "yes", "null", "0x12", "2020-01-01", "=1+1",
    "line\none", "\u202egnp.exe", "zero\u200bwidth", "emoji \U0001f600", "nul\x00bell\x07", "<<", "a\u2028b",
    "\\ud83d\\ude00", "---", "...", "'", "\ufeffmark", "Ünï", "%YAML 1.1",
]  # fmt: skip


def claim(address: str, label: str | None, category: str, entity: str | None = None, **more: Any) -> dict[str, Any]:
    row = {"chain": "ethereum", "address": address, "entity": entity, "label": label, "category": category}
    row |= {"source": "book", "source_ref": "", "licence": "CC0", "source_date": "", "confidence": "", "valid_from": ""}
    return row | more


PACK = {"source_ref": "p.yaml | https://example.org/a"}
LABELS = [
    claim(HOT, "Binance 14", "exchange", "Binance", source_date="2024-02-03", **PACK),
    claim(HOT, "Binance 14", "exchange", "Binance", chain="evm", **PACK),
    claim(DEPOSIT, "Binance: Deposit", "exchange_deposit", "Binance", confidence="service_data", licence=""),
    claim(BITCOIN, "Bergamot OTC", "fund_otc", "Bergamot OTC", chain="bitcoin", valid_from="2020-01-01"),
    claim(TRON, None, "mixer", "Custard Mixer", chain="tron"),
    claim(CROOK, "Jane Q. Doe", "phishing_scam"),
    claim(STRANGER, "Fake_Phishing 12", "phishing_scam"),
    claim(PERSON, "John Q. Public", "other", "John Q. Public"),
    claim(LISTED, "OFAC SDN: DOE, John", "sanction", "Doe, John", confidence="authority_data"),
    *(
        claim(f"0x{n:040x}", text, "exchange", "Acorn", source="evil/../" if n % 2 else "'\"")
        for n, text in enumerate(HOSTILE)
    ),
]  # fmt: skip
NAMES_OF_PERSONS = ("Jane", "Public")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs")
    settings = Settings(store=folder / "store", memory="1GB", threads=1)
    transfers = [moved(n, DEPOSIT, HOT, 5) for n in range(3)]
    pipeline.ingest_files(settings, [write_csv(folder / "t.csv", transfers)])
    rows = folder / "labels.jsonl"
    rows.write_text("".join(json.dumps({k: v or None for k, v in row.items()}) + "\n" for row in LABELS), "utf-8")
    pipeline.add_labels(settings, [rows])
    secret = folder / "mine.jsonl"
    secret.write_text(json.dumps(claim(SECRET, "Kraken 9", "exchange", "Kraken", source="me")) + "\n", "utf-8")
    pipeline.add_labels(settings, [secret], private=True)
    pipeline.build(settings)
    return folder / "store"


@pytest.fixture(scope="module")
def packs(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "packs"
    export_tagpacks(store, folder)
    return folder


@pytest.fixture(scope="module")
def entities(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "x.ftm.json"
    export_entities(store, path)
    return path


def read_packs(folder: Path) -> list[dict[str, Any]]:
    return [yaml.safe_load(path.read_text("utf-8")) for path in sorted(folder.glob("*.yaml"))]


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


@pytest.mark.slow
def test_graphsense_takes_the_packs(packs: Path) -> None:
    command = Path(require_part("validators")) / "graphsense-cli"
    # Without a pack of actors it would fetch one; ours name none.
    actors = packs.parent / "actorpack.yaml"
    actors.write_text(
        "title: t\ncreator: c\nactors:\n"
        "- {id: a, uri: a.example, label: a, lastmod: 2024-01-01, categories: [exchange]}\n",
        encoding="utf-8",
    )
    words = ["tagpack-tool", "tagpack", "validate", "--actorpack-path", str(actors), str(packs)]
    answer = subprocess.run([command, *words], capture_output=True, text=True, timeout=300)
    found = len(list(packs.glob("*.yaml")))
    assert found == 3
    assert answer.returncode == 0, answer.stderr
    assert f"{found}/{found} TagPacks passed" in answer.stdout
    assert "FAILED" not in answer.stderr


@pytest.mark.slow
def test_ftm_takes_the_entities_and_drops_nothing(entities: Path, tmp_path: Path) -> None:
    command = Path(require_part("validators")) / "ftm"
    done = subprocess.run(
        [command, "validate", "-i", entities, "-o", tmp_path / "y.json"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    ours, theirs = read_lines(entities), read_lines(tmp_path / "y.json")
    assert len(ours) > len(HOSTILE)
    for mine, cleaned in zip(ours, theirs, strict=True):
        assert cleaned["schema"] == mine["schema"]
        assert {name: sorted(values) for name, values in cleaned["properties"].items()} == {
            name: sorted(values) for name, values in mine["properties"].items()
        }


COMPARED = (
    "chain, address, entity, label, category, source, url, licence, source_date, confidence, valid_from, source_ref"
)


def test_what_we_read_back_is_what_we_hold(store: Path, packs: Path) -> None:
    con = open_connection(threads=1)
    back = read_labels(con, [packs], recorded_at=datetime(2024, 1, 1, tzinfo=UTC))
    assert back.issues == ()
    con.register("back", back.tables["labels"])
    found = con.execute(f"select {COMPARED} from back order by all").fetchall()
    con.close()
    with Reader(store) as reader:
        held = reader.query(
            f"""select {COMPARED.replace("confidence", "confidence, level")} from beliefs.labels
            where visibility = 'public' and address <> $person order by all""",
            {"person": PERSON},
        )
    # The confidence of a source that gives none is written out; control characters are not; the wider of two equal
    # claims on one address stays; the name of a private person is gone.
    wanted = set()
    for row in held:
        *start, confidence, level, valid_from, reference = row
        label = None if row[1] == CROOK or row[3] is None else row[3].replace("\x00", " ").replace("\x07", " ").strip()
        if row[:2] != ("ethereum", HOT):
            wanted.add((*start[:3], label, *start[4:], confidence or name_level(level), valid_from, reference))
    assert set(found) ^ wanted == set()


def test_every_pack_says_where_it_comes_from(store: Path, packs: Path) -> None:
    about = json.loads((packs / ABOUT).read_text("utf-8"))
    with Reader(store) as reader:
        assert (about["build"], about["code_version"]) == (reader.build_id, reader.manifest.code_version)
    assert about["left_out"] == {"private_labels": 1, "of_a_person": 1, "names_withheld": 1, "duplicates": 1}
    for pack in read_packs(packs):
        assert about["build"] in pack["description"]
        assert about["code_version"] in pack["description"]
        assert "CC0" in pack["description"]
    assert about["layer"] == "public"


def test_persons_are_named_by_public_authorities_alone(packs: Path, entities: Path) -> None:
    for text in [*(path.read_text("utf-8") for path in packs.iterdir()), entities.read_text("utf-8")]:
        assert not [name for name in NAMES_OF_PERSONS if name in text]
    tags = {tag["address"]: tag for pack in read_packs(packs) for tag in pack["tags"]}
    assert (tags[CROOK]["label"], tags[CROOK]["abuse"]) == ("phishing_scam", "phishing")
    assert tags[STRANGER]["label"] == "Fake_Phishing 12"
    assert (tags[LISTED]["label"], tags[LISTED]["abuse"]) == ("OFAC SDN: DOE, John", "sanction")
    assert PERSON not in tags


def test_what_is_private_leaves_only_when_asked_for(store: Path, packs: Path, entities: Path, tmp_path: Path) -> None:
    both = [path.read_text("utf-8") for path in [*packs.iterdir(), entities]]
    assert not [text for text in both if SECRET in text or "Kraken" in text]
    export_tagpacks(store, tmp_path / "all", include_private=True)
    assert [tag["label"] for tag in yaml.safe_load((tmp_path / "all" / "me-001.yaml").read_text("utf-8"))["tags"]] == [
        "Kraken 9"
    ]
    export_entities(store, tmp_path / "all.json", include_private=True)
    assert SECRET in (tmp_path / "all.json").read_text("utf-8")


def test_a_source_names_the_holder_and_our_conclusion_is_a_link(entities: Path) -> None:
    found = read_lines(entities)
    owners = {one["id"]: one["properties"]["name"] for one in found if one["schema"] == "Organization"}
    wallets = {one["properties"]["publicKey"][0]: one for one in found if one["schema"] == "CryptoWallet"}
    assert [owners[holder] for holder in wallets[HOT]["properties"]["holder"]] == [["Binance"]]
    assert wallets[LISTED]["properties"]["topics"] == ["sanction"]
    assert "holder" not in wallets[LISTED]["properties"]
    linked = {link["properties"]["subject"][0] for link in found if link["schema"] == "UnknownLink"}
    assert not linked & {one["id"] for one in wallets.values() if "holder" in one["properties"]}
    about = json.loads(entities.with_name("x.ftm.json.about.json").read_text("utf-8"))
    assert about["entities"] == len(found)
    assert about["left_out"]["private_labels"] == 1


def test_two_exports_are_equal_and_the_second_takes_the_place_of_the_first(store: Path, tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        succeed("export", "tagpack", "--out", tmp_path / "packs", store=store)
        succeed("export", "ftm", "--out", tmp_path / "x.json", store=store)
        paths = [*(tmp_path / "packs").iterdir(), tmp_path / "x.json", tmp_path / "x.json.about.json"]
        contents.append({path.name: path.read_bytes() for path in paths})
    assert contents[0] == contents[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packs", "x.json", "x.json.about.json"]


def test_a_folder_of_something_else_is_left_alone(store: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    for folder, fault in ((tmp_path, "holds something else"), (tmp_path / "a" / "b", "there is no folder")):
        with pytest.raises(BadInput, match=fault):
            export_tagpacks(store, folder)
    with pytest.raises(BadInput, match="cannot write"):
        export_entities(store, tmp_path / "a" / "x.json")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_every_category_and_level_has_its_word() -> None:
    for category in load_categories().values():
        assert (category.concept is None) != (category.abuse is None), category.slug
        assert resolve_category(category.concept or category.abuse) is not None
    assert [name_level(level) for level in (100, 69, 60, 50, 0)] == [
        "ownership", "authority_data", "authority_data", "trusted_provider", "unknown",
    ]  # fmt: skip
    assert all(CONFIDENCE_LEVELS[name_level(level)] <= max(level, 5) for level in range(101))
