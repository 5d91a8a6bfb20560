"""Settlement's vocabulary as pure values: standard library only, no I/O, no clock, no floats."""
