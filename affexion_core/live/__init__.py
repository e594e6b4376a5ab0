"""Recognition while somebody speaks: sound comes in as packets, readings come out every quarter of a second."""
