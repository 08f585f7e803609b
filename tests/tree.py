"""Which files of ours do the contract tests look at?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("intel", "pages", "bench", "examples", "tests")


def name_of(path: Path) -> str:
    """Return the path as it is written in the checkout."""
    return path.relative_to(ROOT).as_posix()


def list_python_files(*folders: str) -> list[Path]:
    """Return our Python files under the folders (all of ours when none is named), sorted."""
    found = [path for folder in folders or FOLDERS for path in (ROOT / folder).rglob("*.py")]
    if not folders or "app.py" in folders:
        found += [path for path in [ROOT / "app.py"] if path.exists()]
    return sorted(path for path in found if "__pycache__" not in path.parts)


@cache
def parse_file(path: Path) -> ast.Module:
    """Return the syntax tree of one file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def list_functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return every function of the file, nested ones and methods included."""
    return [node for node in ast.walk(parse_file(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def iter_imports(path: Path) -> Iterator[str]:
    """Yield the full name of every imported module, wherever in the file the import stands."""
    for node in ast.walk(parse_file(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def iter_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of every string in the file that is no docstring; f-strings come with their fixed parts."""
    tree = parse_file(path)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value
