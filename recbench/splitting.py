"""Step 2, split: a splitter by its name, on a dataset that is loaded."""

from __future__ import annotations

from .dataset import Dataset
from .errors import RecbenchError, UsageError, said
from .plugins import Plugins
from .spec import Spec
from .split import Split


def split_of(plugins: Plugins, data: Dataset, split: str) -> tuple[str, Split]:
    """How the splitter is called, with its options, and what it gives."""
    spec = Spec.parse(split)
    splitter = plugins.build("splitters", spec)
    try:
        parts = splitter.split(data.interactions)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        plugin = plugins.find("splitters", spec.name).plugin
        raise RecbenchError(f"splitter {spec} (plugin {plugin}) failed: {said(error)}") from error
    if not isinstance(parts, Split):
        raise RecbenchError(f"splitter {spec} gave {type(parts).__name__}, wanted a Split")
    return str(spec), parts
