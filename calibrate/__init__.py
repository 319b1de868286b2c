"""`make calibrate`: how often the drift rules alarm on nothing and find what is there, beside the rules of other tools."""
