"""The command line: each verb calls one function, writes what it returned to stdout, and progress to stderr."""

import contextlib
import dataclasses
import itertools
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from enum import StrEnum
from functools import partial, wraps
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any
import typer
import yaml
import rca
from rca import registry
from rca.errors import ConfigError, NotApplicable, RcaError
from rca.types import STATUSES, Investigation, plain
from rca.words import clean

HELP = "Root cause analysis of AI incidents: every cause is a term of one sum, the gap."
app = typer.Typer(name="rca", help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
drills = typer.Typer(name="drill", help="Exercises: a damaged system whose truth is sealed.", no_args_is_help=True)
app.add_typer(drills)

Format = StrEnum("Format", ["text", "json", "md"])
FailOn = StrEnum("FailOn", ["none", "possible", "likely", "confirmed"])
TABLES = "reference_data current_data target"
#: What goes wrong with a file that a user named.
PLACES = IsADirectoryError, NotADirectoryError, FileExistsError, FileNotFoundError, PermissionError
#: What an option may be; one without a default may be left out.
KINDS = {"word": str, "words": list[str], "file": Path, "flag": bool, "count": int, "number": float}
KINDS |= {"format": Format, "status": FailOn}
#: Every option of every verb.
OPTIONS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("options.yaml").read_text(encoding="utf-8"))


def _option(name: str, kind: str, help: str, default: Any = None, names: tuple[str, ...] = (), **limits: Any) -> Any:
    about = typer.Argument(help=help) if name.isupper() else typer.Option(*names, help=help, **limits)
    optional: Any = KINDS[kind] if name.isupper() or default is not None else KINDS[kind] | None
    default = Parameter.empty if name.isupper() else default if default is None else KINDS[kind](default)
    return Parameter(name.lower(), Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[optional, about])


def verb(asked: str, function: Callable[..., None], group: typer.Typer = app) -> Callable[..., None]:
    """Make a verb of a function, with the options that are named; every error becomes a sentence and an exit code."""

    def run(**given: Any) -> None:
        try:
            return function(**given)
        except (typer.Exit, BrokenPipeError) as end:
            raise typer.Exit(getattr(end, "exit_code", 0)) from None
        except KeyboardInterrupt:
            message, code = "interrupted.", 130
        except PLACES as problem:
            message, code = f"{problem.filename} cannot be written ({problem.strerror}): name another file.", 2
        except Exception as problem:  # noqa: BLE001  the last resort: still one sentence and the contract's code
            code = problem.exit_code if isinstance(problem, RcaError) else 3
            why = f"the analysis failed ({type(problem).__name__}: {problem}): run it with -v for the place."
            message = str(problem) if isinstance(problem, RcaError | NotApplicable) else why
            if given["verbose"] and code == 3:
                traceback.print_exc()
        typer.echo(f"error: {clean(message)}", err=True)
        raise typer.Exit(code)

    # typer asks for the signature
    named = [_option(name, **OPTIONS[name]) for name in asked.split()]
    run.__signature__ = Signature(named)  # type: ignore[attr-defined]  # functions may have one
    return group.command(function.__name__.strip("_"), help=function.__doc__)(run)


@dataclasses.dataclass(slots=True)
class Progress:
    """Tells what is going on unless quiet, and keeps when, in CPU seconds, those of all that was run included."""

    quiet: bool
    steps: list[tuple[str, float]] = dataclasses.field(default_factory=list)

    def __call__(self, text: str) -> None:
        """Tell a step."""
        self.steps.append((text, sum(os.times()[:4])))
        if not self.quiet:
            typer.echo(f"… {text}", err=True)

    def shares(self) -> str:
        """Say what each part took, a part being steps that begin with the same word."""
        spent: dict[str, float] = {}
        for (text, start), (_, end) in itertools.pairwise([*self.steps, ("", sum(os.times()[:4]))]):
            spent[text.split()[0]] = spent.get(text.split()[0], 0.0) + end - start
        whole = sum(spent.values()) or 1.0
        told = (f"{name} {seconds:.1f} ({seconds / whole:.0%})" for name, seconds in spent.items())
        return f"CPU-seconds: {', '.join(told)}"


def _write(found: Investigation, form: Format, output: Path | None, verbose: bool) -> None:
    from rca.report import markdown, text

    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.nullcontext(sys.stdout) if output is None else output.open("w", encoding="utf-8") as stream:
        if form is Format.text:
            text.render(found, stream, verbose=verbose)
        else:
            print(found.to_json() if form is Format.json else markdown.render(found), file=stream, flush=True)


def exit_code(found: Investigation, fail_on: str) -> int:
    """Return the exit code; what a check found counts as likely, what a diff found as possible: they are no causes."""
    states = {outcome.status for outcome in found.outcomes}
    if found.gap is not None and found.verdict == "inconclusive":
        return 4
    if found.gap is None and not found.findings and ("failed" in states or not {"found", "clear"} & states):
        return 3 if "failed" in states else 4
    if fail_on == "none":
        return 0
    reached = [STATUSES.index(cause.status) for cause in found.causes]
    if found.gap is None:
        reached += [0 if f.code.startswith("RCA2") else 1 for f in found.findings]
    return int(any(status >= STATUSES.index(fail_on) for status in reached))


def analysis(asked: str, function: Callable[..., Investigation]) -> Callable[..., None]:
    """Make a verb of a function that investigates: with the options that all of them have, written, and judged."""

    @wraps(function)
    def run(format: Format, output: Path | None, fail_on: FailOn, quiet: bool, verbose: bool, **own: Any) -> None:
        say, why = Progress(quiet), function.__name__ == "investigate"
        found = function(say=say, **own)
        if verbose and say.steps and not quiet:
            typer.echo(f"… {say.shares()}", err=True)
        changed = [path for path in found.provenance.get("uncommitted") or [] if path != "rca.yaml"]
        if why and changed and not quiet:
            text = f"{len(changed)} files have changes that are in no revision (such as {clean(changed[0])})"
            typer.echo(f"note: {text}; they are not looked at: commit them first if they matter.", err=True)
        _write(found, format, output, verbose)
        # a check finds facts and answers nothing, so only the question why can stay open without a gap
        raise typer.Exit(4 if why and found.verdict == "inconclusive" else exit_code(found, fail_on.value))

    return verb(f"{asked} config format output seed fail_on quiet verbose", run)


def _sides(given: dict[str, Any]) -> tuple[Any, Any]:
    """Take two revisions or two tables, never one of each; an empty name is a mistake, and no default."""
    reference, current = given.pop("reference"), given.pop("current")
    tables = given.pop("reference_data", None), given.pop("current_data", None)
    if any(tables) and (reference or current or not all(tables)):
        raise ConfigError("two tables need both --reference-data and --current-data, and no revisions: give one pair.")
    if any(tables):
        return tables
    if alone := [
        f"--{n}" for n in ("target", "key", "time", "prediction", "metric", "events", "sensitive") if given.get(n)
    ]:
        raise ConfigError(f"{', '.join(alone)} can be given for two tables alone: versions have theirs in rca.yaml.")
    return "HEAD~1" if reference is None else reference, "HEAD" if current is None else current


def _runs(given: dict[str, Any]) -> Any:
    from rca.evolution.replay import Options

    names = ("repeats", "max_runs", "jobs", "timeout", "env", "dry")
    return Options(**{name: given.pop(name) for name in names if name in given})


@partial(analysis, f"reference current {TABLES} key time contract suggest profile evidently")
def check(**given: Any) -> Investigation:
    """Are data corrupted or incomplete?"""
    return rca.check(*_sides(given), **given)


@partial(analysis, "REFERENCE CURRENT trust")
def diff(**given: Any) -> Investigation:
    """What changed between two versions?"""
    return rca.diff(**given)


@partial(analysis, "REFERENCE CURRENT repeats max_runs jobs timeout env dry trust")
def replay(**given: Any) -> Investigation:
    """Which of the changes moved the model? Runs the pipeline again in throw-away copies."""
    return rca.replay(options=_runs(given), **given)


@partial(analysis, "GOOD BAD repeats max_runs jobs timeout trust")
def bisect(**given: Any) -> Investigation:
    """Which commit moved the metric? Reads what was recorded, and runs what is undecided."""
    return rca.bisect(options=_runs(given), **given)


@partial(analysis, "reference current since no_replay repeats max_runs jobs timeout trust")
def investigate(no_replay: bool, **given: Any) -> Investigation:
    """Why did the metric move?"""
    return rca.investigate(*_sides(given), replay=not no_replay, options=_runs(given), **given)


@partial(analysis, f"reference current since {TABLES} prediction metric time events sensitive trust")
def attribute(**given: Any) -> Investigation:
    """Did the inputs move, or their relation to the target?"""
    if given["reference_data"] is None:
        own = {name: given[name] for name in ("since", "config", "seed", "trust", "say")}
        return rca.investigate(*_sides(given), replay=False, kinds=[registry.check], **own)
    sides = _sides(given)
    given["metric"] = given["metric"] or "log_loss"
    if given["target"] is None:
        raise ConfigError("two tables need --target COLUMN: name the column that is predicted.")
    from rca.api import shift_of_tables

    return shift_of_tables(*sides, **{n: v for n, v in given.items() if n not in ("since", "config", "trust", "say")})


@partial(verb, "INVESTIGATION page title quiet verbose")
def report(investigation: Path, page: Path, title: str, quiet: bool, **_: Any) -> None:
    """Run the report notebook and write it as one file."""
    from rca.report import write

    found = rca.read(investigation)
    Progress(quiet)("running the report notebook")
    typer.echo(write(found, page, title=title))


@partial(verb, "keep healthy format output seed quiet verbose")
def demo(keep: Path | None, healthy: bool, format: Format, output: Path | None, **given: Any) -> None:
    """Show it all: a system, an incident with a decoy, the investigation, the report."""
    from rca import drill

    found, path = drill.show(keep, damage=not healthy, seed=given["seed"], say=Progress(given["quiet"]))
    _write(found, format, output, given["verbose"])
    typer.echo(f"report: {path}", err=format is not Format.text)


def _print(rows: list[dict[str, str]], line: str, form: Format) -> None:
    lines = (line.format(**row) for row in rows)
    typer.echo(json.dumps(rows, indent=2) if form is Format.json else "\n".join(lines))


@partial(verb, "format quiet verbose", group=drills)
def list__(format: Format, **_: Any) -> None:
    """What can be exercised; nothing is told of the truth."""
    from rca import drill

    rows = [{"name": d.name, "system": d.system, "level": d.level} for d in drill.drills().values()]
    _print(rows, "{name:<14} {system:<10} {level}", format)


@partial(verb, "FOLDER drill own current seed quiet verbose", group=drills)
def run(folder: Path, own: Path | None, current: str | None, seed: int, **given: Any) -> None:
    """Build a damaged system in a new folder, to be investigated by a person or by rca."""
    from rca import drill

    Progress(given["quiet"])("building a system, and damaging it")
    seal = drill.make(folder, given["drill"], own=own, rev=current or "HEAD", seed=seed)
    typer.echo(f"sealed: {seal}\nWhat happened between good and bad in {clean(folder)}? Answer with: rca drill score")


@partial(verb, "FOLDER answer investigation seal format quiet verbose", group=drills)
def score(folder: Path, answer: Any, investigation: Path | None, seal: str | None, format: Format, **_: Any) -> None:
    """Open the truth, and score an investigation or a person's answer."""
    from rca import drill

    parts = [[part.strip() for part in text.split(":", 1)] for text in answer or ()]
    if not all(len(pair) == 2 and all(pair) for pair in parts) or (parts and investigation):
        raise ConfigError("give an investigation, or a kind and a subject each, as unit_change:data.train.income.")
    found: Any = rca.read(investigation) if investigation else parts
    told = plain(drill.score(folder, found, seal=seal))
    shown = {name: "; ".join(value) if isinstance(value, list) else value for name, value in told.items()}
    lines = [f"{name.replace('_', ' '):<14} {clean(value)}" for name, value in shown.items() if value not in (None, "")]
    typer.echo(json.dumps(told, indent=2) if format is Format.json else "\n".join(lines))


@partial(verb, "format quiet verbose")
def list_(format: Format, **_: Any) -> None:
    """Every check, diff, repair and fault."""
    from rca import contract

    rows = [
        {"type": kind, "code": code, "title": entry.title}
        for kind in ("check", "diff", "repair", "fault")
        for code, entry in getattr(registry, kind).load().items()
    ]
    rows.append({"type": "check", "code": contract.CODE, "title": contract.TITLE})
    _print(rows, "{type:<8} {code:<18} {title}", format)


def main() -> None:
    """Run the command line."""
    # Ended from outside, as from the keyboard: what was made for the time being is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    app()
