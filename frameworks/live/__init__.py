"""Models of one's own, live: copied, traced, compared, and the causes of what differs proven."""
