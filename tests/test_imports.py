"""Who may import whom: reads the import statements of every room."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("support", "store", "retrieval", "actions", "gateway", "bot", "operate")
# What a room may import of ours, besides itself: whole rooms, or single modules of one.
ALLOWED: dict[str, set[str]] = {
    "support": set(),
    "store": {"support"},
    "retrieval": set(),
    "actions": {"support", "store", "retrieval"},
    "gateway": {
        "support",
        "store",
        "retrieval.articles",
        "retrieval.published",
        "retrieval.errors",
    },
    "bot": set(),
    "operate": {"support", "store", "retrieval", "gateway.auth"},
}
# Modules that wire a room together: they alone name the implementations of a seam.
WIRING = ("gateway/app.py", "gateway/__main__.py", "actions/__main__.py")
# Classes with a life of their own, each made where the process is wired and passed from there.
IMPLEMENTATIONS = {
    "gateway": {
        "Database",
        "Dialogue",
        "Inbox",
        "Desk",
        "Outbox",
        "Live",
        "Limiter",
        "Library",
        "Passers",
        "Search",
        "Visitors",
        "AgentSessions",
    },
    "actions": {"Database", "KnowledgeBase"},
}


def files(room: str) -> list[Path]:
    """The modules of a room."""
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The dotted names a module imports; for `from a import b` both "a" and "a.b"."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).with_suffix("").parts
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return names


def called(path: Path) -> set[str]:
    """The names that a module calls: `Name(...)`."""
    return {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def allowed(room: str, name: str) -> bool:
    """Whether a module of that room may import that name of ours."""
    return any(
        name == may or name.startswith(f"{may}.") or ("." in may and name == may.split(".")[0])
        for may in ALLOWED[room] | {room}
    )


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    """Arrows between rooms point one way; a new one is a decision, not an accident."""
    assert files(room), f"{room} has no modules"
    wrong = {
        str(path.relative_to(ROOT)): bad
        for path in files(room)
        if (
            bad := sorted(
                name
                for name in imported(path)
                if name.split(".")[0] in (*ROOMS, "tests", "sample") and not allowed(room, name)
            )
        )
    }
    assert wrong == {}


def test_rules_need_nothing_but_python() -> None:
    """`support` is pure: it can be read, tested and moved alone."""
    foreign = {
        name
        for path in files("support")
        for name in imported(path)
        if name.split(".")[0] not in {*sys.stdlib_module_names, "support"}
    }
    assert foreign == set()


def test_nobody_imports_the_engines_parts() -> None:
    """`bot` runs in another Python with other libraries."""
    users = [
        path.relative_to(ROOT)
        for room in ROOMS
        if room != "bot"
        for path in files(room)
        if any(name.split(".")[0] == "bot" for name in imported(path))
    ]
    assert users == []


@pytest.mark.parametrize("room", sorted(IMPLEMENTATIONS))
def test_implementations_are_chosen_in_one_place(room: str) -> None:
    """Everything else is handed what it needs, so that a test can hand it something else."""
    choosers = {
        str(path.relative_to(ROOT)): sorted(made)
        for path in files(room)
        if str(path.relative_to(ROOT)) not in WIRING
        and (made := called(path) & IMPLEMENTATIONS[room])
    }
    assert choosers == {}


def test_the_check_sees_what_it_should(tmp_path: Path) -> None:
    """Imports inside functions, relative ones and modules behind a package."""
    assert "gateway.desk" in imported(ROOT / "gateway/app.py")
    assert "gateway.routes.console.console" in imported(ROOT / "gateway/app.py")
    assert not allowed("gateway", "retrieval.index")
    assert not allowed("gateway", "actions.turn")
    assert not allowed("support", "store")
    assert allowed("gateway", "retrieval.published.published_release")
    assert not allowed("operate", "gateway.app")
