"""Is everything small enough to be read at one sitting?"""

from __future__ import annotations

import ast
from pathlib import Path

from tests.tree import list_functions, list_python_files, name_of

FILE_LINES = 400
FUNCTION_LINES = 60
SMALL_FILE_LINES = 150  # a heuristic, a page


def count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def count_body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count from `def` to the last line, without the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_no_file_is_too_long() -> None:
    long = {name_of(path): lines for path in list_python_files() if (lines := count_lines(path)) > FILE_LINES}
    assert not long, f"over {FILE_LINES} lines: {long}"


def test_no_function_is_too_long() -> None:
    long = {
        f"{name_of(path)}:{function.lineno} {function.name}": lines
        for path in list_python_files()
        for function in list_functions(path)
        if (lines := count_body_lines(function)) > FUNCTION_LINES
    }
    assert not long, f"over {FUNCTION_LINES} lines: {long}"


def test_heuristics_and_pages_are_small() -> None:
    long = {
        name_of(path): lines
        for path in list_python_files("intel/heuristics", "pages")
        if (lines := count_lines(path)) > SMALL_FILE_LINES
    }
    assert not long, f"over {SMALL_FILE_LINES} lines: {long}"


def test_the_docstring_is_not_counted() -> None:
    source = 'def f() -> int:\n    """One.\n\n    Two.\n    """\n    return 1\n'
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert count_body_lines(function) == 2
