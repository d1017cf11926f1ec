"""What every request cost and how it went: prices, and the records of operations and attempts on their way to storage.

Nothing here is on the path of an answer: `record` returns at once, and a database that is away delays rows, not calls.
"""
