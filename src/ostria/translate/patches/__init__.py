"""EnvoyFilter: patches that users write against generated resources, applied between building and serializing.

A `PatchSet` and a place (stage and context) come in, `select` narrows them to `Patches`, which is small, compares by what it holds and stands in
cache keys, so that a patch of HTTP filters rebuilds no cluster. `Patches.apply` changes a message, `Patches.added` gives whole new resources.
"""

from ostria.translate.patches.selection import Context, Patched, Patches, Stage, select
from ostria.translate.patches.value import problem_of

__all__ = ["Context", "Patched", "Patches", "Stage", "problem_of", "select"]
