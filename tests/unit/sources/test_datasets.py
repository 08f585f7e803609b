"""Do registered data sets arrive unchanged, and does a refusal say what to do?"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath

import pytest

from intel.config import read_settings
from intel.errors import DownloadError
from intel.sources.datasets import find_dataset, list_datasets, pull_dataset

CONTENT = b"chain,address,entity\nethereum,0x01,somebody\n"
ENTRY = """
[tiny_labels]
title = "A few labels"
kind = "labels"
path = "labels/tiny.csv"
upstream = "https://example.org/tiny"
licence = "CC0-1.0"
bytes = 44
rows = 1
sha256 = "{sha256}"
"""


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    (folder / "labels").mkdir(parents=True)
    (folder / "labels/tiny.csv").write_bytes(CONTENT)
    return folder


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    path = tmp_path / "datasets.toml"
    path.write_text(ENTRY.format(sha256=hashlib.sha256(CONTENT).hexdigest()), "utf-8")
    return path


def test_every_entry_is_whole() -> None:
    datasets = list_datasets()
    assert datasets
    assert len({dataset.path for dataset in datasets}) == len(datasets)
    for dataset in datasets:
        path = PurePosixPath(dataset.path)
        assert not path.is_absolute(), dataset.name
        assert ".." not in path.parts, dataset.name
        assert re.fullmatch("[0-9a-f]{64}", dataset.sha256), dataset.name
        assert re.fullmatch("[a-z0-9_]+", dataset.name), dataset.name
        assert dataset.bytes > 0, dataset.name
        assert dataset.rows > 0, dataset.name
        assert all((dataset.title, dataset.kind, dataset.upstream, dataset.licence)), dataset.name


def test_file_of_the_mirror_arrives_unchanged(tmp_path: Path, mirror: Path, registry: Path) -> None:
    pulled = pull_dataset("tiny_labels", tmp_path / "out", mirror, registry=registry)
    assert pulled == tmp_path / "out/labels/tiny.csv"
    assert pulled.read_bytes() == CONTENT


def test_second_pull_leaves_the_copy_alone(tmp_path: Path, mirror: Path, registry: Path) -> None:
    first = pull_dataset("tiny_labels", tmp_path / "out", mirror, registry=registry).stat()
    second = pull_dataset("tiny_labels", tmp_path / "out", mirror, registry=registry).stat()
    assert (first.st_mtime_ns, first.st_ino) == (second.st_mtime_ns, second.st_ino)


def test_damaged_copy_is_replaced(tmp_path: Path, mirror: Path, registry: Path) -> None:
    pulled = pull_dataset("tiny_labels", tmp_path / "out", mirror, registry=registry)
    pulled.write_bytes(CONTENT[:10])
    assert pull_dataset("tiny_labels", tmp_path / "out", mirror, registry=registry).read_bytes() == CONTENT


def test_wrong_checksum_names_both_and_keeps_nothing(tmp_path: Path, mirror: Path, registry: Path) -> None:
    (mirror / "labels/tiny.csv").write_bytes(b"something else")
    with pytest.raises(DownloadError) as caught:
        pull_dataset("tiny_labels", tmp_path / "out", mirror, registry=registry)
    assert hashlib.sha256(CONTENT).hexdigest() in caught.value.message
    assert hashlib.sha256(b"something else").hexdigest() in caught.value.message
    assert "example.org/tiny" in caught.value.hint
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_unknown_name_lists_near_ones(registry: Path) -> None:
    with pytest.raises(DownloadError, match="'tiny_label'") as caught:
        find_dataset("tiny_label", registry)
    assert caught.value.hint == "did you mean tiny_labels?"


def test_unknown_name_without_near_ones_says_where_to_look(registry: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        find_dataset("zzz", registry)
    assert "intel datasets list" in caught.value.hint


def test_no_mirror_and_no_address_says_what_to_do(tmp_path: Path, registry: Path) -> None:
    with pytest.raises(DownloadError, match="no direct download") as caught:
        pull_dataset("tiny_labels", tmp_path / "out", registry=registry)
    assert "INTEL_DATA_MIRROR" in caught.value.hint
    assert "labels/tiny.csv" in caught.value.hint
    assert "CC0-1.0" in caught.value.hint


def test_mirror_without_the_file_is_named(tmp_path: Path, registry: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DownloadError, match=r"has no labels/tiny\.csv"):
        pull_dataset("tiny_labels", tmp_path / "out", tmp_path / "empty", registry=registry)


def test_target_that_is_no_folder_is_a_clear_error(tmp_path: Path, mirror: Path, registry: Path) -> None:
    (tmp_path / "out").write_text("a file", "utf-8")
    with pytest.raises(DownloadError, match="could not be fetched"):
        pull_dataset("tiny_labels", tmp_path / "out", mirror, registry=registry)


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(mirror: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(mirror)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_direct_address_is_fetched(tmp_path: Path, registry: Path, address: str) -> None:
    text = registry.read_text("utf-8")
    registry.write_text(f'{text}url = "{address}/labels/tiny.csv"\n', "utf-8")
    assert pull_dataset("tiny_labels", tmp_path / "out", registry=registry).read_bytes() == CONTENT


@pytest.mark.skipif(read_settings().data_mirror is None, reason="INTEL_DATA_MIRROR is not set")
def test_mirror_holds_what_the_registry_says(tmp_path: Path) -> None:
    for dataset in list_datasets():
        pulled = pull_dataset(dataset.name, tmp_path, read_settings().data_mirror)
        assert pulled.stat().st_size == dataset.bytes, dataset.name
        pulled.unlink()
