"""The training text of ollm-tiny: every conversation is made by these scripts from a seed."""
