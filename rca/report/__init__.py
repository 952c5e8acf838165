"""Reports: one investigation as a page, a notebook or Markdown."""

import shutil
import tempfile
from pathlib import Path
from rca import words
from rca.errors import ConfigError, ReportError, choices
from rca.report import document, markdown
from rca.types import Investigation

_HOME = Path(__file__).resolve().parents[1]
FORMATS = (".html", ".ipynb", ".md")


def write(
    investigation: Investigation, path: str | Path, notebook: str | Path = "incident_report", title: str = ""
) -> str:
    """Write a report and return its path.

    ``.html`` is one file that needs nothing else; ``.ipynb`` is the notebook that was run, with its document beside
    it; ``.md`` is short, for a comment. The notebook is the name of one that comes with rca, or the path of another
    with the same parameters.
    """
    path, kind = Path(path), Path(path).suffix.lower()
    if kind == ".pdf":
        raise ConfigError(f"rca writes no PDF: write {path.stem}.html and print it from a browser; its pages are A4.")
    if kind not in FORMATS:
        raise ConfigError(f"cannot write {path.name!r}: choose one of the extensions {choices(FORMATS)}.")
    ours = {file.stem: file for file in share("notebooks").glob("*.ipynb")}
    if Path(notebook).suffix != ".ipynb" and str(notebook) not in ours:
        raise ConfigError(f"there is no notebook '{notebook}': choose one of {choices(ours)}, or name an .ipynb file.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == ".md":
            path.write_text(markdown.render(investigation), encoding="utf-8")
        else:
            _run(investigation, ours.get(str(notebook), Path(notebook)), path, title)
    except OSError as problem:
        raise ConfigError(f"cannot write {path} ({problem.strerror}): choose another place.") from None
    return str(path)


def share(name: str) -> Path:
    """Return where a file or folder that travels with rca is: in an installed package, or at the root of a checkout."""
    # what lies next to an installed package belongs to others
    for home in [_HOME / "_share", *([_HOME.parent] if (_HOME.parent / "pyproject.toml").is_file() else [])]:
        if (home / name).exists():
            return home / name
    raise ConfigError(f"this installation of rca has no '{name}': install rca again, or run it from a checkout.")


def _run(investigation: Investigation, source: Path, path: Path, title: str) -> None:
    from rca.report import notebook as notebooks

    # A folder of its own: the notebook names its document without a path, so nothing of this machine is in it.
    with tempfile.TemporaryDirectory(prefix="rca-") as folder:
        data = document.dump(investigation, Path(folder) / f"{path.stem}.json")
        ran = Path(folder) / f"{path.stem}.ipynb"
        try:
            notebooks.execute(source, ran, {"investigation": str(data), "title": title})
        except ReportError as problem:
            raise ReportError(f"{problem} What had been done is in {path}." if ran.exists() else str(problem)) from None
        finally:
            if ran.exists() and path.suffix.lower() == ".ipynb":
                shutil.copyfile(ran, path)
                shutil.copyfile(data, path.with_suffix(".json"))
            elif ran.exists():
                name = f"{title or investigation.system}: {words.headline(investigation).lower()}"
                path.write_text(notebooks.page(ran, name), encoding="utf-8")
