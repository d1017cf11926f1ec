"""The spool: what outlives the process of a request record that is not in the database yet.

`frames` and `entries` say what the bytes are, `segment` is one file, `spool` the files of this process, `orphans` those
of processes that died, `sync` when the disk itself is asked.
"""
