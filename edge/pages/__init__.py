"""Pages that no method serves: the API description, its reader, and a page for each error reason."""
