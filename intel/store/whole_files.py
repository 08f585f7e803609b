"""How does a file that somebody named come to be whole or not at all?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from intel.errors import BadInput


@contextmanager
def replace_whole(path: Path, hint: str = "name a folder that exists and can be written") -> Iterator[Path]:
    """Yield a scratch path beside `path`, which takes its place once the block has ended well, and is gone otherwise.

    Raises BadInput with `hint` where nothing can be written.
    """
    scratch = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        yield scratch
        scratch.replace(path)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}", hint) from error
    finally:
        scratch.unlink(missing_ok=True)
