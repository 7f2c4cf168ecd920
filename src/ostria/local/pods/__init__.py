"""One pod: orders for its containers, its sidecar and capture rules, its processes, and its life from first to last (`run`)."""
