"""Who trains what, and where: processes of this machine or of a cluster, and how far they are."""
