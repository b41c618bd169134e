"""The experiments, a page each."""
