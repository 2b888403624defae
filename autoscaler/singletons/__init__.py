"""What runs exactly once beside the fleets: its states and the steps of one tick."""
