"""`make bench`: speed, size and cost, measured in one run and shown beside what they have to be. Nothing here decides a test."""
