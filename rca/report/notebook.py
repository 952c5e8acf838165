"""Run a parameterised notebook in the interpreter that runs rca, and show it as a page without code or script."""

import html
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
import nbformat
import papermill.execute
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from markupsafe import Markup
from nbconvert import HTMLExporter
from papermill.exceptions import PapermillExecutionError
from papermill.translators import PythonTranslator
from rca.errors import ConfigError, ReportError, choices
from rca.report.html import template
from rca.words import clean

_KINDS: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
#: No history file, and no words of the kernel itself: what goes wrong in it is an error here.
_OPTIONS = ("--HistoryManager.enabled=False", "--log-level=CRITICAL")
_START = 60  # seconds until a kernel that does not answer is given up
_SOCKET = 80  # bytes that the path of a socket may have, less what is added to it; the limit of macOS is 104
#: What of an output is shown; never JavaScript or widgets.
_SHOWN = {"text/html", "image/png", "image/jpeg", "text/markdown", "text/plain"}
_HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)(?:<a class="anchor-link".*?)?</h2>', re.S)


def execute(notebook: str | Path, output: str | Path, parameters: Mapping[str, Any]) -> Path:
    """Run a notebook in the folder of its output, which is written when a cell fails too.

    It has a cell tagged ``parameters``: one annotated assignment a line. A comment that begins with ``file:`` says
    that the value names a file. All are checked before a kernel is started.
    """
    notebook, output = Path(notebook), Path(output).resolve()
    given = _check(notebook, parameters, output.parent)
    try:
        with tempfile.TemporaryDirectory(prefix="rca-", ignore_cleanup_errors=True) as folder:
            kernel = {"kernel_name": "python3", "language": "python", "kernel_manager_class": _manager(folder)}
            # papermill takes paths for formats
            places = [str(path).replace("{", "{{").replace("}", "}}") for path in (notebook, output)]
            how = {"progress_bar": False, "start_timeout": _START, "cwd": str(output.parent)}
            papermill.execute.execute_notebook(*places, given, **kernel, **how)
    except PapermillExecutionError as failure:
        reason = clean(f"{failure.ename}: {failure.evalue}", 300)
        raise ReportError(f"cell {failure.exec_count} of {notebook.name} failed ({reason}).") from None
    except (RuntimeError, OSError, TimeoutError) as failure:
        # jupyter's own errors are RuntimeErrors: a kernel that died or did not start
        raise ReportError(f"the kernel that ran {notebook.name} failed ({clean(failure, 300)}): try again.") from None
    finally:
        if output.is_file():  # without the folders of this machine, which papermill wrote down
            ran = nbformat.read(output, as_version=4)
            notes = ran.metadata.get("papermill", {})
            notes.update({key: Path(notes[key]).name for key in ("input_path", "output_path") if notes.get(key)})
            nbformat.write(ran, output)
    return output


def _check(notebook: Path, given: Mapping[str, Any], home: Path) -> dict[str, Any]:
    try:
        source = nbformat.read(notebook, as_version=4)
        nbformat.validate(source)
    except OSError as problem:
        raise ConfigError(f"cannot read {notebook} ({problem.strerror}): name an .ipynb file.") from None
    except (ValueError, TypeError, AttributeError, KeyError, nbformat.ValidationError) as problem:
        raise ConfigError(f"{notebook} is no notebook ({clean(problem, 200)}): name an .ipynb file.") from None
    tagged = [cell for cell in source.cells if "parameters" in cell.metadata.get("tags", [])]
    known = {parameter.name: parameter for cell in tagged[:1] for parameter in PythonTranslator.inspect(cell)}
    checked = dict(given)
    for name, value in given.items():
        if name not in known:
            raise ConfigError(f"{notebook.name} has no parameter '{name}': choose one of {choices(known)}.")
        kind = known[name].inferred_type_name
        if type(value) not in _KINDS.get(kind, (type(value),)):
            raise ConfigError(f"the parameter '{name}' of {notebook.name} is of type {kind}, not {value!r}.")
        if known[name].help.startswith("file:"):
            file = Path(str(value)).resolve()
            if not file.is_file():
                raise ConfigError(f"the parameter '{name}' of {notebook.name} names no file: there is no {value}.")
            # a file beside the output is found from there, wherever both are moved to
            checked[name] = file.name if file.parent == home else str(file)
    return checked


def _manager(folder: str) -> type:
    # the user's IPython startup files and history are no part of a report
    environ = {"IPYTHONDIR": folder, "JUPYTER_RUNTIME_DIR": folder, "MPLBACKEND": "agg"}
    source = Path(__file__).resolve().parents[2]
    if source.name not in ("site-packages", "dist-packages"):
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", *_OPTIONS]

    class Manager(AsyncKernelManager):
        """The interpreter that runs rca, on sockets in a folder of its own."""

        kernel_spec = KernelSpec(argv=command, display_name="Python 3", language="python", env=environ)

        def __init__(self, **options: Any) -> None:
            if len(os.fsencode(folder)) <= _SOCKET:
                options.update(transport="ipc", ip=os.path.join(folder, "k"))
            super().__init__(**options, connection_file=os.path.join(folder, "kernel.json"))

    return Manager


def page(notebook: str | Path, title: str) -> str:
    """Return the page of a notebook that was run; its headings of the second level are the table of contents."""
    ran = nbformat.read(notebook, as_version=4)
    ran.metadata.pop("widgets", None)
    for cell in (cell for cell in ran.cells if "outputs" in cell):
        for output in (output for output in cell.outputs if "data" in output):
            output.data = {kind: data for kind, data in output.data.items() if kind in _SHOWN}
        # and not what libraries say to who runs them
        cell.outputs = [o for o in cell.outputs if o.get("data", True) and o.get("name") != "stderr"]
    hidden = dict.fromkeys(("exclude_input", "exclude_input_prompt", "exclude_output_prompt"), True)
    body, _ = HTMLExporter(template_name="basic", **hidden).from_notebook_node(ran)
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    headings = [(html.unescape(anchor), Markup(text).striptags()) for anchor, text in _HEADING.findall(body)]  # noqa: S704
    return template("page.html.j2").render(title=title, style=style, headings=headings, body=body)
