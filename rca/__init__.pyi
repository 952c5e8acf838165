"""What type checkers see of the facade, which imports nothing until it is asked."""

from rca.api import bisect as bisect
from rca.api import check as check
from rca.api import diff as diff
from rca.api import investigate as investigate
from rca.api import replay as replay
from rca.errors import NotApplicable as NotApplicable
from rca.errors import RcaError as RcaError
from rca.inputs.attribute import attribute as attribute
from rca.inputs.row import explain_row as explain_row
from rca.registry import Registry as Registry
from rca.report.document import read as read
from rca.types import Case as Case
from rca.types import Cause as Cause
from rca.types import Finding as Finding
from rca.types import Investigation as Investigation
from rca.types import Version as Version

__all__: list[str]
