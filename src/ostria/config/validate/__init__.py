"""What the types alone can't say about one object: Istio's and Kubernetes' own rules, one module per kind.

In goes an object with its namespace filled in, out come issues; an error refuses the object, a warning does not. What needs several objects to judge
(a route to a host that does not exist) is not found here.
"""

from ostria.config.validate.kinds import validate

__all__ = ["validate"]
