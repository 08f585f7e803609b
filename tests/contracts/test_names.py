"""Do files, folders and functions go by names that say something?"""

from __future__ import annotations

import ast
import re

from tests.tree import ROOT, list_functions, list_python_files, name_of, parse_file

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "core", "common", "misc", "manager", "managers"}
EMPTY_VERBS = re.compile(r"_*(get|do|process|handle)_")


def test_no_file_or_folder_is_a_drawer() -> None:
    folders = [path for path in (ROOT / "intel").rglob("*") if path.is_dir()]
    drawers = [name_of(path) for path in [*folders, *list_python_files()] if path.stem in EMPTY_NAMES]
    assert not drawers


def test_every_module_says_what_it_answers() -> None:
    silent = [name_of(path) for path in list_python_files() if not ast.get_docstring(parse_file(path))]
    assert not silent, f"no module docstring: {silent}"


def test_functions_have_verbs_that_say_something() -> None:
    vague = [
        f"{name_of(path)}:{function.lineno} {function.name}"
        for path in list_python_files("intel", "pages", "app.py")
        for function in list_functions(path)
        if EMPTY_VERBS.match(function.name)
    ]
    assert not vague


def test_no_class_is_a_manager() -> None:
    managers = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in list_python_files("intel")
        for node in ast.walk(parse_file(path))
        if isinstance(node, ast.ClassDef) and re.search(r"Manager|Util|Helper", node.name)
    ]
    assert not managers
