"""Benchmarks that anybody can run: `make bench`, or `python -m benchmarks [NAME…]`. See README.md beside this file."""
