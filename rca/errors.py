"""What can go wrong, as one tree; the command line turns each branch into an exit code."""

from collections.abc import Iterable


class RcaError(Exception):
    """Base of every error that rca raises on purpose: the analysis failed (exit 3)."""

    exit_code = 3


class ConfigError(RcaError):
    """Raised when a command, a parameter or ``rca.yaml`` cannot be understood (exit 2)."""

    exit_code = 2


class VersionError(ConfigError):
    """Raised when a revision, or a file at a revision, cannot be read (exit 2)."""


class DataError(ConfigError):
    """Raised when a table or a column is not what the configuration says (exit 2)."""


class ModelError(RcaError):
    """Raised when a model file cannot be read safely or does not predict (exit 3)."""


class ReplayError(RcaError):
    """Raised when a pipeline could not be run again (exit 3)."""


class ReportError(RcaError):
    """Raised when a notebook failed; what had been done is kept (exit 3)."""


class InconclusiveError(RcaError):
    """Raised when inputs that every answer needs are missing (exit 4)."""

    exit_code = 4


class VerificationError(RcaError):
    """Raised when what was sealed is not what is there (exit 5)."""

    exit_code = 5


class NotApplicable(Exception):  # noqa: N818  it is an outcome, not an error
    """Raised by a plug-in to bow out; the text says what is missing."""


def choices(names: Iterable[object], limit: int = 12) -> str:
    """Spell out the choices of an error message, at most `limit` of them."""
    listed = sorted(str(name) for name in names)
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(f"'{name}'" for name in listed[:limit]) + more or "none"
