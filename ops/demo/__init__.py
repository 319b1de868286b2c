"""`muster demo`: the whole story on one machine, told line by line while it happens."""
