"""Outside the flow: the contract of tables, rule by rule."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from recbench.checking import made_results
from recbench.checking.rule import NotRunError, Rule
from recbench.code.raised import describe_raised, require
from recbench.results.results import Results
from recbench.spec import Spec


class Shown:
    """A table, and the text that it makes of results that are made up."""

    def __init__(self, table: Callable[[Results], Any]) -> None:
        self.table = table
        self.situations = made_results.situations()
        self.before = {what: _content(results) for what, results in self.situations.items()}

    def text(self, what: str) -> str:
        """Return the text in a situation. Raises AssertionError if there is none."""
        try:
            text = self.table(self.situations[what])
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit
            raise AssertionError(
                f"a table must return text, but for {what} it raised {describe_raised(error)}"
            ) from error
        require(
            isinstance(text, str),
            f"a table must return text, but for {what} it returned an object of type "
            f"{type(text).__name__}",
        )
        return str(text)

    @functools.cached_property
    def texts(self) -> dict[str, str]:
        """The text in each situation that the table can show."""
        found = {}
        for what in self.situations:
            with contextlib.suppress(AssertionError):  # the first rule tells
                found[what] = self.text(what)
        if not found:
            raise NotRunError("it returns no text")
        return found


def _content(results: Results) -> list[str]:
    return [repr(vars(result)) for result in results]


def is_text(shown: Shown) -> str:
    """A table returns text for all results."""
    for what in shown.situations:
        try:
            shown.text(what).encode()
        except UnicodeEncodeError as error:
            raise AssertionError(f"the text for {what} cannot be written as UTF-8") from error
    return ", ".join(shown.situations)


def names_models(shown: Shown) -> str:
    """A table has a row for each model, failed or not."""
    for what, text in shown.texts.items():
        for result in shown.situations[what]:
            name = Spec.parse(result.model).name
            require(name in text, f"every model must be in the table, but {name} is not: {what}")
    return ""


def shows_values(shown: Shown) -> str:
    """A table shows what was measured, to two decimals at least."""
    for what, text in shown.texts.items():
        results = shown.situations[what]
        for result in results:
            single = sum(each.model == result.model for each in results) == 1
            for metric in results.metrics if result.ok and single else ():
                mean = result.value(metric, 10).mean
                forms = f"{mean:.6f}"[1:4], f"{mean:.2f}"[1:], f"{100 * mean:.4f}"[:4]
                require(
                    any(form in text for form in forms),
                    f"every value must be in the table, but the {metric}@10 of {result.model}, "
                    f"{mean:.4f}, is not: {what}",
                )
    return ""


def is_stable(shown: Shown) -> str:
    """The same results give the same text."""
    for what, text in shown.texts.items():
        again = shown.text(what)
        lines = zip(text.splitlines(), again.splitlines(), strict=False)
        changed = next((pair for pair in lines if pair[0] != pair[1]), ("", ""))
        require(
            text == again,
            f"the same results must give the same text, but for {what} a line is "
            f"{changed[0]!r:.60}, then {changed[1]!r:.60}",
        )
    return ""


def leaves_results(shown: Shown) -> str:
    """Results stay as they are."""
    for what in shown.texts:
        now = _content(shown.situations[what])
        for result, old, new in zip(shown.situations[what], shown.before[what], now, strict=True):
            require(
                old == new,
                f"a table must not change the results, but it changes {result.model}: {what}",
            )
    return ""


RULES = (
    Rule("a table returns text for all results", is_text),
    Rule("the results stay unchanged", leaves_results, needed=True),
    Rule("every model is in the table", names_models),
    Rule("every value is in the table", shows_values),
    Rule("the same results give the same text", is_stable),
)
"""What `recbench.testing.check_table` checks."""
