"""What can go wrong, and what does the user do next?"""

from __future__ import annotations

from typing import ClassVar


class IntelError(Exception):
    """A failure the user can act on: what failed, with the value, and a hint that names the next step."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UsageError(IntelError):
    """The call itself is off: an option, a range, a form."""

    exit_code = 2
    http_status = 400


class BadInput(IntelError):
    """A file, table or value from outside cannot be read as what it should be."""

    http_status = 422


class UnknownSubject(IntelError):
    """Nothing in the store goes by this address or name."""

    http_status = 404


class AmbiguousSubject(IntelError):
    """Several entities go by this name; `candidates` holds (entity_id, name) pairs."""

    http_status = 409

    def __init__(self, message: str, candidates: list[tuple[str, str]], hint: str = "") -> None:
        super().__init__(message, hint)
        self.candidates = candidates


class StoreError(IntelError):
    """The store is missing, locked, damaged or of another version."""

    http_status = 503


class StoreBusy(StoreError):
    """Another process is writing to the store: the same act works once it has finished."""


class EngineLost(StoreError):
    """The engine that a build runs on went away: nothing of this build can be finished."""


class NoSnapshot(StoreError):
    """The store holds no finished build yet."""


class DownloadError(IntelError):
    """A dataset could not be fetched, or is not what its checksum says."""

    http_status = 502


class GraphDatabaseError(IntelError):
    """The graph database cannot be reached, refuses us, or holds what the export cannot work with."""

    http_status = 502
