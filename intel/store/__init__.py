"""Where is everything kept? Lake, snapshots, workspace, and the one reader over them."""

from intel.store.connection import (
    Connection,
    DatabaseError,
    Engine,
    MemoryExceeded,
    is_disk_full,
    is_machine_error,
    is_read_error,
    lend_memory,
    name_failures,
    open_connection,
)

__all__ = [
    "Connection",
    "DatabaseError",
    "Engine",
    "MemoryExceeded",
    "is_disk_full",
    "is_machine_error",
    "is_read_error",
    "lend_memory",
    "name_failures",
    "open_connection",
]
