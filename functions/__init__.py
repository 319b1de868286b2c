"""The Lambda functions: one folder each, with a handler of a few dozen lines in app.py."""
