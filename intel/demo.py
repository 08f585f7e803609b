"""How does a newcomer see something within two minutes: a store of the simulated economy, and the app on it?"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from intel import pipeline
from intel.config import Settings, write_environment
from intel.errors import StoreError, UsageError
from intel.store.lake import Lake

_FIRST_PORT = 8501
_PORTS = 50


def prepare_store(settings: Settings, *, transfers: int, preset: str, seed: int) -> None:
    """Make the demo's store, or finish or reuse the one that was made with equal settings.

    Raises StoreError for a store that holds anything else: nobody's data gets mixed with the simulation.
    """
    commits = Lake(settings.store).commits()
    if not commits:
        pipeline.make_demo(settings, transfers=transfers, preset=preset, seed=seed)
    elif commits[0].command == f"demo --transfers {transfers} --preset {preset} --seed {seed}":
        pipeline.build(settings)
    else:
        raise StoreError(
            f"the store {settings.store} holds other data (`{commits[0].command}`)",
            "give the demo a store of its own: intel demo --store DIR",
        )


def serve_app(settings: Settings, tell: Callable[[str], None]) -> NoReturn:
    """Serve the app to this machine alone until it is stopped; `tell` is given its address. It reports to nobody."""
    page = Path(__file__).resolve().parents[1] / "app.py"
    if not page.is_file():
        raise UsageError(f"the app is not here: {page}", "run it from a checkout, or use --no-app")
    port = find_port()
    tell(f"http://127.0.0.1:{port}")
    options = (
        "--server.address=127.0.0.1", f"--server.port={port}", "--server.headless=true",
        "--browser.gatherUsageStats=false",
    )  # fmt: skip
    os.chdir(page.parent)  # Streamlit reads its own settings from the folder it starts in
    command = [sys.executable, "-m", "streamlit", "run", str(page), *options]
    # This process becomes the server: whoever stops it leaves no child behind. Interpreter and words are our own.
    os.execve(sys.executable, command, write_environment(settings))  # noqa: S606


def find_port(first: int = _FIRST_PORT) -> int:
    """Return the first port from `first` on where nobody listens on this machine."""
    for port in range(first, first + _PORTS):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise StoreError(f"no port from {first} to {first + _PORTS - 1} is free", "stop another server")
