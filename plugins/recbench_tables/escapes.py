"""Text in tables: without what controls the program that displays or reads a table."""

import re

import recbench

MARKDOWN = re.compile(
    r"[`*|$~]"
    r"|\\(?=[!-/:-@\[-`{-~])"  # it would escape the next character
    r"|\[(?!\])|\](?=[(\[])"  # links and pictures
    r"|<(?=[A-Za-z/!?])|&(?=#?\w+;)"  # HTML
    r"|(?<![^\W_])_|_(?![^\W_])"  # inside of words, as in my_model, it has no meaning
    r"|^[#>+=-]"
)
"""What has a meaning in Markdown; a backslash before it takes that away."""

FORMULA = ("=", "+", "-", "@", "\t", "\n")
"""How a text begins that spreadsheets may run as a formula."""


def line(text: str) -> str:
    """The text on one line, without characters that control what displays it."""
    return recbench.printable(" ".join(text.split()))


def markdown(text: str) -> str:
    """The text on one line, without Markdown or HTML."""
    return MARKDOWN.sub(r"\\\g<0>", line(text))


def latex(text: str) -> str:
    """The text on one line, without commands; tabulate does the same with the cells of a table."""
    from tabulate import LATEX_ESCAPE_RULES

    rules = {ord(sign): LATEX_ESCAPE_RULES[sign] for sign in "&%$#_^{}~\\"}
    return line(text).translate(rules)


def no_formula(text: str) -> str:
    """The text, after an apostrophe if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
