"""The function `move_champion`."""
