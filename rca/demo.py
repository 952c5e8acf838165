"""The showcase: the first drill of the demo system, an incident with a decoy, from nothing to a report."""

import tempfile
from dataclasses import replace
from pathlib import Path
from rca import plots
from rca.api import investigate
from rca.drill import BAD, GOOD, Workspace, drills, start, strike
from rca.registry import Say, silent
from rca.report import write
from rca.report.document import dump
from rca.types import Investigation

DRILL = "demo-01"


def build(root: Path, *, damage: bool = True, say: Say = silent) -> Workspace:
    """Make the workspace in a new folder: ``good``, then ``bad`` after a retrain and, by `damage`, a broken feed."""
    showcase = drills()[DRILL]
    say("training the good version")
    work = start(root, showcase.system)
    say("planting the incident")
    strike(work, showcase if damage else replace(showcase, causes=()))
    return work


def run(keep: Path | None, *, damage: bool = True, seed: int = 0, say: Say = silent) -> tuple[Investigation, Path]:
    """Make a workspace, to `keep` or not, investigate without being told, write ``reports``; return their page."""
    with tempfile.TemporaryDirectory(prefix="rca-demo-") as folder:
        workspace = build(keep or Path(folder) / "workspace", damage=damage, say=say)
        found = investigate(GOOD, BAD, config=workspace.root / "rca.yaml", seed=seed, say=say)
        home = (keep or Path.cwd()) / "reports"
        say("writing the report")
        dump(found, home / "investigation.json")
        (home / "waterfall.png").write_bytes(plots.png(plots.waterfall(found)))
        return found, Path(write(found, home / "report.html"))
