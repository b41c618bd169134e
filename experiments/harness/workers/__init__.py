"""Who trains what: processes, a worker for each implementation, and how far they are."""
