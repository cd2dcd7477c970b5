"""Tables as HTML, for notebooks and web pages."""

from collections.abc import Sequence
from html import escape

import recbench

from .cells import by_group, costs, group_tables, marks, names, numbers
from .escapes import line


def html(results: recbench.Results) -> str:
    """Part of an HTML page, in ASCII: tables without colours, scripts or style sheets.

    Parameters
    ----------
    results : recbench.Results
        The results to show.

    Returns
    -------
    str
        For each section one or more tables, whose caption is the title, and a footer.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["popular"], "synthetic", results=None)
    >>> html(results).count("<table")
    1
    """
    parts = []
    for section in results.sections():
        groups = by_group(section)
        lead, took, behind = names(section), costs(section), marks(section)
        metrics = [numbers(section, metric) for metric in section.shown_metrics]
        whole = [[metric] for metric in [*metrics, took]] if metrics[1:] else [[*metrics, took]]
        for nth, columns in enumerate(whole):
            title = "" if nth else line(section.title)
            parts.append(recbench.draw_html(lead, *columns, marks=behind, caption=title))
        parts += [
            recbench.draw_html(*table.columns, marks=table.marks) for table in group_tables(groups)
        ]
        parts += _footer(section, groups)
    parts += _paragraphs(recbench.left_out_lines(results))
    page = "\n".join(parts) + "\n"
    return page.encode("ascii", "xmlcharrefreplace").decode()  # whatever encoding the page has


def _footer(section: recbench.Section, groups: Sequence[recbench.GroupValue] | None) -> list[str]:
    """Return the short footer, and all notes in a part that a click opens."""
    notes = _paragraphs(recbench.footer_lines(section, groups, verbose=True))
    if section.verbose:
        return notes
    shown = _paragraphs(recbench.footer_lines(section, groups, more="see All notes"))
    return [*shown, "<details><summary>All notes</summary>", *notes, "</details>"]


def _paragraphs(texts: list[str]) -> list[str]:
    return [f"<p>{escape(line(text))}</p>" for text in texts]
