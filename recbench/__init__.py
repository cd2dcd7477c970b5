"""Compare recommender systems fairly: one evaluation for all models.

    results = recbench.run(["transformer", "popular"], dataset="ml-100k", ks=(3, 5, 10))
    results.to_frame()

Plugins import only the names below and, in their tests, those of `recbench.testing`.
"""

from recbench.arguments import check_options
from recbench.attention import Attention, attention
from recbench.checking.plugin import PluginCheck, check_plugin
from recbench.compare import Comparison, Comparisons, compare
from recbench.curves import Curves, curves
from recbench.data.dataset import Dataset
from recbench.data.interactions import Interactions
from recbench.data.load import load_dataset
from recbench.data.make_split import split
from recbench.data.split import Split
from recbench.data.validation_data import validation_split
from recbench.data.where import Where
from recbench.errors import RecbenchError, UsageError, counted, printable
from recbench.evaluation.ranking import Ranking
from recbench.evaluation.referee import evaluate
from recbench.evaluation.uncertainty import Value
from recbench.explain import Explanation, explain
from recbench.export import ExportedSplit, export_split
from recbench.hookspecs import hookimpl
from recbench.inspect_user import Inspection, inspect_user
from recbench.isolation.memory import free_memory
from recbench.jobs.threads import job_environment, usable_cores
from recbench.models.checkpoint import read_checkpoint, write_checkpoint
from recbench.models.fitted import check_fitted, load_arrays, save_arrays
from recbench.models.protocols import (
    Attentive,
    Explainer,
    Lister,
    Model,
    Resumable,
    Scorer,
    Storable,
)
from recbench.plugins import load_plugins
from recbench.progress import Progress
from recbench.recommend import recommend
from recbench.recommending.recommendations import Recommendation, Recommendations
from recbench.report.html_table import draw_html
from recbench.report.text import draw_table, wrap_text
from recbench.reported import report_validation
from recbench.results.by_group import GroupValue
from recbench.results.footer import footer_lines, left_out_lines
from recbench.results.result import Result, metric_label
from recbench.results.results import Results
from recbench.results.row import Row
from recbench.results.section import Section
from recbench.run import run
from recbench.scaffold.new import NewPlugin, new_plugin
from recbench.selfcheck import SelfCheck, selfcheck
from recbench.space import Choice, Float, Int
from recbench.store.store import Store
from recbench.table import table
from recbench.trials import trials
from recbench.tune import TuningInterrupted, tune
from recbench.tuning.study import Study, StudyTrial
from recbench.tuning.trial_list import Trials
from recbench.tuning.tuning import Tuning
from recbench.verification import Verification
from recbench.verify import verify

__all__ = [
    "Attention",
    "Attentive",
    "Choice",
    "Comparison",
    "Comparisons",
    "Curves",
    "Dataset",
    "Explainer",
    "Explanation",
    "ExportedSplit",
    "Float",
    "GroupValue",
    "Inspection",
    "Int",
    "Interactions",
    "Lister",
    "Model",
    "NewPlugin",
    "PluginCheck",
    "Progress",
    "Ranking",
    "RecbenchError",
    "Recommendation",
    "Recommendations",
    "Result",
    "Results",
    "Resumable",
    "Row",
    "Scorer",
    "Section",
    "SelfCheck",
    "Split",
    "Storable",
    "Store",
    "Study",
    "StudyTrial",
    "Trials",
    "Tuning",
    "TuningInterrupted",
    "UsageError",
    "Value",
    "Verification",
    "Where",
    "attention",
    "check_fitted",
    "check_options",
    "check_plugin",
    "compare",
    "counted",
    "curves",
    "draw_html",
    "draw_table",
    "evaluate",
    "explain",
    "export_split",
    "footer_lines",
    "free_memory",
    "hookimpl",
    "inspect_user",
    "job_environment",
    "left_out_lines",
    "load_arrays",
    "load_dataset",
    "load_plugins",
    "metric_label",
    "new_plugin",
    "printable",
    "read_checkpoint",
    "recommend",
    "report_validation",
    "run",
    "save_arrays",
    "selfcheck",
    "split",
    "table",
    "trials",
    "tune",
    "usable_cores",
    "validation_split",
    "verify",
    "wrap_text",
    "write_checkpoint",
]
