"""Outside the flow: all rules for models, in the order in which they are checked."""

from __future__ import annotations

from recbench.checking import model_rules, saving, spaces, usefulness
from recbench.checking.rule import Rule
from recbench.models.in_process import READ_ONLY

CONTRACT = (
    Rule("fit returns the model itself", model_rules.fits),
    Rule("its input stays unchanged", model_rules.leaves_input, owns=(READ_ONLY,)),
    Rule(
        "scores or lists have the right shape and type, and are finite",
        model_rules.answers,
        owns=("score returned", "recommend returned"),
    ),
    Rule("very short and very long histories get recommendations", model_rules.knows_unusual),
    Rule("unknown users get recommendations", model_rules.knows_unknown_users),
    Rule("empty histories get recommendations or a clear error", model_rules.knows_empty),
    Rule("recommendations do not depend on the batch", model_rules.ignores_batch),
    Rule("recommendations do not depend on the order of users", model_rules.ignores_order),
    Rule("explanations are valid and reproducible", model_rules.explains),
    Rule("attention weights are valid and reproducible", model_rules.attends),
    Rule("a saved and loaded model gives the same recommendations", saving.saves),
    Rule("the same seed and data give the same model", model_rules.same_seed),
    Rule("recommendations do not depend on earlier calls", model_rules.forgets_questions),
    Rule("users without training data get recommendations", model_rules.knows_absent_users),
    Rule("training data can have several histories of a user", model_rules.knows_windows),
    Rule(
        "works without ids, titles and features, or says what it needs",
        model_rules.knows_no_features,
    ),
    Rule("works without times and ratings, or says what it needs", model_rules.knows_no_times),
    Rule("an interrupted training resumes and gives the same model", saving.resumes),
    Rule("the search space fits the options", spaces.fits_options),
)
"""What `recbench.testing.check_model` checks. A rule that needs the fitted model, and leaves it as
it is, comes before those that start others."""

RULES = (
    *CONTRACT,
    Rule(f"beats `{usefulness.RANDOM}` where there is something to learn", usefulness.beats_random),
    Rule("memory grows no faster than the square of the catalogue", usefulness.needs_memory),
    Rule("leaves no thread or process behind", model_rules.leaves_nothing),
)
"""What `recbench plugin check` checks: also what takes longer or needs separate processes."""
