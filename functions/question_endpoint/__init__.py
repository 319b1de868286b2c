"""The function `question_endpoint`."""
