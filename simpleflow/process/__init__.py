"""The execution of tasks: finding what a task names, and carrying it out."""
