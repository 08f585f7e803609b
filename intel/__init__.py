"""Who is behind this address? Open, self-hosted blockchain attribution with the evidence shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from intel.errors import AmbiguousSubject, IntelError, NoSnapshot, UnknownSubject
    from intel.model import Address, Profile, Subject
    from intel.profiler.database import Database
    from intel.profiler.database import open_database as open

# Public name -> where it lives. Loaded on first use, so that `import intel` stays quick and free of DuckDB and pandas.
_HOMES = {
    "open": ("intel.profiler.database", "open_database"),
    "Database": ("intel.profiler.database", "Database"),
    "Address": ("intel.model", "Address"),
    "Profile": ("intel.model", "Profile"),
    "Subject": ("intel.model", "Subject"),
    "IntelError": ("intel.errors", "IntelError"),
    "AmbiguousSubject": ("intel.errors", "AmbiguousSubject"),
    "NoSnapshot": ("intel.errors", "NoSnapshot"),
    "UnknownSubject": ("intel.errors", "UnknownSubject"),
}

__all__ = [
    "Address",
    "AmbiguousSubject",
    "Database",
    "IntelError",
    "NoSnapshot",
    "Profile",
    "Subject",
    "UnknownSubject",
    "__version__",
    "open",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'intel' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
