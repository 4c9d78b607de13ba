"""The node: the one place that sees the store, the network and the API."""
