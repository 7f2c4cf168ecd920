"""Names: the cluster's from memory, the rest of the world's from the machine's own resolver."""
