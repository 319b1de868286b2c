"""The job scripts' own modules, importable as in a job."""

import sys

from tests.jobs.workbench import JOBS

sys.path.insert(0, str(JOBS))
