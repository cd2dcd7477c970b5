"""Outside the flow: the rule that a model can be built in the whole of its search space."""

from __future__ import annotations

from recbench.checking.rule import NotApplicableError
from recbench.checking.subject import Subject
from recbench.code.raised import BrokenRuleError, require
from recbench.errors import RecbenchError
from recbench.space import check_space, default_of, option_text, space_of, spaces_text
from recbench.spec import unwrapped

RULE = "the search space must fit the options"


def fits_options(subject: Subject) -> str:
    """A model takes the ends of each range, and its defaults are in the ranges."""
    factory = subject.factory
    stated = getattr(unwrapped(factory), "search_space", {}) if factory else {}
    if factory is None or not stated:
        raise NotApplicableError("it has no search_space")
    check_space("the model", stated, factory)
    space = space_of(factory)
    for option, values in space.items():
        default = default_of(option, factory)
        require(
            default is None or values.holds(default),
            RULE,
            f"the default of {option}, {option_text(default)}, is not in {values}",
        )
        for value in values.ends:
            text = option_text(value)
            try:
                subject.build({option: text})
            except RecbenchError as error:  # a UsageError too: no user has chosen the value
                raise BrokenRuleError(RULE, f"{option}={text}: {error}") from error
    return ", ".join(f"{option}={text}" for option, text in spaces_text(space).items())
