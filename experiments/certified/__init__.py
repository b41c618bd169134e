"""Certified results."""
