"""Does the key in a node's URL stay out of everything that we write, print and log?"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intel.errors import IntelError
from intel.following import RpcOptions
from intel.store.ddl import read_tables
from tests.ledger_files import lake_rows
from tests.live.busy import QUICK, start_busy, take
from tests.live.server import Answer, Asked, forward, serve
from tests.parts import require_part

KEY, QUERY, PASSWORD = "k3y0fThePath9876543210", "t0kenOfTheQuery55512345", "pa55wordOfTheUser"
SECRETS = (KEY, QUERY, PASSWORD)
BLOCKS = 6
HASTY: RpcOptions = replace(QUICK, retries=1, timeout=0.5)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require_part("contracts")
    with start_busy(tmp_path_factory.mktemp("anvil"), BLOCKS) as miner:
        yield miner.node.url


def with_keys(url: str) -> str:
    return url.replace("http://", f"http://operator:{PASSWORD}@") + f"/v2/{KEY}?apikey={QUERY}"


def echo(status: int) -> Answer:
    """A node that repeats the URL in what it says, as some do."""
    said = f"no such project: /v2/{KEY}?apikey={QUERY} for operator:{PASSWORD}"
    return Answer(f'{{"jsonrpc":"2.0","id":0,"error":{{"code":-32000,"message":"{said}"}}}}'.encode(), status)


FAILURES = {
    "unauthorised": lambda asked: echo(401),
    "forbidden": lambda asked: echo(403),
    "not found": lambda asked: echo(404),
    "too many": lambda asked: echo(429),
    "error inside 200": lambda asked: echo(200),
    "not JSON": lambda asked: Answer(f"<p>{KEY} {QUERY} {PASSWORD}</p>".encode()),
    "broken off": lambda asked: Answer(b"{", claims=100),
    "late": lambda asked: Answer(b"", delay=1.0),
}


@pytest.mark.parametrize("name", FAILURES)
def test_errors_and_logs_hold_no_key(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serve(FAILURES[name]) as url, pytest.raises(IntelError) as caught:
        take(tmp_path / "store", with_keys(url), BLOCKS, HASTY)
    check_clean("".join(traceback.format_exception(caught.value)), str(caught.value), caught.value.hint)
    check_clean(caplog.text)


def test_a_node_that_is_not_there_is_named_without_its_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serve(lambda asked: Answer(b"")) as url:
        pass  # nobody listens there any more
    with pytest.raises(IntelError) as caught:
        take(tmp_path / "store", with_keys(url), BLOCKS, HASTY)
    check_clean("".join(traceback.format_exception(caught.value)), caplog.text)


def test_the_lake_holds_no_key(node: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = tmp_path / "store"
    with serve(lambda asked: Answer(forward(node, asked))) as url:
        take(store, with_keys(url), BLOCKS)
    assert "POST" in caplog.text  # the requests are logged, so there is something to look at
    check_clean(caplog.text)
    check_store(store)


def check_store(store: Path) -> None:
    """Look into every file as it stands, and into every row as it reads."""
    for path in store.rglob("*"):
        check_clean(str(path.relative_to(store)))
        if path.is_file():
            check_clean(path.read_bytes().decode("latin-1"))
    rows = sum(len(found) for found in (lake_rows(store, f"from lake_{name}") for name in read_tables()["lake"]))
    assert rows > BLOCKS
    for name in read_tables()["lake"]:
        check_clean(repr(lake_rows(store, f"from lake_{name}")))


def check_clean(*texts: str) -> None:
    for text in texts:
        assert not [secret for secret in SECRETS if secret in text]


@pytest.mark.slow
@pytest.mark.parametrize("debug", ["", "1"])
def test_the_command_prints_no_key(node: str, debug: str, tmp_path: Path) -> None:
    """Neither where all is well, nor where the node refuses, nor with tracebacks on."""
    store = tmp_path / "store"

    def refuse_blocks(asked: Asked) -> Answer:
        return echo(401) if "eth_getBlockByNumber" in asked.methods else Answer(forward(node, asked))

    with serve(lambda asked: Answer(forward(node, asked))) as url, serve(refuse_blocks) as refusing:
        well = run_ingest(url, store, debug)
        assert well.returncode == 0, well.stderr
        ill = run_ingest(refusing, tmp_path / "other", debug)
        assert ill.returncode == 1, ill.stderr
    check_clean(well.stdout, well.stderr, ill.stdout, ill.stderr)
    check_store(store)


def run_ingest(url: str, store: Path, debug: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "intel", "ingest", "rpc", with_keys(url), "--blocks", f"0:{BLOCKS}"]
    return subprocess.run(
        [*command, "--store", str(store)], capture_output=True, text=True, timeout=120,
        env={**os.environ, "INTEL_DEBUG": debug},
    )  # fmt: skip
