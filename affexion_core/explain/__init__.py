"""Where a model looks, and whether that says what its answer rests on."""
