"""Least privilege, shown: what each role needs against what the templates grant (``python -m checks.permissions``).

Needed is what the workflows' definitions imply (`rehearsal.stepfunctions.permissions`, the table that the rehearsal
enforces too), what settings of functions and workflows imply (`needed`), what S3 asks besides (`storage`), and what the
end-to-end tests and the demo were seen to use (``recorded.json``).
"""

from checks.permissions.check import check

__all__ = ["check"]
