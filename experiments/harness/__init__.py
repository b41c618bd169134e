"""The harness: runs the experiments, compares the implementations, stores and shows the results."""
