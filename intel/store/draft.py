"""How does a build ask of itself what its readers will ask, before it is published?"""

from __future__ import annotations

from intel.store.connection import Connection
from intel.store.reader import Reader


class DraftReader(Reader):
    """Reads the build that `con` is making, by one cursor; what it prepares goes when it is closed.

    There is no manifest, no folder and no build id yet. Unlike other readers it may write to that build.
    """

    def __init__(self, con: Connection) -> None:
        self._con = con.cursor()
        self._con.execute("set timezone = 'UTC'")
        # What a reader keeps for a whole build would lie among the tables of the build itself.
        self._con.execute("attach ':memory:' as draft")
        self._con.execute("use draft")
        self._begin(set())

    def _cursor(self) -> Connection:
        return self._con

    def close(self) -> None:
        """Drop what was prepared; the build stays as it is."""
        if not self._closed:
            self._closed = True
            self._con.execute("use memory")
            self._con.execute("detach draft")
            self._con.close()
