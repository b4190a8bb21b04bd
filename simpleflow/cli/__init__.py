"""The command ``simpleflow``: one file per noun."""
