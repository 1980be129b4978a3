"""The clients that are measured, one a file, all behind the interface of contract.py; registry.py finds them."""
