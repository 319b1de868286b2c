"""What Muster's own job scripts share. Runs in the model's framework image: standard library and numpy only."""
