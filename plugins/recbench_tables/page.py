"""Tables as HTML, for notebooks and web pages."""

from collections.abc import Mapping
from html import escape

import recbench

from .cells import by_segment, costs, marks, names, numbers, segments
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
        means = by_segment(section)
        lead, took, behind = names(section), costs(section), marks(section)
        metrics = [numbers(section, metric) for metric in section.shown_metrics]
        groups = [[metric] for metric in [*metrics, took]] if metrics[1:] else [[*metrics, took]]
        for nth, group in enumerate(groups):
            title = "" if nth else line(section.title)
            parts.append(recbench.draw_html(lead, *group, marks=behind, caption=title))
        parts += [recbench.draw_html(*group) for group in segments(section, means)]
        parts += _footer(section, means)
    parts += _paragraphs(recbench.left_out_lines(results))
    page = "\n".join(parts) + "\n"
    return page.encode("ascii", "xmlcharrefreplace").decode()  # whatever encoding the page has


def _footer(section: recbench.Section, means: Mapping[str, object] | None) -> list[str]:
    """Return the short footer, and all notes in a part that a click opens."""
    notes = _paragraphs(recbench.footer_lines(section, means, verbose=True))
    if section.verbose:
        return notes
    shown = _paragraphs(recbench.footer_lines(section, means, more="see All notes"))
    return [*shown, "<details><summary>All notes</summary>", *notes, "</details>"]


def _paragraphs(texts: list[str]) -> list[str]:
    return [f"<p>{escape(line(text))}</p>" for text in texts]
