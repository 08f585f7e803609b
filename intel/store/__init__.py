"""Where is everything kept? Lake, snapshots, workspace, and the one reader over them."""

from intel.store.connection import Connection, DatabaseError, Engine, MemoryExceeded, is_read_error, open_connection

__all__ = ["Connection", "DatabaseError", "Engine", "MemoryExceeded", "is_read_error", "open_connection"]
