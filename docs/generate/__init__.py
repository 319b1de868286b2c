"""Renders the generated documents: ``python -m docs.generate`` (``make docs``).

``docs/reference.md`` (contracts, functions, events, errors) comes from the Python code, ``docs/workflows.md`` from the rendered
state machines, and the table of parameters in ``docs/deploying.md`` from ``template.yaml``.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
