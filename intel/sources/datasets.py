"""Which public data sets do we know, and how does one get onto this machine unchanged?"""

from __future__ import annotations

import logging
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import pooch

from intel.config import data_path
from intel.errors import DownloadError

_RETRIES = 3  # of a download; a file of a local mirror is the same however often it is read


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is known about one public set (data/datasets.toml says what each field means)."""

    name: str
    title: str
    kind: str
    path: str
    upstream: str
    licence: str
    bytes: int
    rows: int
    sha256: str
    url: str | None = None


def list_datasets(registry: Path | None = None) -> tuple[Dataset, ...]:
    """Return every registered set, in the order of the registry file (ours, unless another is given)."""
    rows = tomllib.loads((registry or data_path("datasets.toml")).read_text(encoding="utf-8"))
    return tuple(Dataset(name=name, **row) for name, row in rows.items())


def find_dataset(name: str, registry: Path | None = None) -> Dataset:
    """Return the set of that name; DownloadError lists near names when there is none."""
    known = {dataset.name: dataset for dataset in list_datasets(registry)}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "`intel datasets list` shows every name"
    raise DownloadError(f"no dataset is called {name!r}", hint=hint)


def pull_dataset(name: str, target_dir: Path, mirror: Path | None = None, *, registry: Path | None = None) -> Path:
    """Fetch one set into `target_dir` and return its path there; a copy with the right checksum is left alone.

    The file comes from `mirror` where one is given, else from the set's own address. Raises DownloadError for an
    unknown name, no place to take it from, a file that is missing there, or a checksum that is another.
    """
    dataset = find_dataset(name, registry)
    source, downloader = _choose_source(dataset, mirror)
    pooch.get_logger().setLevel(logging.WARNING)  # progress is the caller's to report
    shelf = pooch.create(
        path=target_dir,
        base_url="",
        registry={dataset.path: f"sha256:{dataset.sha256}"},
        urls={dataset.path: source},
        retry_if_failed=0 if mirror else _RETRIES,
    )
    try:
        return Path(shelf.fetch(dataset.path, downloader=downloader))
    except ValueError as error:  # pooch's way to say that the checksum differs; it names both
        hint = f"fetch {dataset.path} anew from {dataset.upstream}, or update the registry if the set has changed"
        raise DownloadError(f"dataset {name} from {source} is not the registered file: {error}", hint) from error
    except OSError as error:
        hint = "check the disk and the connection, then pull again: nothing half-made is kept"
        raise DownloadError(f"dataset {name} could not be fetched from {source}: {error}", hint) from error


def _choose_source(dataset: Dataset, mirror: Path | None) -> tuple[str, Callable[..., None] | None]:
    """Return the address to fetch from, and how; None means pooch's own way for that address."""
    if mirror is not None:
        file = mirror / dataset.path
        if not file.is_file():
            hint = f"put the file there, or unset INTEL_DATA_MIRROR; upstream is {dataset.upstream}"
            raise DownloadError(f"the mirror {mirror} has no {dataset.path}", hint)
        return str(file), _copy_file
    if dataset.url is None:
        hint = (
            f"set INTEL_DATA_MIRROR to a folder that holds {dataset.path}; "
            f"upstream is {dataset.upstream} (licence: {dataset.licence})"
        )
        raise DownloadError(f"dataset {dataset.name} has no direct download", hint)
    return dataset.url, None


def _copy_file(url: str, output_file: str, _: pooch.Pooch) -> None:
    shutil.copyfile(url, output_file)
