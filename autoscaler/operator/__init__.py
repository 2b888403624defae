"""The operator: commands, the holds that they leave, and their way to the loop."""
