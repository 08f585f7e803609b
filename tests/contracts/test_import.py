"""Does `import intel` stay light?"""

from __future__ import annotations

import subprocess
import sys

HEAVY = {
    "altair", "deltalake", "matplotlib", "neo4j", "networkx", "numba", "pandas", "pyspark", "scipy", "sklearn",
    "sqlalchemy", "streamlit", "typer", "web3",
}  # fmt: skip


def test_import_loads_no_heavy_library() -> None:
    script = "import sys, intel; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "intel" in loaded
    assert not HEAVY & set(loaded)
