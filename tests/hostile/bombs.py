"""How does one write a Parquet file of a few kilobytes that unfolds into gigabytes?"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def write_repeated(path: Path, row: Mapping[str, Any], rows: int, **options: Any) -> Path:
    """Write one row many times: each of its values stands in the file once."""
    columns = {
        name: pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))
        for name, value in row.items()
        if value is not None
    }
    defaults = {"compression": "zstd", "write_statistics": False, "store_schema": False, "row_group_size": rows}
    pq.write_table(pa.table(columns), path, **(defaults | options))
    return path


def double_groups(path: Path, times: int) -> Path:
    """Let the footer name the row groups of a file twice, `times` times over: they lie upon each other."""
    content, told = path.read_bytes(), pq.read_metadata(path)
    for _ in range(times):
        told.append_row_groups(told)
    footer = BytesIO()
    told.write_metadata_file(footer)
    path.write_bytes(content[: -8 - _footer_bytes(content)] + footer.getvalue()[4:])
    return path


def claim_rows(path: Path, told: int, claimed: int) -> Path:
    """Change the number of rows wherever the footer tells it."""
    content = path.read_bytes()
    start = len(content) - 8 - _footer_bytes(content)
    footer = content[start:-8]
    assert footer.count(_number(told)) > 2  # of the file, of the group, of each column
    footer = footer.replace(_number(told), _number(claimed))
    path.write_bytes(content[:start] + footer + struct.pack("<I", len(footer)) + b"PAR1")
    return path


def write_nested(path: Path, depth: int) -> Path:
    """Write a file without rows whose one column lies so many groups deep; by hand, as no library writes it."""
    root, group, leaf = b"\x35\x02\x18\x01r\x15\x02\0", b"\x35\x02\x18\x01g\x15\x02\0", b"\x15\x02\x25\x02\x18\x01x\0"
    elements = b"\xfc" + _varint(depth + 2) + root + group * depth + leaf
    footer = b"\x15\x02\x19" + elements + b"\x16\x00\x19\x0c\x00"  # version, schema, no rows, no row groups
    path.write_bytes(b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1")
    return path


def _footer_bytes(content: bytes) -> int:
    return int(struct.unpack("<I", content[-8:-4])[0])


def _number(value: int) -> bytes:
    """A positive whole number as Thrift writes it."""
    return _varint(2 * value)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])
