"""What operators order: commands, the holds that come of them, and their way to the loop."""
