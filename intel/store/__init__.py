"""Where is everything kept? Lake, snapshots, workspace, and the one reader over them."""

from intel.store.connection import Connection, open_connection

__all__ = ["Connection", "open_connection"]
