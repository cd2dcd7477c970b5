"""Results as Org tables, for Emacs."""

import recbench


def my_plugin(results):
    """Org: a heading, a table and its footer for each dataset and split."""
    parts = []
    for section in results.sections():
        columns = [(metric, k) for metric in section.shown_metrics for k in section.ks]
        lines = [["model", *(recbench.metric_label(metric, k) for metric, k in columns)]]
        for name, row in zip(section.names, section.rows, strict=True):
            lines.append([name, *(cell(row, metric, k) for metric, k in columns)])
        parts += [f"* {section.title}", *map(line, lines)]
        parts += ["", *recbench.footer_lines(section), ""]
    return "\n".join([*parts, *recbench.left_out_lines(results)]) + "\n"


def cell(row, metric, k):
    if not row.ok:
        return "failed"
    value = row.value(metric, k)
    return f"{value.mean:.4f} [{value.low:.3f}, {value.high:.3f}]" if k in row.ks else ""


def line(cells):
    return "| " + " | ".join(text.replace("|", r"\vert{}") for text in cells) + " |"


@recbench.hookimpl
def recbench_tables():
    return {"my-plugin": my_plugin}
