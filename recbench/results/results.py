"""Step 6, results: a list of results, and which of them can be compared in one table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from recbench.data.interactions import Columns
from recbench.errors import RecbenchError, printable
from recbench.given.functions import with_table
from recbench.plugins import Plugins, current_plugins
from recbench.report.report import LONGEST, shortened_to
from recbench.results.frame import frame_of
from recbench.results.groups import Breakdown, Describe, names_of
from recbench.results.result import Result, distinguished, metric_label
from recbench.results.row import ReadColumns
from recbench.results.section import RANKED_BY, Section, by_seed
from recbench.results.shown import with_shown_metrics, without_unmeasured
from recbench.spec import Spec

if TYPE_CHECKING:
    import pandas as pd


class Results(Sequence[Result]):
    """A sequence of results, with the tables made from them.

    Printed, it is the table of the command `run`; a notebook shows it as HTML.

    Parameters
    ----------
    results : iterable of Result
        In any order; failed ones too.
    read_columns : callable, default: None
        Returns the stored columns of a result, one row per case, for tests and intervals.
    metrics : sequence of str, default: ("ndcg",)
        The metrics that human-readable tables show.
    breakdown : Breakdown, default: None
        The groups of users or targets by which tables break results down; `showing` makes it.
    not_stored : sequence of Result, default: ()
        Results that could not be written to the store.
    left_out : sequence of str, default: ()
        What was left out and why, one sentence each.
    reused : sequence of Result, default: ()
        Results that `run` did not compute, because they were stored.
    verbose : bool, default: False
        Whether table footers show everything.
    describe : callable, default: None
        Returns the users and targets of a result's cases, and what is known of them, for groups.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["popular", "random"], "synthetic", results=None)
    >>> len(results), results[0].model
    (2, 'popular')
    >>> list(results.to_frame().columns[:3])
    ['model', 'dataset', 'split']
    >>> print(results.to_table("markdown").splitlines()[0])
    ### synthetic, leave-last-out
    """

    def __init__(
        self,
        results: Iterable[Result],
        read_columns: ReadColumns | None = None,
        metrics: Sequence[str] = (RANKED_BY,),
        breakdown: Breakdown | None = None,
        not_stored: Sequence[Result] = (),
        left_out: Sequence[str] = (),
        reused: Sequence[Result] = (),
        verbose: bool = False,
        describe: Describe | None = None,
    ) -> None:
        self._results = tuple(results)
        self.read_columns = read_columns or _no_columns
        self.not_stored, self.left_out = tuple(not_stored), tuple(left_out)
        self.reused = tuple(reused)
        self.metrics, self.breakdown = tuple(metrics), breakdown or Breakdown()
        self.verbose, self.describe = verbose, describe or _no_facts

    def __len__(self) -> int:
        return len(self._results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self._results)

    def __getitem__(self, index: Any) -> Any:
        return self._results[index]

    def __str__(self) -> str:
        return self.to_table().rstrip("\n")

    def __repr__(self) -> str:
        return shortened_to(LONGEST, str(self)) or "no results"

    def _repr_html_(self) -> str:
        return self.to_table("html")

    @property
    def failed(self) -> list[Result]:
        """The results of failed runs."""
        return [result for result in self if not result.ok]

    @property
    def not_measured(self) -> list[str]:
        """The metrics to show that a successful result lacks, such as `Coverage@20`."""
        lacking = {
            (self.metrics.index(metric), k): metric_label(metric, k)
            for result in self
            for metric in self.metrics
            for k in result.ks
            if result.ok and f"{metric}@{k}" not in result.values
        }
        return [lacking[place] for place in sorted(lacking)]

    def showing(
        self,
        metrics: str | Sequence[str] | None = None,
        *,
        by: str | Sequence[str] | None = None,
        verbose: bool = False,
        plugins: Plugins | None = None,
    ) -> Results:
        """Return the same results with different settings for tables.

        Parameters
        ----------
        metrics : str, sequence of str or None, default: None
            The metrics that human-readable tables show, or "all". None keeps those of this object.
        by : str, sequence of str or None, default: None
            Also show each metric by groups: by columns of users or items, by "history" (its
            length) or by "popularity" (of the target). None keeps those of this object, and ()
            shows none.
        verbose : bool, default: False
            Whether table footers show everything.
        plugins : Plugins or None, default: None
            What `load_plugins` returned. None loads all installed plugins.

        Returns
        -------
        Results
            A new object; this one is unchanged.

        Raises
        ------
        UsageError
            If a metric is unknown, or a column that no dataset has.

        Examples
        --------
        >>> import recbench
        >>> results = recbench.run(["popular", "random"], "synthetic", results=None)
        >>> "HR@10" in str(results.showing(["ndcg", "hit"])), "HR@10" in str(results)
        (True, False)
        """
        plugins, known = current_plugins(plugins), self.breakdown.metrics
        if metrics is None:  # those of files are known already
            typed = [name.replace("|", "||") for name in self.metrics if name not in known]
            _, others = with_shown_metrics(plugins, typed)
            found = {**others, **known}
            shown = {name: found[name] for name in self.metrics}
        else:
            shown = without_unmeasured(*with_shown_metrics(plugins, metrics), self)
        breakdown = dataclasses.replace(self.breakdown, metrics=shown)
        if by is not None:
            breakdown = Breakdown.of(names_of(by), shown, self, self.read_columns, self.describe)
        return self._with(self, metrics=tuple(shown), breakdown=breakdown, verbose=verbose)

    def described_by(self, describe: Describe) -> Results:
        """Return the same results, which know their data.

        Parameters
        ----------
        describe : callable
            Returns the users and targets of a result's cases, and what is known of them.

        Returns
        -------
        Results
            A new object; this one is unchanged.
        """
        return self._with(self, describe=describe)

    def joined(self, others: Results) -> Results:
        """Return these results and others on the same data, each once.

        Parameters
        ----------
        others : Results
            Results with the same settings for tables. Of a result that both have, that of this
            object is taken.

        Returns
        -------
        Results
            A new object; both are unchanged.
        """
        own = {result.key for result in self}

        def read_columns(result: Result) -> Columns:
            return (self if result.key in own else others).read_columns(result)

        more = [result for result in others if result.key not in own]
        made = self._with(
            [*self, *more],
            not_stored=(*self.not_stored, *others.not_stored),
            left_out=(*self.left_out, *others.left_out),
            reused=(*self.reused, *others.reused),
        )
        made.read_columns = read_columns
        return made

    def of_protocol(self, protocol: int) -> Results:
        """Return the results made under one version of the referee's rules.

        Parameters
        ----------
        protocol : int
            The version.

        Returns
        -------
        Results
            The other results are counted in its `left_out`.
        """
        left_out = list(self.left_out)
        for other in sorted({result.setting.protocol for result in self} - {protocol}):
            number = sum(result.setting.protocol == other for result in self)
            left_out.append(
                f"{number} {'result' if number == 1 else 'results'} from version {other} of the "
                f"evaluation rules, which are now at version {protocol}; run the models again to "
                "compare them"
            )
        chosen = [result for result in self if result.setting.protocol == protocol]
        return self._with(chosen, left_out=left_out)

    def _with(self, results: Iterable[Result], **changed: Any) -> Results:
        fields = {
            "metrics": self.metrics,
            "breakdown": self.breakdown,
            "not_stored": self.not_stored,
            "left_out": self.left_out,
            "reused": self.reused,
            "verbose": self.verbose,
            "describe": self.describe,
        }
        return Results(results, self.read_columns, **{**fields, **changed})

    def sections(self) -> list[Section]:
        """Return one section per dataset, split, candidates and protocol; no table mixes them.

        Returns
        -------
        list of Section
            In the order of the first result of each. If two sections have the same names but
            different content, the start of the content's sha256 is added to the name.
        """
        groups: dict[Any, list[Result]] = {}
        for result in self:
            groups.setdefault(result.setting.comparison_key, []).append(result)
        settings = distinguished([group[0].setting for group in groups.values()])
        sections = []
        breakdown = self.breakdown
        for setting, (key, group) in zip(settings, groups.items(), strict=True):
            section = Section(
                setting,
                tuple(group),
                self.read_columns,
                self.metrics,
                breakdown.groupings.get(key, ()),
                breakdown.metrics,
                breakdown.missing.get(key, ()),
                self.verbose,
            )
            sections.append(dataclasses.replace(section, results=_best_first(section)))
        same_title: dict[str, list[Section]] = {}
        for section in sections:
            same_title.setdefault(section.title, []).append(section)
        return [
            dataclasses.replace(section, title_dataset=_distinct_name(section, same_title))
            for section in sections
        ]

    def to_table(self, form: Any = "plain", *, plugins: Plugins | None = None) -> str:
        """Return tables to read, as text in any format that a plugin offers.

        Parameters
        ----------
        form : str, path or function, default: "plain"
            "plain", "markdown", "latex", "html", "csv", "json" or the table of another plugin; a
            function of (results), or the path of a .py file that has one.
        plugins : Plugins or None, default: None
            What `load_plugins` returned. None loads all installed plugins.

        Returns
        -------
        str
            One table per dataset and split, with the metrics of `metrics`, best model first.

        Raises
        ------
        UsageError
            If there is no such format.
        RecbenchError
            If the plugin fails.

        Examples
        --------
        >>> import recbench
        >>> results = recbench.run(["popular", "random"], "synthetic", results=None)
        >>> print(results.to_table("csv").splitlines()[1].partition(",leave")[0])
        popular,synthetic
        """
        plugins, name = with_table(current_plugins(plugins), form)
        offer = plugins.find("tables", name)
        text = offer.call(self)
        if not isinstance(text, str):
            raise RecbenchError(
                f"{offer.what} returned {type(text).__name__}; it must return a str"
            )
        return printable(text.replace("\r\n", "\n"))

    def to_frame(self) -> pd.DataFrame:
        """Return all values as a tidy table.

        Returns
        -------
        pandas.DataFrame
            One row per model, dataset, split, seed, metric and k, best model first, with the
            columns model, dataset, split, seed, users, metric, k, value (mean over cases), stderr
            (standard error over users), low, high (95% interval over users), p (of the difference
            from the best model of the table), fit_seconds, score_seconds (per case), peak_memory
            (bytes), parameters, status and remark. Whole numbers that do not fit into 64 bits are
            missing. In texts, characters that cannot be displayed are escaped.

            If results are broken down by groups, further rows have the values of each shown metric
            in each group, a mean over seeds, and there are the columns by (the column of users or
            items; "" in rows of all cases), group, cases (of the group), versus (what the group is
            compared with), difference, difference_low and difference_high (its 95% interval).
        """
        return frame_of(self.sections(), with_groups=bool(self.breakdown.by))


def _distinct_name(section: Section, same_title: Mapping[str, Sequence[Section]]) -> str:
    """Return the dataset's name with the options in which sections of the same title differ."""
    spec = Spec.parse(section.setting.dataset)
    others = [Spec.parse(other.setting.dataset) for other in same_title[section.title]]
    differing = {
        key: value
        for key, value in spec.options.items()
        if any(other.options.get(key) != value for other in others)
    }
    return str(Spec(spec.name, differing))


def _best_first(section: Section) -> tuple[Result, ...]:
    models = [row.model for row in section.rows]
    return tuple(
        sorted(
            section.results,
            key=lambda result: (models.index(result.model), *by_seed(result)),
        )
    )


def _no_columns(_: Result) -> Columns:
    return {}


def _no_facts(_: Result) -> NoReturn:
    raise RecbenchError(
        "these results have no data; use results that recbench.run or recbench.table returns"
    )
