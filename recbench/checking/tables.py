"""Outside the flow: the contract of tables, rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recbench.checking import made_results
from recbench.checking.rule import NotRunError, Rule, require
from recbench.code.raised import describe_raised
from recbench.results.results import Results
from recbench.spec import Spec

Table = Callable[[Results], Any]


def is_text(table: Table) -> str:
    """A table returns text for all results."""
    situations = made_results.situations()
    for what, results in situations.items():
        text = _text(table, what, results)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise AssertionError(f"the text for {what} cannot be written as UTF-8") from error
    return ", ".join(situations)


def _text(table: Table, what: str, results: Results) -> str:
    try:
        text = table(results)
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


def _texts(table: Table) -> dict[str, tuple[Results, str]]:
    """Return the results and their text in each situation that the table can show."""
    found = {}
    for what, results in made_results.situations().items():
        try:
            found[what] = results, _text(table, what, results)
        except AssertionError:  # the first rule tells
            continue
    if not found:
        raise NotRunError("it returns no text")
    return found


def names_models(table: Table) -> str:
    """A table has a row for each model, failed or not."""
    for what, (results, text) in _texts(table).items():
        for result in results:
            name = Spec.parse(result.model).name
            require(name in text, f"every model must be in the table, but {name} is not: {what}")
    return ""


def shows_values(table: Table) -> str:
    """A table shows what was measured, to two decimals at least."""
    for what, (results, text) in _texts(table).items():
        for result in results:
            single = sum(each.model == result.model for each in results) == 1
            for metric in results.metrics if result.ok and single else ():
                mean = result.value(metric, 10).mean
                percent = f"{100 * mean:.4f}"[:4]
                require(
                    f"{mean:.6f}"[1:4] in text or f"{mean:.2f}"[1:] in text or percent in text,
                    f"every value must be in the table, but the {metric}@10 of {result.model}, "
                    f"{mean:.4f}, is not: {what}",
                )
    return ""


def is_stable(table: Table) -> str:
    """The same results give the same text."""
    for what, (results, text) in _texts(table).items():
        again = _text(table, what, results)
        lines = zip(text.splitlines(), again.splitlines(), strict=False)
        changed = next((pair for pair in lines if pair[0] != pair[1]), ("", ""))
        require(
            text == again,
            f"the same results must give the same text, but for {what} a line is "
            f"{changed[0]!r:.60}, then {changed[1]!r:.60}",
        )
    return ""


def leaves_results(table: Table) -> str:
    """Results stay as they are."""
    before = made_results.situations()
    for what, (results, _) in _texts(table).items():
        for result, same in zip(results, before[what], strict=True):
            require(
                repr(vars(result)) == repr(vars(same)),
                f"a table must not change the results, but it changes {result.model}: {what}",
            )
    return ""


RULES = (
    Rule("a table returns text for all results", is_text),
    Rule("every model is in the table", names_models),
    Rule("every value is in the table", shows_values),
    Rule("the same results give the same text", is_stable),
    Rule("the results stay unchanged", leaves_results),
)
"""What `recbench.testing.check_table` checks."""
