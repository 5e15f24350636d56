"""The layers hold: every import of every module is checked against the table of who may know whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cstui"

#: Layer → the layers of the project it may import. A layer may always import itself.
MAY_IMPORT: dict[str, set[str]] = {
    "domain": set(),
    "storage": {"domain"},
    "services": {"domain", "storage"},
    "text": {"domain"},
    "keys": {"domain"},
    "widgets": {"domain", "text"},
    "screens": {"domain", "widgets", "keys", "text", "flow"},
    "flow": {"domain"},
    "app": {"domain", "screens", "widgets", "keys", "text", "flow", "config", "terminal"},
    "terminal": {"domain"},
    # Of storage only the reading of database URLs; tests/test_config.py proves that nothing heavy comes with it.
    "config": {"domain", "keys"},
    "cli": {"domain", "services", "config", "bootstrap", "keys", "text", "terminal", "start"},
    "start": {"domain", "services", "config", "bootstrap", "keys", "text", "terminal", "app", "cli"},
    "bootstrap": {"domain", "storage", "services", "config", "app"},
}
#: Modules at the top of the package → their layer.
TOP: dict[str, str] = {
    "text": "text", "format": "text", "locales": "text", "states": "text", "themes": "text", "zones": "text",
    "flow": "flow", "saving": "flow", "live_search": "flow", "typeahead": "flow",
    "app": "app", "open_records": "app", "desk_actions": "app", "money_desk": "app", "money_status": "app",
    "crash": "terminal", "log": "terminal", "terminal": "terminal",
    "config": "config", "config_keys": "config", "bootstrap": "bootstrap", "start": "start", "__main__": "start", "__init__": "domain",
}  # fmt: skip
#: Layer → third-party packages it may import; "*" is any but the forbidden ones of `NEVER`.
THIRD_PARTY: dict[str, set[str]] = {
    "domain": set(),
    "storage": {"sqlmodel", "sqlalchemy", "alembic", "psycopg", "pydantic_core"},
    "services": {"*"},
    "text": {"textual", "rich", "phonenumbers"},
    "keys": {"textual"},
    "widgets": {"textual", "rich"},
    "screens": {"textual", "rich"},
    "flow": {"textual"},
    "app": {"textual", "rich"},
    "terminal": {"textual", "rich", "structlog", "platformdirs"},
    "config": {"platformdirs", "pydantic"},
    "cli": {"typer", "click", "rich"},
    "start": {"platformdirs"},
    "bootstrap": set(),
}
NEVER: dict[str, set[str]] = {"services": {"textual", "typer"}}
#: Screens and the flow know services by type only; screens may name the app's type too.
TYPES_ONLY = {
    ("screens", "services"), ("screens", "app"), ("screens", "bootstrap"), ("flow", "services"), ("flow", "screens"),
    ("flow", "app"), ("app", "services"), ("app", "bootstrap"),
}  # fmt: skip
#: The only places that may reach the network.
NETWORK = {"httpx", "smtplib", "socket", "ssl", "urllib.request"}


def layer_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return TOP[parts[0]] if len(parts) == 1 else parts[0]


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "migrations/versions" not in str(path))


def imports(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """Every imported module with its line, and whether it is for type checkers only."""
    typing_only: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            typing_only.update(id(inner) for part in node.body for inner in ast.walk(part))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) in typing_only
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield node.module or "", node.lineno, id(node) in typing_only
            if node.module == "cstui":
                for alias in node.names:
                    yield f"cstui.{alias.name}", node.lineno, id(node) in typing_only


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_layer_may_know(path: Path) -> None:
    layer = layer_of(path)
    faults: list[str] = []
    for name, line, typing_only in imports(ast.parse(path.read_text())):
        top, _, rest = name.partition(".")
        if top == "cstui":
            if not rest:
                continue
            head = rest.split(".")[0]
            other = TOP.get(head, head) if "." not in rest else head
            allowed = (
                other == layer or other in MAY_IMPORT[layer] or rest == "__version__" or head == "__version__"
            )
            if not allowed and not (typing_only and (layer, other) in TYPES_ONLY):
                faults.append(f"line {line}: {layer} must not import {name}")
        elif top not in sys.stdlib_module_names and top != "__future__":
            permitted = THIRD_PARTY[layer]
            if (top not in permitted and "*" not in permitted) or top in NEVER.get(layer, set()):
                faults.append(f"line {line}: {layer} must not import {name}")
        if layer not in ("services", "cli", "start") and name in NETWORK:
            faults.append(f"line {line}: only services reach the network, not {layer} ({name})")
    assert not faults, f"{path.relative_to(ROOT)}:\n  " + "\n  ".join(faults)


def test_only_the_transaction_commits() -> None:
    allowed = {PACKAGE / "storage" / "transaction.py"}
    guilty = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        if path not in allowed
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert not guilty, f"commit outside storage/transaction.py: {guilty}"


def test_sql_stands_in_storage_only() -> None:
    guilty = []
    for path in modules():
        if layer_of(path) in ("storage",):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.upper().lstrip()
                reads = text.startswith(("SELECT ", "DELETE FROM ")) and " FROM " in text
                if (
                    reads
                    or text.startswith("INSERT INTO ")
                    or (text.startswith("UPDATE ") and " SET " in text)
                ):
                    guilty.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not guilty, f"SQL outside storage: {guilty}"


def loaded_after(code: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(' '.join(sys.modules))"],
        capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
    )  # fmt: skip
    return {name.partition(".")[0] for name in run.stdout.split()}


def test_services_load_no_textual() -> None:
    code = (
        "import pkgutil, importlib, cstui.services as s\n"
        "for m in pkgutil.walk_packages(s.__path__, 'cstui.services.'): importlib.import_module(m.name)"
    )
    assert "textual" not in loaded_after(code)


def test_help_on_the_command_line_loads_neither_textual_nor_sqlmodel() -> None:
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cstui", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    loaded = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in run.stderr.splitlines()
        if line.startswith("import time")
    }
    assert not loaded & {"textual", "sqlmodel", "sqlalchemy"}


def test_the_first_screen_needs_neither_sqlalchemy_nor_typer_nor_pydantic() -> None:
    modules = (
        "start",
        "app",
        "bootstrap",
        "screens.search",
        "services.search",
        "services.settings",
        "services.sign_in",
    )
    code = "import " + ", ".join(f"cstui.{name}" for name in modules)
    assert not loaded_after(code) & {
        "sqlalchemy",
        "sqlmodel",
        "typer",
        "pydantic",
        "httpx",
        "keyring",
        "phonenumbers",
    }
