"""Checks of what deploys, where public tools are blind: ``python -m checks``.

Each module has one public function from parsed files to findings with file and line. Nothing is deployed, no network is
used.
"""
