"""Each file here runs in the environment of another package: a chain and a fan-out, each in a database of its own.

It is given the directory for what it stores, the steps of the chain and those of the fan-out, and prints a line of JSON
for each: ``{"shape": "chain", "seconds": 0.4, "result": 200}``, the time from the start of the workflow to its end.
"""
