# For type checkers only: the door itself loads a room when somebody enters it.
from lockgate.contract.declare import impure as impure
from lockgate.contract.declare import label_only as label_only
from lockgate.errors import LockgateError as LockgateError
from lockgate.errors import Refused as Refused
from lockgate.errors import Unavailable as Unavailable
from lockgate.errors import Unfit as Unfit
from lockgate.errors import Usage as Usage
from lockgate.errors import VerificationFailed as VerificationFailed
from lockgate.pipeline import RunResult as RunResult
from lockgate.project import Project as Project
