"""Outside the flow: all rules for models, in the order in which they are checked."""

from __future__ import annotations

from recbench.checking import model_rules, saving, usefulness
from recbench.checking.rule import Rule
from recbench.models.in_process import READ_ONLY

CONTRACT = (
    Rule("fit returns the model itself", model_rules.fits),
    Rule("what it is given stays unchanged", model_rules.leaves_input, owns=(READ_ONLY,)),
    Rule(
        "answers are finite, with the right shape and type",
        model_rules.answers,
        owns=("score returned", "recommend returned"),
    ),
    Rule("histories of one item and long ones get answers", model_rules.knows_unusual),
    Rule("unknown users get answers", model_rules.knows_unknown_users),
    Rule("empty histories get answers or a clear error", model_rules.knows_empty),
    Rule("answers do not depend on the batch", model_rules.ignores_batch),
    Rule("answers do not depend on the order of users", model_rules.ignores_order),
    Rule("explanations are valid and reproducible", model_rules.explains),
    Rule("attention weights are valid and reproducible", model_rules.attends),
    Rule("a saved and loaded model gives the same answers", saving.saves),
    Rule("the same seed and data give the same model", model_rules.same_seed),
    Rule("answers do not depend on what was asked before", model_rules.forgets_questions),
    Rule("users without training data get answers", model_rules.knows_absent_users),
    Rule("training data can have several histories of a user", model_rules.knows_windows),
    Rule("no ids, titles and features are needed, or it says so", model_rules.knows_no_features),
    Rule("no times and ratings are needed, or it says so", model_rules.knows_no_times),
    Rule("an interrupted training resumes to the same model", saving.resumes),
)
"""What `recbench.testing.check_model` checks. A rule that needs the fitted model, and leaves it as
it is, comes before those that start others."""

RULES = (
    *CONTRACT,
    Rule(f"beats `{usefulness.RANDOM}` where there is something to learn", usefulness.beats_random),
    Rule("memory grows at most with the square of the catalogue", usefulness.needs_memory),
    Rule("no thread or process is left when it ends", model_rules.leaves_nothing),
)
"""What `recbench plugin check` checks: also what takes longer or needs separate processes."""
