"""The rows of the registry, by kind: each provider stands in exactly one of these files, and its name nowhere else."""
