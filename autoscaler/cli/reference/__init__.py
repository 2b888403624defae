"""The pages of docs/ that are made from the config's models and the commands' help.

python -m autoscaler.cli.reference [FOLDER]     writes them; a test fails where a committed page differs
"""
