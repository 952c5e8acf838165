"""The command line: each verb reads its arguments, calls one function, and writes what it returned.

Data goes to stdout, progress to stderr. Exit codes are those of the errors, and 1 where something was found.
"""

from __future__ import annotations

import functools
import inspect
import json
import signal
import sys
import traceback
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from rca.errors import ConfigError, NotApplicable, RcaError
from rca.types import STATUSES, Investigation
from rca.words import clean

app = typer.Typer(
    name="rca",
    help="Root cause analysis of AI incidents: every cause is a term of one sum, the gap.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


Format = StrEnum("Format", ["text", "json", "md"])
FailOn = StrEnum("FailOn", ["none", "possible", "likely", "confirmed"])
Reference = Annotated[str | None, typer.Option(help="Git revision of the good version.")]
Current = Annotated[str | None, typer.Option(help="Git revision of the version in question.")]
ReferenceData = Annotated[Path | None, typer.Option(help="A table instead of a version.")]
CurrentData = Annotated[Path | None, typer.Option(help="The table to compare with it.")]
ConfigFile = Annotated[Path, typer.Option("--config", help="The configuration of the project.")]
OutputFormat = Annotated[Format, typer.Option("--format", help="How the result is written.")]
Output = Annotated[Path | None, typer.Option(help="Write the result to a file instead of stdout.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")]
Fail = Annotated[FailOn, typer.Option("--fail-on", help="Exit with 1 from this status on.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Every check, and where errors come from.")]
Revision = Annotated[str, typer.Argument(help="Git revision.")]
Since = Annotated[str | None, typer.Option(help="Judge production from this time on against the time before.")]
Repeats = Annotated[int, typer.Option(min=1, help="Paired seeds where noise decides.")]
MaxRuns = Annotated[int, typer.Option(min=2, help="Runs of the pipeline at most.")]
Jobs = Annotated[int, typer.Option(min=1, help="Runs side by side.")]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds after which a run is given up.")]
CONFIG = Path("rca.yaml")
Say = Callable[[str], None]


def guarded(function: Callable[..., None]) -> Callable[..., None]:
    """Turn every error into one sentence on stderr and the exit code of the contract."""

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            return function(*arguments, **options)
        except (typer.Exit, BrokenPipeError) as end:
            raise typer.Exit(getattr(end, "exit_code", 0)) from None
        except KeyboardInterrupt:
            message, code = "interrupted.", 130
        except Exception as problem:  # noqa: BLE001  the last resort: still one sentence and the contract's code
            code = problem.exit_code if isinstance(problem, RcaError) else 3
            why = f"the analysis failed ({type(problem).__name__}: {problem}): run it with -v for the place."
            message = str(problem) if isinstance(problem, RcaError | NotApplicable) else why
            if options.get("verbose") and code == 3:
                traceback.print_exc()
        typer.echo(f"error: {clean(message)}", err=True)
        raise typer.Exit(code)

    return run


def _say(quiet: bool) -> Say:
    return lambda text: None if quiet else typer.echo(f"… {text}", err=True)


def _write(found: Investigation, form: Format, output: Path | None, verbose: bool) -> None:
    from rca.report import markdown, text

    if form is Format.text and output is None:
        text.render(found, verbose=verbose)
        return
    if form is Format.text:
        content = "\n".join(text.lines(found, verbose=verbose))
    else:
        content = found.to_json() if form is Format.json else markdown.render(found)
    if output is None:
        typer.echo(content)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(content + "\n", encoding="utf-8")


def exit_code(found: Investigation, fail_on: str) -> int:
    """Return the exit code of a result.

    Findings of a check count as likely, those of a diff as possible: they are no causes yet.
    """
    states = {outcome.status for outcome in found.outcomes}
    if found.gap is not None and found.verdict == "inconclusive":
        return 4
    if found.gap is None and not found.findings and ("failed" in states or not {"found", "clear"} & states):
        return 3 if "failed" in states else 4
    if fail_on == "none":
        return 0
    least = STATUSES.index(fail_on)
    reached = [STATUSES.index(cause.status) for cause in found.causes]
    if found.gap is None:
        reached += [0 if f.code.startswith("RCA2") else 1 for f in found.findings]
    return int(any(status >= least for status in reached))


def analysis(function: Callable[..., Investigation]) -> Callable[..., None]:
    """Make a verb of a function that investigates: with the options that all of them have, written, and judged."""
    why = function.__name__ == "investigate"

    @functools.wraps(function, assigned=("__name__", "__doc__"), updated=())
    def run(
        *,
        config: ConfigFile = CONFIG,
        format: OutputFormat = Format.text,
        output: Output = None,
        seed: Seed = 0,
        fail_on: Fail = FailOn.likely,
        quiet: Quiet = False,
        verbose: Verbose = False,
        **own: Any,
    ) -> None:
        found = function(config=config, seed=seed, say=_say(quiet), **own)
        changed = [path for path in found.provenance.get("uncommitted") or [] if path != CONFIG.name]
        if why and changed and not quiet:
            text = f"{len(changed)} files have changes that are in no revision (such as {clean(changed[0])})"
            typer.echo(f"note: {text}; they are not looked at: commit them first if they matter.", err=True)
        _write(found, format, output, verbose)
        # a check finds facts and answers nothing, so only the question why can stay open without a gap
        raise typer.Exit(4 if why and found.verdict == "inconclusive" else exit_code(found, fail_on.value))

    # typer asks for the signature: the function's own options, then the shared ones in the place of `common`
    signatures = [inspect.signature(f, follow_wrapped=False, eval_str=True) for f in (function, run)]
    options = [o for signature in signatures for o in signature.parameters.values() if o.kind is not o.VAR_KEYWORD]
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]  # functions may have one
    run.__annotations__ = {option.name: option.annotation for option in options}
    return app.command()(guarded(run))


def _sides(reference: str | None, current: str | None, *tables: Path | None) -> tuple[Any, Any]:
    """Return two revisions or two tables, never one of each; an empty name is a mistake, and no default."""
    if any(tables) and (reference or current or not all(tables)):
        raise ConfigError("two tables need both --reference-data and --current-data, and no revisions: give one pair.")
    if any(tables):
        return tables[0], tables[1]
    return "HEAD~1" if reference is None else reference, "HEAD" if current is None else current


@analysis
def check(
    reference: Reference = None,
    current: Current = None,
    reference_data: ReferenceData = None,
    current_data: CurrentData = None,
    **common: Any,
) -> Investigation:
    """Are data corrupted or incomplete?"""
    from rca import api

    return api.check(*_sides(reference, current, reference_data, current_data), **common)


@analysis
def diff(reference: Revision, current: Revision, **common: Any) -> Investigation:
    """What changed between two versions?"""
    from rca import api

    return api.diff(reference, current, **common)


@analysis
def replay(
    reference: Revision,
    current: Revision,
    repeats: Repeats = 5,
    max_runs: MaxRuns = 96,
    jobs: Jobs = 2,
    timeout: Timeout = 3600.0,
    **common: Any,
) -> Investigation:
    """Which of the changes moved the model? Runs the pipeline again in throw-away copies."""
    from rca import api
    from rca.evolution._bench import Options

    return api.replay(reference, current, options=Options(repeats, max_runs, jobs, timeout), **common)


@analysis
def investigate(
    reference: Reference = None,
    current: Current = None,
    since: Since = None,
    no_replay: Annotated[bool, typer.Option("--no-replay", help="Run nothing again.")] = False,
    repeats: Repeats = 5,
    max_runs: MaxRuns = 96,
    jobs: Jobs = 2,
    timeout: Timeout = 3600.0,
    **common: Any,
) -> Investigation:
    """Why did the metric move?"""
    from rca import investigation
    from rca.evolution._bench import Options

    sides, options = _sides(reference, current), Options(repeats, max_runs, jobs, timeout)
    return investigation.investigate(*sides, since=since, replay=not no_replay, options=options, **common)


@analysis
def attribute(
    reference: Reference = None,
    current: Current = None,
    since: Since = None,
    reference_data: ReferenceData = None,
    current_data: CurrentData = None,
    target: Annotated[str | None, typer.Option(help="The target column, for two tables.")] = None,
    prediction: Annotated[str | None, typer.Option(help="The score column, for two tables.")] = None,
    metric: Annotated[str, typer.Option(help="The metric, for two tables.")] = "log_loss",
    **common: Any,
) -> Investigation:
    """Did the inputs move, or their relation to the target?"""
    from rca import api

    sides = _sides(reference, current, reference_data, current_data)
    if reference_data is None:
        return api.shift(*sides, since=since, **common)
    if target is None:
        raise ConfigError("two tables need --target COLUMN: name the column that is predicted.")
    return api.shift_of_tables(*sides, target=target, prediction=prediction, metric=metric, seed=common["seed"])


@app.command()
@guarded
def report(
    investigation: Annotated[Path, typer.Argument(help="The JSON document of an investigation.")],
    output: Annotated[Path, typer.Option(help="By its extension: .html, .ipynb or .md.")] = Path("report.html"),
    title: Annotated[str, typer.Option(help="What stands on top.")] = "",
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run the report notebook and write it as one file."""
    from rca.report import write
    from rca.report.document import read

    _say(quiet)("running the report notebook")
    typer.echo(write(read(investigation), output, title=title))


@app.command()
@guarded
def demo(
    keep: Annotated[Path | None, typer.Option(help="Make the workspace here and leave it.")] = None,
    healthy: Annotated[bool, typer.Option("--healthy", help="The same without the damage.")] = False,
    format: OutputFormat = Format.text,
    output: Output = None,
    seed: Seed = 0,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show it all: a system, an incident with a decoy, the investigation, the report."""
    from rca import demo as show

    found, path = show.run(keep, damage=not healthy, seed=seed, say=_say(quiet))
    _write(found, format, output, verbose)
    typer.echo(f"report: {path}", err=format is not Format.text)


@app.command("list")
@guarded
def list_plugins(format: OutputFormat = Format.text, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Every check, diff, repair and fault."""
    from rca import registry

    rows = [
        {"type": kind, "code": code, "title": entry.title}
        for kind in ("check", "diff", "repair", "fault")
        for code, entry in getattr(registry, kind).load().items()
    ]
    lines = ["{type:<8} {code:<18} {title}".format(**row) for row in rows]
    typer.echo(json.dumps(rows, indent=2) if format is Format.json else "\n".join(lines))


def main() -> None:
    """Run the command line."""
    # Ended from outside, as from the keyboard: what was made for the time being is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    app()
