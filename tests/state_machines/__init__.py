"""Tests of the rendered workflows: their text, and hundreds of runs of it in virtual time."""
