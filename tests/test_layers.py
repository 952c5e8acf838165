"""The shape of the package: imports point one way, the start is light, files stay short."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
import pytest
import rca

HOME = Path(rca.__file__).parent
#: Lowest first. A module may import from its own layer's folder and from the layers before it.
LAYERS = [
    "errors",
    "types",
    "registry",
    "config stats profiles",
    "tables models gitrepo",
    "metrics versions",
    "sandbox",
    "integrity evolution inputs",
    "repairs faults contract",
    "words",
    "case findings drift",
    "lineage",
    "tree",
    "parts",
    "causes",
    "api",
    "plots",
    "report",
    "drill",
    "cli",
    "__main__",
]
LEVEL = {name: i for i, names in enumerate(LAYERS) for name in names.split()}
PILLARS = {"integrity", "evolution", "inputs"}
HEAVY = {
    "evidently",
    "dvc",
    "sklearn",
    "ibis",
    "matplotlib",
    "pandas",
    "numpy",
    "scipy",
    "duckdb",
    "papermill",
    "skops",
}


def modules() -> list[Path]:
    return sorted(p for p in HOME.rglob("*.py") if p.parent != HOME or p.name != "__init__.py")


def layer(dotted: str) -> str:
    return dotted.split(".")[1]


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} if node.module != "rca" else {f"rca.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("rca.")}


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(HOME)))
def test_imports_point_one_way(path: Path) -> None:
    own = path.relative_to(HOME).with_suffix("").parts[0]
    for name in imported(path):
        other = layer(name)
        assert other in LEVEL, f"{name} is in no layer: add it to LAYERS"
        if other != own:
            assert LEVEL[other] < LEVEL[own], f"{own} must not import {name}"
        assert not (own in PILLARS and other in PILLARS and own != other), "pillars do not import each other"


def test_types_import_nothing_of_rca() -> None:
    assert imported(HOME / "types.py") == set()


def test_only_plots_imports_matplotlib() -> None:
    users = [p for p in modules() if any(n.startswith("matplotlib") for n in _all_imports(p))]
    assert {p.name for p in users} <= {"plots.py", "types.py", "attribute.py"}  # the latter two for an annotation


def _all_imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("command", [["-c", "import rca"], ["-m", "rca", "--help"]])
def test_the_start_is_light(command: list[str]) -> None:
    probe = "import sys, runpy\n" + (
        "import rca\n"
        if command[0] == "-c"
        else "sys.argv = ['rca', '--help']\n"
        "try:\n    runpy.run_module('rca', run_name='__main__')\nexcept SystemExit:\n    pass\n"
    )
    probe += "print(len(sys.modules), *sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    count, *names = done.stderr.split()
    assert HEAVY.isdisjoint(names)
    assert int(count) < 450


def test_the_facade_is_small_and_complete() -> None:
    assert len(rca.__all__) <= 16
    assert all(hasattr(rca, name) for name in rca.__all__)


def test_files_are_short_and_the_package_too() -> None:
    lengths = {p: len(p.read_text().splitlines()) for p in HOME.rglob("*.py")}
    assert {p.name: n for p, n in lengths.items() if n > 400} == {}
    assert sum(lengths.values()) < 12_000
