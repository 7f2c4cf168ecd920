"""helloworld: says which version and which replica answered. `python -m helloworld v1 5000`."""
