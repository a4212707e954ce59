"""All hard cases: hand-written models and functions of one difficulty each, by subject in `tests/zoo/hard/`."""

from tests.zoo.case import Case
from tests.zoo.hard import calls, containers, control_flow, layers, modules, randomness, values, writes

_SUBJECTS = (control_flow, containers, writes, randomness, modules, calls, layers, values)


def cases() -> list[Case]:
    """The cases of every subject, in the order in which their files list them."""
    return [case for subject in _SUBJECTS for case in subject.CASES]
