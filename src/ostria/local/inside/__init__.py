"""Small programs that start inside namespaces: they import nothing but the standard library, so that each costs a few milliseconds."""
