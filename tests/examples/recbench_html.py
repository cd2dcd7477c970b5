"""Results as HTML."""

from html import escape

import recbench


def html(results):
    """HTML: a heading, a table and its footer for each dataset and split."""
    parts = []
    for section in results.sections():
        columns = [(metric, k) for metric in section.shown_metrics for k in section.ks]
        lines = [["model", *(recbench.metric_label(metric, k) for metric, k in columns)]]
        for name, row in zip(section.names, section.rows, strict=True):
            lines.append([name, *(cell(row, metric, k) for metric, k in columns)])
        parts += [f"<h2>{escape(section.title)}</h2>", "<table>", *map(line, lines), "</table>"]
        parts += [f"<p>{escape(sentence)}</p>" for sentence in recbench.footer_lines(section)]
    parts += [f"<p>{escape(sentence)}</p>" for sentence in recbench.left_out_lines(results)]
    return "\n".join(parts) + "\n"


def cell(row, metric, k):
    value = row.value(metric, k)
    return f"{value.mean:.4f} [{value.low:.3f}, {value.high:.3f}]" if row.ok else "failed"


def line(cells):
    return f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in cells)}</tr>"


@recbench.hookimpl
def recbench_tables():
    return {"html": html}
