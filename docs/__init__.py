"""The documents of Muster. ``docs.generate`` renders those of them that the code, the templates and the workflows already say."""
