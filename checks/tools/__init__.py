"""The public judges of what deploys: ``python -m checks.tools lint`` (fast) and ``prove`` (what takes longer).

Each module runs one tool and turns what it says into a `Report`: version, findings, and what is accepted with its reason.
"""
