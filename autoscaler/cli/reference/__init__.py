"""The pages of docs/ that say what the code says: made from the config's model and from the commands' help.

python -m autoscaler.cli.reference [FOLDER]     writes them; a test fails where a committed page differs
"""
