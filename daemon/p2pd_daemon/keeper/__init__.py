"""Keeping for others: what makes a daemon or a bootstrap node a store node. It joins no rooms and has no keys."""
